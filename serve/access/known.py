"""Keys that have been recognised: a hash and a question to the database on each request would cost more than a photo.

That a key is right never changes, so it is checked once a process. That it has not been revoked is asked again after
RECHECK_SECONDS: a key revoked by another process opens nothing from then on, one revoked by this process at once.
"""

import hashlib
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from serve.access.keys import Key, find_key, key_by_id, note_use
from serve.database import Database

log = logging.getLogger(__name__)

RECHECK_SECONDS = 5
"""Between two questions to the database whether a key is still good."""

_NOTE_SECONDS = 60  # between two notes of when a key was used


class KnownKeys:
    """The keys in use, in the memory of one process; as many as there are keys. For the event loop's thread only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids: dict[bytes, str] = {}  # SHA-256 of a key that was right → its id
        self._keys: dict[str, tuple[Key, float]] = {}  # id → the key, and the second it was read
        self._noted: dict[str, float] = {}  # id → the second its use was noted
        self._forgotten = 0  # how often: what was read before is not kept after
        self._notes = ThreadPoolExecutor(1, thread_name_prefix="key-use")

    def has_seen(self, token: str) -> bool:
        """Whether `token` was right once."""
        return _sha256(token) in self._ids

    async def by_token(self, token: str) -> Key | None:
        """The key that `token` is, unless it is wrong or revoked."""
        digest = _sha256(token)
        key_id = self._ids.get(digest)
        if key_id is None:
            forgotten = self._forgotten
            key = await run_in_threadpool(find_key, self._database, token)
            if key is not None and forgotten == self._forgotten:
                self._ids[digest] = key.id
                self._keys[key.id] = (key, time.monotonic())
        else:
            key = await self._by_id(key_id)
            if key is None:
                self._ids.pop(digest, None)
        if key is not None:
            self.note_use(key)
        return key

    def note_use(self, key: Key) -> None:
        """Have it written, soon and by another thread, that the key was used; once a minute is enough."""
        now = time.monotonic()
        if now - self._noted.get(key.id, -_NOTE_SECONDS) >= _NOTE_SECONDS:
            self._noted[key.id] = now
            self._notes.submit(self._write_use, key.id, datetime.now(UTC))

    def forget(self, key_id: str) -> None:
        """Ask the database again: the key was revoked."""
        self._forgotten += 1
        self._keys.pop(key_id, None)

    def close(self) -> None:
        """Finish what is being written."""
        self._notes.shutdown()

    async def _by_id(self, key_id: str) -> Key | None:
        known, read_at = self._keys.get(key_id, (None, 0.0))
        if known is not None and time.monotonic() - read_at < RECHECK_SECONDS:
            return known
        forgotten = self._forgotten
        key = await run_in_threadpool(self._read, key_id)
        if key is None:
            self._keys.pop(key_id, None)
        elif forgotten == self._forgotten:
            self._keys[key_id] = (key, time.monotonic())
        return key

    def _read(self, key_id: str) -> Key | None:
        with self._database.reading() as session:
            return key_by_id(session, key_id)

    def _write_use(self, key_id: str, at: datetime) -> None:
        try:
            with self._database.writing() as session:
                note_use(session, key_id, at, timedelta(seconds=_NOTE_SECONDS - 1))
        except SQLAlchemyError:
            log.warning("it could not be written when key %s was last used", key_id, exc_info=True)


def _sha256(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
