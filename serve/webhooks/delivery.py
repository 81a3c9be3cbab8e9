"""Delivers the messages of the outbox, at least once each, in whichever process is alive.

A message is taken under a lease, sent, and what came of it is noted. A process that dies in between leaves the lease,
which runs out, and the message is sent again with the same id: receivers tell the second one by it. What is noted
counts only under the lease it was sent under, so that a replay asked for meanwhile is not lost.
"""

import asyncio
import contextlib
import logging
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, event, exists, or_, select, update
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from serve.cases.audit import record
from serve.database import Database
from serve.observe.metrics import Delivery
from serve.photos.retention import THE_SERVICE
from serve.settings import Settings
from serve.tables import WebhookEndpoint, WebhookMessage
from serve.webhooks.endpoints import MOST_ENDPOINTS, close_endpoint
from serve.webhooks.outbox import ANNOUNCED
from serve.webhooks.sending import EndpointGone, NotDelivered, Sender

log = logging.getLogger(__name__)

AT_ONCE_PER_ENDPOINT = 4
"""Messages on their way to one endpoint from one process: a slow one holds up no other."""

_JITTER = 0.2  # of the delay, at most, so that what failed together does not come together
_LOOK_SECONDS = 3
_LEASE_MARGIN = timedelta(seconds=20)  # beyond the longest attempt, for noting what came of it
_ENDING_SECONDS = 5
_ERROR_CHARACTERS = 500


@dataclass(frozen=True, kw_only=True)
class TakenMessage:
    """A message that this process sends, until its lease runs out."""

    id: str
    endpoint_id: str
    url: str
    secret: str
    body: str
    attempts: int
    leased_until: datetime


def take_due(
    database: Database, now: datetime, lease: timedelta, room: Callable[[str], int] = lambda _: AT_ONCE_PER_ENDPOINT
) -> Sequence[TakenMessage]:
    """Messages that are due, now nobody else's until the lease runs out. Blocks.

    Args:
        room: how many may be taken for an endpoint, by its id.
    """
    due = _is_due(now)
    with database.reading() as session:
        with_due = exists().where(WebhookMessage.endpoint_id == WebhookEndpoint.id, due)
        waiting = select(WebhookEndpoint).where(WebhookEndpoint.removed_at.is_(None), with_due)
        endpoints = [endpoint for endpoint in session.scalars(waiting) if room(endpoint.id) > 0]
    if not endpoints:
        return []
    taken: list[TakenMessage] = []
    leased_until = now + lease
    with database.writing() as session:
        for endpoint in endpoints:
            oldest = (
                select(WebhookMessage)
                .where(WebhookMessage.endpoint_id == endpoint.id, due)
                .order_by(WebhookMessage.due_at, WebhookMessage.id)
                .limit(room(endpoint.id))
                .with_for_update(skip_locked=True)
            )
            for message in session.scalars(oldest):
                message.leased_until = leased_until
                taken.append(
                    TakenMessage(
                        id=message.id,
                        endpoint_id=endpoint.id,
                        url=endpoint.url,
                        secret=endpoint.secret,
                        body=message.body,
                        attempts=message.attempts,
                        leased_until=leased_until,
                    )
                )
    return taken


