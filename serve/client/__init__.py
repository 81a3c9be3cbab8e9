"""A Python client of the service, and the command that uploads a folder."""
