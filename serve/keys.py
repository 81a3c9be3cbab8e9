"""Who may use the service: keys, kept as hashes in `keys.json`.

A key is 256 random bits, so one SHA-256 protects it: slow password hashes defend words that people choose, and
nobody can try 2^256 keys.
"""

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

KEYS_FILE = "keys.json"
PREFIX = "xt_"  # lets people and secret scanners recognise a key

_KEY_BYTES = 32
_NAME_CHARACTERS = 64


class KeysError(Exception):
    """Keys cannot be read or changed as asked. The message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """One key as it is kept: never the key itself."""

    name: str
    sha256: str
    created: str  # ISO 8601, UTC


class Keys:
    """The keys of one data folder. Changes made by another process are seen at once."""

    def __init__(self, data_folder: Path) -> None:
        self._path = data_folder / KEYS_FILE
        self._read_at: tuple[int, int] | None = None  # time and inode of the file that `_keys` came from
        self._keys: tuple[Key, ...] = ()

    def all(self) -> Sequence[Key]:
        """Every key, oldest first.

        Raises:
            KeysError: the file is damaged or cannot be read.
        """
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._read_at, self._keys = None, ()
            return self._keys
        except OSError as error:
            raise KeysError(f"{self._path}: {error.strerror}; choose another by XUNTU_DATA_FOLDER") from error
        stamp = (found.st_mtime_ns, found.st_ino)
        if stamp != self._read_at:
            self._keys = _read(self._path)
            self._read_at = stamp
        return self._keys

    def holder(self, token: str) -> str | None:
        """The name of the key that `token` is, or None. Takes equally long for every wrong token."""
        given = _sha256(token)
        holder = None
        for key in self.all():
            if hmac.compare_digest(key.sha256, given):
                holder = key.name
        return holder

    def add(self, name: str) -> str:
        """Make a key; it is returned here and can never be shown again.

        Raises:
            KeysError: the name is taken or unfit, or the file cannot be written.
        """
        if not name.isprintable() or not 1 <= len(name.strip()) <= _NAME_CHARACTERS:
            raise KeysError(f"a key's name is 1 to {_NAME_CHARACTERS} printable characters, found {name!r}")
        if name in [key.name for key in self.all()]:
            raise KeysError(f"there is a key named {name!r} already; choose another name or revoke it first")
        token = PREFIX + secrets.token_urlsafe(_KEY_BYTES)
        created = datetime.now(UTC).isoformat(timespec="seconds")
        self._write([*self.all(), Key(name=name, sha256=_sha256(token), created=created)])
        return token

    def revoke(self, name: str) -> None:
        """Make a key useless from now on.

        Raises:
            KeysError: no key has this name, or the file cannot be written.
        """
        kept = [key for key in self.all() if key.name != name]
        if len(kept) == len(self.all()):
            raise KeysError(f"no key is named {name!r}; list them: python -m serve keys list")
        self._write(kept)

    def _write(self, keys: Sequence[Key]) -> None:
        """Whole or not at all, readable by the owner alone."""
        temporary = self._path.with_name(f".{KEYS_FILE}.{os.getpid()}")
        text = json.dumps({"keys": [asdict(key) for key in keys]}, ensure_ascii=False, indent=2) + "\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except OSError as error:
            cure = "give this user the right, or choose another by XUNTU_DATA_FOLDER"
            raise KeysError(f"{self._path}: cannot be written ({error.strerror}); {cure}") from error


def _read(path: Path) -> tuple[Key, ...]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return tuple(Key(**key) for key in content["keys"])
    except OSError as error:
        raise KeysError(f"{path}: cannot be read ({error.strerror}); run as the user who made it") from error
    except (ValueError, KeyError, TypeError) as error:
        cure = "restore it, or delete it and make new keys: python -m serve keys add NAME"
        raise KeysError(f"{path}: is damaged ({type(error).__name__}: {error}); {cure}") from error


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
