"""Whether requests should be sent here: what the service stands on is looked at, in little time, and not too often."""

import asyncio
import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

log = logging.getLogger(__name__)

_PATIENCE_SECONDS = 2.0  # what has not answered by then does not answer
_FRESH_SECONDS = 1.0


class Check(StrEnum):
    """What must hold."""

    MODEL = "model"  # it has answered a first photo
    DATABASE = "database"  # it answers
    PHOTO_STORE = "photo_store"  # photos can be stored
    DISK = "disk"  # the data folder has room
    SHUTDOWN = "shutdown"  # none is under way


CODES: Mapping[Check, str] = {
    Check.SHUTDOWN: "shutting_down",
    Check.MODEL: "not_ready",
    Check.DATABASE: "storage_unavailable",
    Check.PHOTO_STORE: "storage_unavailable",
    Check.DISK: "disk_full",
}
"""The refusal of each check that does not hold, the first one first."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a look found."""

    checks: Mapping[Check, bool]
    free_bytes: int | None
    """In the data folder; None where it cannot be read."""

    def code(self) -> str | None:
        """Of the refusal, or None if all holds."""
        return next((code for check, code in CODES.items() if not self.checks[check]), None)


class Readiness:
    """The checks of one service. Belongs to one event loop, but for `begin_shutdown`."""

    def __init__(
        self,
        *,
        warm: Callable[[], bool],
        database_answers: Callable[[], bool],
        photo_store_answers: Callable[[], bool],
        data_folder: Path,
        least_free_bytes: int,
    ) -> None:
        self._warm = warm
        self._data_folder = data_folder
        self._least_free_bytes = least_free_bytes
        self._free_bytes: int | None = None
        self._shutting_down = False
        self._slow_checks = {
            Check.DATABASE: _SlowCheck(Check.DATABASE, database_answers),
            Check.PHOTO_STORE: _SlowCheck(Check.PHOTO_STORE, photo_store_answers),
            Check.DISK: _SlowCheck(Check.DISK, self._has_room),
        }

    def begin_shutdown(self) -> None:
        """From now on nothing is ready. May be called by a signal handler."""
        self._shutting_down = True

    async def look(self) -> Found:
        """What holds now, or did a second ago."""
        held = await asyncio.gather(*(check.holds() for check in self._slow_checks.values()))
        checks = dict(zip(self._slow_checks, held, strict=True))
        checks |= {Check.MODEL: self._warm(), Check.SHUTDOWN: not self._shutting_down}
        return Found(checks=checks, free_bytes=self._free_bytes)

    def _has_room(self) -> bool:
        self._free_bytes = None
        self._free_bytes = shutil.disk_usage(self._data_folder).free
        return self._free_bytes >= self._least_free_bytes


class _SlowCheck:
    """One question that may hang. At most one thread waits for its answer, so that hanging threads do not add up."""

    def __init__(self, check: Check, ask: Callable[[], bool]) -> None:
        self._check = check
        self._ask = ask
        self._asking: asyncio.Future[bool] | None = None
        self._held = False
        self._asked_at = -float("inf")

    async def holds(self) -> bool:
        if self._asking is None and time.monotonic() - self._asked_at < _FRESH_SECONDS:
            return self._held
        if self._asking is None:
            self._asking = self._start()
        try:
            return await asyncio.wait_for(asyncio.shield(self._asking), _PATIENCE_SECONDS)
        except TimeoutError:
            log.error("%s: no answer within %g s", self._check, _PATIENCE_SECONDS)
            return False

    def _start(self) -> asyncio.Future[bool]:
        loop = asyncio.get_running_loop()
        asking: asyncio.Future[bool] = loop.create_future()

        def finish(held: bool) -> None:
            self._held, self._asked_at, self._asking = held, time.monotonic(), None
            asking.set_result(held)

        def ask() -> None:
            try:
                held = self._ask()
            except Exception:
                log.exception("%s: cannot be checked", self._check)
                held = False
            if not loop.is_closed():
                loop.call_soon_threadsafe(finish, held)

        # A daemon: what hangs must not keep the process from ending, as the threads of a pool would.
        threading.Thread(target=ask, name=f"check-{self._check}", daemon=True).start()
        return asking
