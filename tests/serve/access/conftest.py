"""A database with this version's tables and nothing in them."""

import pytest

from serve.database import Database, default_url


@pytest.fixture
def database(tmp_path):
    database = Database(default_url(tmp_path))
    database.migrate()
    yield database
    database.close()
