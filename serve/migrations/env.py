"""Runs the steps of versions/ on the connection that serve/database.py gives."""

from alembic import context

from serve.tables import Table

context.configure(connection=context.config.attributes["connection"], target_metadata=Table.metadata)
context.run_migrations()
