"""The database: one URL, SQLite by default or PostgreSQL, and the two ways to use it: reading and writing.

A writing block is one transaction: what it did is on disk when the block ends, or nothing of it is there.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry

log = logging.getLogger(__name__)

DATABASE_FILE = "xuntu.sqlite3"
MIGRATIONS_FOLDER = Path(__file__).with_name("migrations")

_BUSY_SECONDS = 30  # SQLite has one writer at a time; the others wait this long
_CONNECTIONS = 10
_CONNECT_SECONDS = 5  # to a server; a lost one must be noticed while somebody waits
_SILENCE_MS = 10_000  # of the network, until a connection counts as lost
_WRITES = "xuntu_writes"  # execution option of a transaction that will write


class DatabaseUnusable(Exception):
    """The database cannot be opened or brought to this version. The message says why and what to do."""


def default_url(data_folder: Path) -> str:
    """SQLite in the data folder."""
    return f"sqlite:///{data_folder.absolute() / DATABASE_FILE}"


def insert_or_change(session: Session, table: type[DeclarativeBase]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT, which both databases have but each says in its own dialect."""
    on_sqlite = session.get_bind().dialect.name == "sqlite"
    return sqlite.insert(table) if on_sqlite else postgresql.insert(table)


class Database:
    """Connections to one database. Threads may share it; processes may not: open it after a fork."""

    def __init__(self, url: str) -> None:
        self._engine = _create_engine(url)
        self._writing_engine = self._engine.execution_options(**{_WRITES: True})

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a SQLite file."""
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One consistent view; changes are not kept."""
        with Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction, committed at the end of the block, undone if the block raises."""
        with Session(self._writing_engine, expire_on_commit=False) as session, session.begin():
            yield session

    def migrate(self) -> None:
        """Bring the schema to the one of this version, making it where there is none.

        Raises:
            DatabaseUnusable: it cannot be reached, or it was made by a later version.
        """
        if self._is_newest():
            return
        from alembic import command  # takes a fifth of a second, and only the start needs it
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS_FOLDER))
        try:
            with self._writing_engine.begin() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except CommandError as error:
            cure = "start the version of the service that last used it, or restore a backup"
            raise DatabaseUnusable(f"{self.name}: its schema is not known here ({error}); {cure}") from error
        except SQLAlchemyError as error:
            raise DatabaseUnusable(
                f"{self.name}: {_reason(error)}; correct XUNTU_DATABASE_URL or its rights"
            ) from error

    def _is_newest(self) -> bool:
        """Whether the schema is this version's already: most starts need not load Alembic to know it."""
        newest = max(path.name for path in (MIGRATIONS_FOLDER / "versions").glob("[0-9]*.py")).partition("_")[0]
        try:
            with self._engine.connect() as connection:
                found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
        except SQLAlchemyError:  # no table yet; or no database, which the migration says better
            return False
        return found == [newest]

    def answers(self) -> bool:
        """Whether a question is answered now."""
        try:
            with self._engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            log.error("the database does not answer: %s", _reason(error))
            return False
        return True

    @property
    def name(self) -> str:
        """The URL without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _create_engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise DatabaseUnusable(f"{parsed.get_backend_name()}: XUNTU_DATABASE_URL takes sqlite:/// or postgresql://")
        options: dict[str, Any] = {"pool_size": _CONNECTIONS, "max_overflow": 0, "pool_pre_ping": True}
        options |= {"pool_timeout": _BUSY_SECONDS, "hide_parameters": True}  # which would tell the log who and where
        if parsed.get_backend_name() == "sqlite":
            options |= {"connect_args": {"timeout": _BUSY_SECONDS, "check_same_thread": False}}
        else:
            options |= {"connect_args": {"connect_timeout": _CONNECT_SECONDS, "tcp_user_timeout": _SILENCE_MS}}
        engine = create_engine(parsed, **options)
    except ArgumentError as error:
        raise DatabaseUnusable(f"XUNTU_DATABASE_URL: {error}; expected sqlite:/// or postgresql://") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later would fail, not wait, where another one wrote in between.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _reason(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
