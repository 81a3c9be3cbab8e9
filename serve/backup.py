"""Backup: the rows and the kept photos of a service in one tar file, the same whichever database and store they are in.

    xuntu.json              format of the file, revision of the schema, when it was made
    tables/<name>.jsonl     one row a line, tables in an order in which they can be filled
    photos/<sha256>         each file that a row names
    end.json                rows and SHA-256 of each table, how many photos, and those whose file was gone

The rows are one consistent view; the service may go on meanwhile. A photo that a purge removes between its row and its
file is missing in the backup, and `restore` says of its row that it is no longer kept. Notes of loose files and leases
belong to the running service and are left out.
"""

import base64
import hashlib
import io
import json
import logging
import os
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Table as SqlTable
from sqlalchemy import exists, or_, select, text, union
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from serve.database import Database
from serve.photos.store import KeptPhotoDamaged, KeptPhotoMissing, PhotoStore
from serve.tables import CasePhoto, Lease, LooseFile, Table

log = logging.getLogger(__name__)

FORMAT = 1
FIRST = "xuntu.json"
LAST = "end.json"
TABLES = tuple(
    table for table in Table.metadata.sorted_tables if table.name not in (LooseFile.__tablename__, Lease.__tablename__)
)
"""In an order in which they can be filled."""

_ROWS_AT_ONCE = 1000


class BackupError(Exception):
    """A backup cannot be made or restored. The message says where, what was found and what to do."""


@dataclass(frozen=True, kw_only=True)
class TableContents:
    """What a backup holds of one table."""

    rows: int
    sha256: str
    """Of the lines."""


@dataclass(frozen=True, kw_only=True)
class BackupContents:
    """What a backup holds."""

    tables: Mapping[str, TableContents]
    photos: int
    missing: tuple[str, ...]
    """Addresses that a row names and whose file was not there or damaged."""


def table_member(table: SqlTable) -> str:
    """Name of the file in a backup that holds the rows of a table."""
    return f"tables/{table.name}.jsonl"


def photo_member(sha256: str) -> str:
    """Name of the file in a backup that holds a photo."""
    return f"photos/{sha256}"


def back_up(database: Database, store: PhotoStore, file: Path) -> BackupContents:
    """Write a backup, whole or not at all, readable by its owner alone. A file of that name is replaced. Blocks.

    Raises:
        BackupError: there is nothing to back up, or the file cannot be written.
        PhotoStoreError: the store does not answer.
    """
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as out:
                with tarfile.open(fileobj=out, mode="w") as tar:
                    contents = _write(database, store, tar, file.parent)
                out.flush()
                os.fsync(out.fileno())
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(file.parent)
    except OSError as error:
        raise BackupError(f"{file}: cannot be written ({error.strerror}); choose another place for it") from error
    return contents


def _write(database: Database, store: PhotoStore, tar: tarfile.TarFile, folder: Path) -> BackupContents:
    tables = {}
    with tempfile.TemporaryFile("w+", dir=folder) as addresses:
        with _view(database) as session:
            first = {
                "format": FORMAT,
                "revision": revision(database, session),
                "made_at": datetime.now(UTC).isoformat(),
            }
            _add_json(tar, FIRST, first)
            for table in TABLES:
                with tempfile.TemporaryFile("wb+", dir=folder) as lines:
                    tables[table.name] = _write_rows(session, table, lines)
                    _add(tar, table_member(table), lines, lines.tell())
            named = union(select(CasePhoto.kept_sha256), select(CasePhoto.original_sha256))
            for address in session.scalars(named.execution_options(yield_per=_ROWS_AT_ONCE)):
                if address is not None:
                    addresses.write(f"{address}\n")
        addresses.seek(0)
        photos, missing = _add_photos(database, store, tar, (line.strip() for line in addresses))
    contents = BackupContents(tables=tables, photos=photos, missing=tuple(missing))
    _add_json(tar, LAST, asdict(contents))
    return contents


@contextmanager
def _view(database: Database) -> Iterator[Session]:
    """All that is read in it was there at one moment."""
    with database.reading() as session:
        if not database.is_sqlite:  # a SQLite transaction is such a view anyway
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        yield session


def revision(database: Database, session: Session) -> str:
    """Revision of the schema.

    Raises:
        BackupError: there is none.
    """
    try:
        return str(session.scalar(text("SELECT version_num FROM alembic_version")))
    except SQLAlchemyError as error:
        raise BackupError(
            f"{database.name}: holds no data of this service; correct XUNTU_DATABASE_URL or XUNTU_DATA_FOLDER"
        ) from error


def _write_rows(session: Session, table: SqlTable, lines: IO[bytes]) -> TableContents:
    count = 0
    digest = hashlib.sha256()
    found = select(table).order_by(*table.primary_key.columns)
    for row in session.execute(found, execution_options={"yield_per": _ROWS_AT_ONCE}).mappings():
        line = json.dumps(dict(row), ensure_ascii=False, separators=(",", ":"), default=_plain).encode() + b"\n"
        lines.write(line)
        digest.update(line)
        count += 1
    return TableContents(rows=count, sha256=digest.hexdigest())


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"a column holds {type(value).__name__}, which the backup cannot write")


def _add_photos(
    database: Database, store: PhotoStore, tar: tarfile.TarFile, addresses: Iterator[str]
) -> tuple[int, list[str]]:
    added, missing = 0, []
    for address in addresses:
        try:
            data = store.get(address)
        except (KeptPhotoMissing, KeptPhotoDamaged) as error:
            missing.append(address)
            if _is_named(database, address):  # else it was purged meanwhile
                log.error("backed up without one photo: %s", error)
            continue
        _add(tar, photo_member(address), io.BytesIO(data), len(data))
        added += 1
    return added, missing


def _is_named(database: Database, address: str) -> bool:
    with database.reading() as session:
        named = or_(CasePhoto.kept_sha256 == address, CasePhoto.original_sha256 == address)
        return bool(session.scalar(select(exists().where(named))))


def _add_json(tar: tarfile.TarFile, name: str, content: object) -> None:
    data = json.dumps(content, ensure_ascii=False).encode()
    _add(tar, name, io.BytesIO(data), len(data))


def _add(tar: tarfile.TarFile, name: str, content: IO[bytes], length: int) -> None:
    member = tarfile.TarInfo(name)
    member.size = length
    member.mtime = int(time.time())
    member.mode = 0o600
    content.seek(0)
    tar.addfile(member, content)
    tar.members = []  # type: ignore[attr-defined]  # else it remembers each of perhaps a million photos


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
