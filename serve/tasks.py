"""What the running service does by itself: sweep loose files, purge what is older than its retention.

Every process runs the loops; a lease in the database says whose turn it is, so that of several workers and replicas
one does the work. The lease outlives the work: until it ends, the work counts as done. Work that two do at once, since
clocks differ or one was slow, must do no harm.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import delete
from starlette.concurrency import run_in_threadpool

from serve.database import Database, insert_or_change
from serve.photos.keeping import sweep
from serve.photos.retention import THE_SERVICE, purge
from serve.service import Service
from serve.tables import Lease
from serve.webhooks.endpoints import forget_messages

log = logging.getLogger(__name__)

SWEEP_SECONDS = 600
PURGE_SECONDS = 86_400

_ENDING_SECONDS = 20  # for work that is asked to end early


class Tasks:
    """Loops beside the requests, in the event loop that made them."""

    def __init__(self) -> None:
        self._ending = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    def go_on(self) -> bool:
        """Whether the service is still running: long work asks between its steps, from any thread."""
        return not self._ending.is_set()

    def run_every(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        """Do `work` now, and again this long after each time it ended. A failure is logged, and the loop goes on.

        What blocks is given as `partial(run_in_threadpool, work, …)`.
        """
        self._running.add(asyncio.create_task(self._repeat(seconds, work)))

    async def end(self) -> None:
        """Let the work in progress come to its end, and begin no other."""
        self._ending.set()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=_ENDING_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _repeat(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        while self.go_on():
            try:
                await work()
            except Exception:
                log.exception("periodic work failed; it is tried again in %g seconds", seconds)
            try:
                await asyncio.wait_for(self._ending.wait(), seconds)
            except TimeoutError:
                continue


def start_tasks(service: Service) -> Tasks:
    """Begin all periodic work of a service; end it before its database is closed."""
    tasks = Tasks()
    sweeping = partial(
        sweep, service.database, service.photo_store, service.settings.loose_file_seconds, go_on=tasks.go_on
    )
    purging = partial(
        purge,
        service.database,
        THE_SERVICE,
        retention_days=service.settings.retention_days,
        photo_retention_days=service.settings.photo_retention_days,
        go_on=tasks.go_on,
    )
    first = True

    def sweep_in_turn() -> None:
        nonlocal first
        if first:  # mends what a crash left, whoever had the turn when it crashed
            first = False
            sweeping()
        else:
            in_turn(service.database, "sweep", SWEEP_SECONDS * 0.9, sweeping)

    tasks.run_every(SWEEP_SECONDS, partial(run_in_threadpool, sweep_in_turn))
    tasks.run_every(
        SWEEP_SECONDS, partial(run_in_threadpool, in_turn, service.database, "purge", PURGE_SECONDS, purging)
    )
    forgetting = partial(forget_messages, service.database, service.settings.webhook_message_days)
    tasks.run_every(
        SWEEP_SECONDS, partial(run_in_threadpool, in_turn, service.database, "webhooks", PURGE_SECONDS, forgetting)
    )
    return tasks


def in_turn(database: Database, name: str, seconds: float, work: Callable[[], object]) -> bool:
    """Do `work` unless some process did it less than `seconds` ago; whether it was done. Blocks.

    Work that fails gives its turn back.
    """
    if not take_turn(database, name, seconds):
        return False
    try:
        work()
    except BaseException:
        give_back_turn(database, name)
        raise
    return True


def take_turn(database: Database, name: str, seconds: float) -> bool:
    """Whether it is this process's turn; then nobody else's until `seconds` have passed."""
    now = datetime.now(UTC)
    with database.writing() as session:
        taking = insert_or_change(session, Lease).values(name=name, until=now + timedelta(seconds=seconds))
        taken = taking.on_conflict_do_update(
            index_elements=[Lease.name], set_={Lease.until: taking.excluded.until}, where=Lease.until <= now
        ).returning(Lease.name)
        return session.scalar(taken) is not None


def give_back_turn(database: Database, name: str) -> None:
    """Let whoever asks next have the turn."""
    with database.writing() as session:
        session.execute(delete(Lease).where(Lease.name == name))
