"""Cases: what was reported, what the machine said, what people said, and how far it has come."""
