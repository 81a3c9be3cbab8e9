"""How fast the service is, beside what the machine could do and beside other servers: `python -m benchmarks`."""
