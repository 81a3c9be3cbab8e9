"""Restore: a backup (serve/backup.py) into an empty database and its photo store, of the same kind or another.

The file is read in full and checked before anything is changed. Then the photos are written, noted as loose until the
rows, all in one transaction, name them. Whatever ends it early leaves an empty database and files that a sweep removes.
"""

import base64
import hashlib
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from sqlalchemy import LargeBinary, delete, func, insert, select, text, update
from sqlalchemy import Table as SqlTable
from sqlalchemy.orm import Session

from serve.backup import (
    FIRST,
    FORMAT,
    LAST,
    TABLES,
    BackupContents,
    BackupError,
    TableContents,
    photo_member,
    revision,
    table_member,
)
from serve.database import Database
from serve.photos.keeping import note_loose
from serve.photos.store import PhotoStore
from serve.tables import CasePhoto, Instant, LooseFile

_AT_ONCE = 500
_PIECE_BYTES = 1 << 20
_RESTORING = timedelta(days=7)  # the photos of the largest backup are written, and its rows, within this time


def restore(database: Database, store: PhotoStore, file: Path) -> BackupContents:
    """Fill an empty database, which it makes where there is none, and a photo store from a backup. Blocks.

    Raises:
        BackupError: the file is no whole backup, was made by another version, or the database is not empty.
        DatabaseUnusable: the database cannot be reached or made.
        PhotoStoreError: the store does not take the photos.
    """
    first, contents = _check(file)
    database.migrate()
    with database.reading() as session:
        _refuse_other_version(file, first, revision(database, session))
        _refuse_filled(database, session)
    _restore_photos(database, store, file)
    with database.writing() as session, _opened(file) as tar:
        _refuse_filled(database, session)
        by_member = {table_member(table): table for table in TABLES}
        for member, content in _members(tar):
            if member in by_member:
                _restore_rows(session, by_member[member], content)
        _forget_missing(session, contents)
        for column in (CasePhoto.kept_sha256, CasePhoto.original_sha256):
            session.execute(delete(LooseFile).where(LooseFile.sha256.in_(select(column).where(column.is_not(None)))))
        if not database.is_sqlite:
            _continue_numbers(session)
    return contents


def _check(file: Path) -> tuple[Mapping[str, Any], BackupContents]:
    """What the file says of itself at its beginning and its end, once everything in between agrees with it."""
    first: Mapping[str, Any] = {}
    last: Mapping[str, Any] = {}
    tables: dict[str, TableContents] = {}
    photos = 0
    with _opened(file) as tar:
        for name, content in _members(tar):
            kind, _, what = name.partition("/")
            if name == FIRST:
                first = json.load(content)
            elif name == LAST:
                last = json.load(content)
            elif kind == "tables":
                tables[what.removesuffix(".jsonl")] = _digest_table(content)
            elif kind == "photos":
                if _digest(content) != what:
                    raise _damaged(file, f"{name} holds something else")
                photos += 1
    if first.get("format") != FORMAT:
        raise BackupError(f"{file}: is no backup that this version can read; make one by python -m serve backup")
    if not last:
        raise _damaged(file, f"{LAST} is missing")
    contents = BackupContents(tables=tables, photos=photos, missing=tuple(last["missing"]))
    if json.loads(json.dumps(asdict(contents))) != last:
        raise _damaged(file, "it does not hold what it says at its end")
    return first, contents


def _digest_table(lines: IO[bytes]) -> TableContents:
    digest = hashlib.sha256()
    rows = 0
    for line in lines:
        digest.update(line)
        rows += 1
    return TableContents(rows=rows, sha256=digest.hexdigest())


def _digest(content: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := content.read(_PIECE_BYTES):
        digest.update(piece)
    return digest.hexdigest()


def _refuse_other_version(file: Path, first: Mapping[str, Any], here: str) -> None:
    if first["revision"] != here:
        cure = "restore with the version that made it, then start this one, which brings it up to date"
        raise BackupError(f"{file}: was made with schema {first['revision']}, this version has {here}; {cure}")


def _refuse_filled(database: Database, session: Session) -> None:
    for table in TABLES:
        if session.execute(select(table.primary_key.columns[0]).limit(1)).first() is not None:
            cure = "restore into a new database, by XUNTU_DATABASE_URL or XUNTU_DATA_FOLDER"
            raise BackupError(f"{database.name}: is not empty ({table.name} has rows); {cure}")


def _restore_photos(database: Database, store: PhotoStore, file: Path) -> None:
    with _opened(file) as tar:
        for name, content in _members(tar):
            address = name.removeprefix(photo_member(""))
            if address == name:
                continue
            with database.writing() as session:
                note_loose(session, [address], datetime.now(UTC) + _RESTORING)
            store.put(address, content.read())


def _restore_rows(session: Session, table: SqlTable, lines: IO[bytes]) -> None:
    rows: list[dict[str, Any]] = []
    for line in lines:
        rows.append({name: _stored(table, name, value) for name, value in json.loads(line).items()})
        if len(rows) == _AT_ONCE:
            session.execute(insert(table), rows)
            rows.clear()
    if rows:
        session.execute(insert(table), rows)


def _stored(table: SqlTable, name: str, value: Any) -> Any:
    if value is None:
        return None
    kind = table.columns[name].type
    if isinstance(kind, Instant):
        return datetime.fromisoformat(value)
    return base64.b64decode(value) if isinstance(kind, LargeBinary) else value


def _forget_missing(session: Session, contents: BackupContents) -> None:
    for start in range(0, len(contents.missing), _AT_ONCE):
        gone = contents.missing[start : start + _AT_ONCE]
        for column in (CasePhoto.kept_sha256, CasePhoto.original_sha256):
            session.execute(update(CasePhoto).where(column.in_(gone)).values({column: None}))


def _continue_numbers(session: Session) -> None:
    """PostgreSQL counts apart from the rows: go on after the highest number restored."""
    for table in TABLES:
        if (column := table.autoincrement_column) is not None:
            highest = session.scalar(select(func.max(column)))
            if highest is not None:
                number = text("SELECT setval(pg_get_serial_sequence(:table, :column), :highest)")
                session.execute(number, {"table": table.name, "column": column.name, "highest": highest})


@contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(file, "r:") as tar:
            yield tar
    except (tarfile.TarError, ValueError, KeyError, EOFError) as error:
        raise _damaged(file, str(error)) from error
    except OSError as error:
        raise BackupError(f"{file}: cannot be read ({error.strerror or error}); name another file") from error


def _members(tar: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    while (member := tar.next()) is not None:
        tar.members = []  # type: ignore[attr-defined]  # else it remembers each of perhaps a million photos
        content = tar.extractfile(member)
        if content is not None:
            yield member.name, content


def _damaged(file: Path, reason: str) -> BackupError:
    return BackupError(f"{file}: is cut off or damaged ({reason}); copy it again or take an earlier backup")
