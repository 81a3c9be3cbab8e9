"""What an operator sees of the service: metrics, logs, traces and whether it is ready."""
