"""Keys: `xt_<id>_<secret>`, shown once and kept as a row of access_keys that holds a hash of the secret.

The hash is Argon2id with light parameters, on purpose. Memory-hard hashing defends words that people choose; the secret
is 256 random bits, which nobody tries out even where one try costs nothing. One check takes 0.4 ms and 1 MiB, so that a
flood of wrong keys cannot stop a machine of two cores.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from serve.access.roles import Role
from serve.database import Database
from serve.tables import AccessKey

LOCAL = "local"
"""Name of whoever uses this machine where no key is demanded."""
COMMAND_LINE = "command line"
"""Name of whoever manages keys and photos by `python -m serve`."""
NAME_RULE = f"1 to 64 printable characters without /, and neither . nor .. nor {LOCAL!r} nor {COMMAND_LINE!r}"

_ID_BYTES = 8
_SECRET_BYTES = 32
_FORM = re.compile(r"xt_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")  # xt_ lets people and secret scanners recognise a key
_NAME_CHARACTERS = 64
_RESERVED = (LOCAL, COMMAND_LINE, ".", "..")

_HASHER = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
_NOBODYS_HASH = _HASHER.hash(secrets.token_urlsafe(_SECRET_BYTES))  # checked where no key is found: as slow, never true


class KeysError(Exception):
    """Keys cannot be changed as asked. The message says why and what to do."""


class KeyNameTaken(KeysError):
    """There is, or once was, a key of this name: the audit log and cases tell callers apart by it."""


class NoSuchKey(KeysError):
    """No key has this name."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """What the service knows of a key that may be used."""

    id: str
    name: str
    role: Role
    requests_per_minute: int | None
    """None: as the settings say; 0: without limit."""


def is_name(name: str) -> bool:
    """Whether a key may be named so, see NAME_RULE."""
    fits = name == name.strip() and name.isprintable() and 1 <= len(name) <= _NAME_CHARACTERS
    return fits and "/" not in name and name not in _RESERVED


def add_key(session: Session, name: str, role: Role, requests_per_minute: int | None = None) -> str:
    """Make a key; it is returned here and can never be shown again.

    Raises:
        KeysError: the name is unfit.
        KeyNameTaken: names are unique for ever, those of revoked keys included.
    """
    if not is_name(name):
        raise KeysError(f"a key's name is {NAME_RULE}; found {name!r}")
    if session.scalar(select(AccessKey.id).where(AccessKey.name == name)) is not None:
        raise KeyNameTaken(f"there is or was a key named {name!r}; choose another name")
    key_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    session.add(
        AccessKey(
            id=key_id,
            name=name,
            role=role,
            hash=_HASHER.hash(secret),
            requests_per_minute=requests_per_minute,
            created_at=datetime.now(UTC),
        )
    )
    return f"xt_{key_id}_{secret}"


def revoke_key(session: Session, name: str) -> str:
    """Make a key useless from now on; returns its id. A second time changes nothing.

    Raises:
        NoSuchKey: by this name.
    """
    row = session.scalar(select(AccessKey).where(AccessKey.name == name)) if is_name(name) else None
    if row is None:
        raise NoSuchKey(f"no key is named {name!r}; list them: python -m serve keys list")
    row.revoked_at = row.revoked_at or datetime.now(UTC)
    return row.id


def list_keys(session: Session) -> Sequence[AccessKey]:
    """Every key that ever was, oldest first."""
    return session.scalars(select(AccessKey).order_by(AccessKey.created_at, AccessKey.name)).all()


def find_key(database: Database, token: str) -> Key | None:
    """The key that `token` is, unless it is wrong or revoked. Takes equally long whatever is wrong with it."""
    form = _FORM.fullmatch(token)
    key_id, secret = form.groups() if form else ("", "")
    with database.reading() as session:
        row = session.get(AccessKey, key_id)
    try:
        _HASHER.verify(row.hash if row else _NOBODYS_HASH, secret)
    except VerifyMismatchError:
        return None
    return _usable(row)


def key_by_id(session: Session, key_id: str) -> Key | None:
    """The key of this row, unless it is revoked."""
    return _usable(session.get(AccessKey, key_id))


def note_use(session: Session, key_id: str, at: datetime, at_least: timedelta) -> None:
    """Say when a key was last used, unless it has been said less than `at_least` before."""
    older = (AccessKey.last_used_at.is_(None)) | (AccessKey.last_used_at <= at - at_least)
    session.execute(update(AccessKey).where(AccessKey.id == key_id, older).values(last_used_at=at))


def _usable(row: AccessKey | None) -> Key | None:
    if row is None or row.revoked_at is not None:
        return None
    return Key(id=row.id, name=row.name, role=Role(row.role), requests_per_minute=row.requests_per_minute)
