"""What `python -m serve keys` does."""

import argparse
from collections.abc import Iterator

from serve.access.caller import Caller
from serve.access.keys import COMMAND_LINE, KeysError, add_key, list_keys, revoke_key
from serve.access.known import RECHECK_SECONDS
from serve.access.roles import Role
from serve.cases.audit import record
from serve.database import Database
from serve.tables import AccessKey

_OPERATOR = Caller(key_name=COMMAND_LINE, role=Role.ADMIN)


def manage_keys(database: Database, given: argparse.Namespace) -> Iterator[str]:
    """Do what is asked, and say line by line what was done.

    Raises:
        KeysError: why it is not done.
    """
    match given.action:
        case "add":
            token = _add(database, given.name, Role(given.role), given.requests_per_minute)
            yield f"Key {given.name!r}, shown this once; send it as the header  Authorization: Bearer {token}"
        case "revoke":
            with database.writing() as session:
                revoke_key(session, given.name)
                record(session, _OPERATOR, "key.revoked", content={"name": given.name})
            yield f"Key {given.name!r} is revoked; a running service knows within {RECHECK_SECONDS} seconds."
        case "list":
            with database.reading() as session:
                yield from map(_line, list_keys(session))


def _add(database: Database, name: str, role: Role, requests_per_minute: int | None) -> str:
    if requests_per_minute is not None and requests_per_minute < 0:
        raise KeysError(f"--requests-per-minute is {requests_per_minute}, it must be at least 0")
    with database.writing() as session:
        token = add_key(session, name, role, requests_per_minute)
        record(session, _OPERATOR, "key.added", content={"name": name, "role": role})
    return token


def _line(key: AccessKey) -> str:
    used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never"
    revoked = f"  revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else ""
    return f"{key.created_at:%Y-%m-%d}  {key.role:8}  used {used:16}  {key.name}{revoked}"