class Deliverer:
    """Sends what is due, in the event loop that started it, until it is ended.

    Args:
        delays: after each failed attempt, until the next one; after one attempt more there is none.
        count: told what came of each attempt.
        clock, chance: the time, and a number from 0 to 1; tests give their own.
    """

    def __init__(
        self,
        database: Database,
        sender: Sender,
        *,
        delays: Sequence[timedelta],
        count: Callable[[Delivery], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._sender = sender
        self._delays = delays
        self._count = count
        self._clock = clock
        self._chance = chance
        self._lease = timedelta(seconds=sender.timeout_seconds) + _LEASE_MARGIN
        self._sending: dict[asyncio.Task[None], TakenMessage] = {}
        self._awake = asyncio.Event()
        self._ending = False
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look for messages now, after each transaction that leaves some, and every few seconds."""
        self._loop = asyncio.get_running_loop()
        event.listen(Session, "after_commit", self._notice)
        self._running = asyncio.create_task(self._run())

    async def end(self) -> None:
        """Give what is on its way a moment, and leave the rest to whoever starts next."""
        self._ending = True
        self._awake.set()
        if self._running is not None:
            event.remove(Session, "after_commit", self._notice)
            await self._running
        if self._sending:
            _, late = await asyncio.wait(self._sending, timeout=_ENDING_SECONDS)
            left = [self._sending[task] for task in late if task in self._sending]
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            await run_in_threadpool(self._leave, left)
        await self._sender.end()

    async def send_due(self) -> None:
        """Begin to send what is due, as much as may be on its way at once."""
        on_their_way = Counter(taken.endpoint_id for taken in self._sending.values())

        def room(endpoint_id: str) -> int:
            return AT_ONCE_PER_ENDPOINT - on_their_way[endpoint_id]

        for taken in await run_in_threadpool(take_due, self._database, self._clock(), self._lease, room):
            task = asyncio.create_task(self._deliver(taken))
            self._sending[task] = taken
            task.add_done_callback(self._sent)

    async def settled(self) -> None:
        """Wait until nothing is on its way."""
        while self._sending:
            await asyncio.wait(self._sending)

    async def _run(self) -> None:
        while not self._ending:
            self._awake.clear()
            try:
                await self.send_due()
            except Exception:
                log.exception("webhook messages could not be taken; they are looked for again")
                await asyncio.sleep(_LOOK_SECONDS)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._awake.wait(), _LOOK_SECONDS)

    def _notice(self, session: Session) -> None:
        """Called in the thread that committed."""
        if ANNOUNCED in session.info:  # left there: another service in this process listens too
            self._loop.call_soon_threadsafe(self._awake.set)

    def _sent(self, task: asyncio.Task[None]) -> None:
        del self._sending[task]
        self._awake.set()  # there is room for the next

    async def _deliver(self, taken: TakenMessage) -> None:
        try:
            try:
                await self._sender.send(taken.url, taken.secret, taken.id, taken.body, self._clock())
            except EndpointGone:
                await run_in_threadpool(self._close, taken)
            except NotDelivered as error:
                await run_in_threadpool(self._note_failure, taken, str(error)[:_ERROR_CHARACTERS])
            else:
                await run_in_threadpool(self._note, taken, delivered_at=self._clock(), due_at=None)
                self._count("delivered")
        except Exception:
            log.exception("message %s: what came of it could not be noted; it is sent again", taken.id)

    def _note_failure(self, taken: TakenMessage, error: str) -> None:
        made = taken.attempts + 1
        if made > len(self._delays):
            log.warning("message %s is given up after %d attempts: %s", taken.id, made, error)
            self._note(taken, due_at=None, last_error=error)
            self._count("given_up")
        else:
            delay = self._delays[taken.attempts] * (1 + _JITTER * self._chance())
            log.info("message %s was not delivered (%s); the next attempt is in %s", taken.id, error, delay)
            self._note(taken, due_at=self._clock() + delay, last_error=error)
            self._count("failed")

    def _note(self, taken: TakenMessage, **values: Any) -> None:
        with self._database.writing() as session:
            session.execute(
                update(WebhookMessage)
                .where(_under_lease(taken))
                .values(leased_until=None, attempts=taken.attempts + 1, **values)
            )

    def _close(self, taken: TakenMessage) -> None:
        self._note(taken, last_error="HTTP 410")
        self._count("given_up")
        with self._database.writing() as session:
            endpoint = session.get_one(WebhookEndpoint, taken.endpoint_id)
            if endpoint.removed_at is None:
                log.warning("webhook %s is removed: its receiver answers that it is gone", endpoint.id)
                close_endpoint(session, endpoint, self._clock())
                record(session, THE_SERVICE, "webhook.removed", content={"id": endpoint.id, "reason": "HTTP 410"})

    def _leave(self, messages: Sequence[TakenMessage]) -> None:
        with self._database.writing() as session:
            for taken in messages:
                session.execute(update(WebhookMessage).where(_under_lease(taken)).values(leased_until=None))


def open_deliverer(settings: Settings, database: Database, count: Callable[[Delivery], None]) -> Deliverer:
    """The delivery of one service, not yet started."""
    sender = Sender(
        timeout_seconds=settings.webhook_timeout_seconds,
        allow_private=settings.webhook_allow_private,
        most_at_once=MOST_ENDPOINTS * AT_ONCE_PER_ENDPOINT,
    )
    delays = [timedelta(seconds=seconds) for seconds in settings.webhook_delays_seconds]
    return Deliverer(database, sender, delays=delays, count=count)


def _is_due(now: datetime) -> ColumnElement[bool]:
    free = or_(WebhookMessage.leased_until.is_(None), WebhookMessage.leased_until <= now)
    return (WebhookMessage.due_at <= now) & free


def _under_lease(taken: TakenMessage) -> ColumnElement[bool]:
    return (WebhookMessage.id == taken.id) & (WebhookMessage.leased_until == taken.leased_until)
