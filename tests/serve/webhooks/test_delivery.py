"""serve/webhooks/delivery.py: at least once, signed, later where it failed, on both databases."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from serve.database import Database
from serve.settings import Settings
from serve.tables import AuditEntry, WebhookEndpoint, WebhookMessage
from serve.webhooks.delivery import AT_ONCE_PER_ENDPOINT, Deliverer, take_due
from serve.webhooks.endpoints import forget_messages, replay
from serve.webhooks.sending import Sender
from tests.serve.webhooks.conftest import SECRET, WAIT_SECONDS

LEASE = timedelta(seconds=75)


class Clock:
    def __init__(self):
        self.passed = timedelta()

    def __call__(self):
        return datetime.now(UTC) + self.passed

    def forward(self, delay):
        self.passed += delay


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def counted():
    """What came of each attempt, in order."""
    return []


@pytest.fixture
def run(database, clock, counted):
    """Run a test's coroutine with a deliverer: run(test, allow_private=…, resolve=…)."""

    def run_with(test, *, delays=(timedelta(seconds=5), timedelta(minutes=5)), timeout_seconds=WAIT_SECONDS, **sending):
        async def whole():
            options = {"allow_private": True, "most_at_once": 8, **sending}
            sender = Sender(timeout_seconds=timeout_seconds, **options)
            deliverer = Deliverer(
                database, sender, delays=delays, count=counted.append, clock=clock, chance=lambda: 1.0
            )
            try:
                return await test(deliverer)
            finally:
                await deliverer.end()

        return asyncio.run(whole())

    return run_with


async def attempt(deliverer):
    await deliverer.send_due()
    await deliverer.settled()


async def until(condition):
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)


def messages(database):
    with database.reading() as session:
        return session.query(WebhookMessage).order_by(WebhookMessage.created_at, WebhookMessage.id).all()


# ---- what is sent ----


def test_the_stored_bytes_are_sent_with_a_signature_that_verifies(database, run, receiver, add_webhook, tell):
    add_webhook("city", receiver.url)
    tell()

    run(attempt)

    ((headers, body),) = receiver.received
    (message,) = messages(database)
    assert body == message.body.encode()
    assert json.loads(body)["data"] == {"case_id": "c", "problems": ["道路"]}
    assert (headers["webhook-id"], headers["content-type"]) == (message.id, "application/json")
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    assert Webhook(SECRET).verify(body, headers)["type"] == "case.created"
    for forged in (body + b" ", body.replace(b"created", b"removed")):
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(forged, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A" * 44).verify(body, headers)
    assert message.delivered_at is not None
    assert (message.due_at, message.leased_until, message.attempts) == (None, None, 1)


def test_a_receiver_that_fails_twice_gets_the_message_a_third_time(database, run, receiver, add_webhook, tell, clock):
    receiver.answers.extend([500, 302])
    add_webhook("city", receiver.url)
    tell()

    async def test(deliverer):
        await attempt(deliverer)
        (message,) = messages(database)
        assert (message.attempts, message.last_error) == (1, "HTTP 500")
        assert timedelta(seconds=5.9) < message.due_at - clock() <= timedelta(seconds=6)  # 5 s and all of the jitter
        await attempt(deliverer)
        assert len(receiver.received) == 1  # not due yet
        clock.forward(timedelta(seconds=7))
        await attempt(deliverer)
        assert messages(database)[0].last_error == "HTTP 302; redirects are not followed"
        clock.forward(timedelta(minutes=7))
        await attempt(deliverer)

    run(test)

    (message,) = messages(database)
    assert receiver.ids == [message.id] * 3
    assert (message.attempts, message.due_at) == (3, None)
    assert message.delivered_at is not None


def test_after_the_whole_schedule_a_message_is_given_up_and_a_replay_sends_it(
    database, run, receiver, add_webhook, tell, clock
):
    receiver.answers.extend([503, 503, 503])
    add_webhook("city", receiver.url)
    tell()

    async def test(deliverer):
        for _ in range(4):
            await attempt(deliverer)
            clock.forward(timedelta(minutes=7))
        (message,) = messages(database)
        assert (message.attempts, message.due_at, message.delivered_at) == (3, None, None)
        assert len(receiver.received) == 3
        with database.writing() as session:
            assert replay(session, session.get_one(WebhookEndpoint, "city"), clock()) == 1
        await attempt(deliverer)

    run(test)

    assert len(set(receiver.ids)) == 1
    assert len(receiver.received) == 4
    assert messages(database)[0].delivered_at is not None


def test_the_schedule_is_the_one_of_standard_webhooks():
    hours = [seconds / 3600 for seconds in Settings().webhook_delays_seconds]

    assert hours == [5 / 3600, 5 / 60, 0.5, 2, 5, 10, 14, 20, 24]


def test_a_receiver_that_is_gone_is_sent_nothing_more(database, run, receiver, add_webhook, tell):
    receiver.answers.append(410)
    add_webhook("city", receiver.url)
    tell()

    run(attempt)
    tell("later")

    (message,) = messages(database)
    assert (message.due_at, message.delivered_at, message.last_error) == (None, None, "HTTP 410")
    with database.reading() as session:
        assert session.get_one(WebhookEndpoint, "city").removed_at is not None
        (entry,) = session.query(AuditEntry).all()
    assert (entry.action, entry.content) == ("webhook.removed", {"id": "city", "reason": "HTTP 410"})


@pytest.mark.parametrize(
    ("url", "words"),
    [
        pytest.param("http://127.0.0.1:1/", "ConnectError", id="nobody listens"),
        pytest.param("http://nowhere.invalid/", "has no address", id="no such host"),
    ],
)
def test_what_cannot_be_reached_is_tried_again(database, run, add_webhook, tell, url, words):
    add_webhook("city", url)
    tell()

    run(attempt)

    (message,) = messages(database)
    assert words in message.last_error
    assert message.due_at is not None


def test_a_name_that_comes_to_lead_elsewhere_is_not_followed(database, run, receiver, add_webhook, tell):
    add_webhook("city", f"https://city.example:{receiver.port}/")  # public when it was added
    tell()

    run(attempt, allow_private=False, resolve=lambda host, port: ["127.0.0.1"])

    assert receiver.received == []
    assert messages(database)[0].last_error == "city.example is 127.0.0.1, which is not a public address"


def test_the_checked_address_is_the_one_connected_to(run, receiver, add_webhook, tell):
    add_webhook("city", f"http://city.example:{receiver.port}/hooks")
    tell()
    asked = []

    run(attempt, resolve=lambda host, port: asked.append(host) or ["127.0.0.1"])

    assert asked == ["city.example"]
    assert receiver.received[0][0]["host"] == f"city.example:{receiver.port}"


# ---- several at once ----


def test_a_slow_receiver_holds_up_no_other_and_only_some_of_its_own(
    database, run, receiver, new_receiver, add_webhook, tell
):
    slow = new_receiver()
    slow.let_go.clear()
    add_webhook("slow", slow.url)
    add_webhook("city", receiver.url)
    for number in range(AT_ONCE_PER_ENDPOINT + 2):
        tell(str(number))

    async def test(deliverer):
        deliverer.start()
        await until(lambda: len(receiver.received) == AT_ONCE_PER_ENDPOINT + 2)
        await until(lambda: len(slow.received) == AT_ONCE_PER_ENDPOINT)
        slow.let_go.set()
        await until(lambda: len(slow.received) == AT_ONCE_PER_ENDPOINT + 2)
        await until(lambda: all(message.delivered_at for message in messages(database)))

    run(test)

    assert len(set(slow.ids)) == len(slow.ids)


def test_a_receiver_that_does_not_answer_is_left(database, run, receiver, add_webhook, tell):
    receiver.let_go.clear()
    add_webhook("city", receiver.url)
    tell()

    run(attempt, timeout_seconds=0.05)

    assert messages(database)[0].last_error in ("no answer within 0.05 seconds", "ReadTimeout: ")


def test_a_commit_wakes_the_delivery(run, receiver, add_webhook, tell, monkeypatch):
    monkeypatch.setattr("serve.webhooks.delivery._LOOK_SECONDS", 3600)
    add_webhook("city", receiver.url)

    async def test(deliverer):
        deliverer.start()
        await asyncio.sleep(0.05)
        await asyncio.to_thread(tell)
        await until(lambda: receiver.received)

    run(test)


# ---- who sends ----


def test_a_message_belongs_to_one_worker_until_its_lease_runs_out(database, database_url, add_webhook, tell, clock):
    add_webhook("city", "http://127.0.0.1:1/")
    tell()
    other = Database(database_url)
    try:
        (taken,) = take_due(database, clock(), LEASE)
        assert take_due(other, clock(), LEASE) == []
        clock.forward(LEASE)
        (again,) = take_due(other, clock(), LEASE)
        assert again.id == taken.id
        assert take_due(database, clock(), LEASE) == []
    finally:
        other.close()


def test_workers_that_take_at_once_share_the_messages(database, database_url, add_webhook, tell, clock):
    add_webhook("city", "http://127.0.0.1:1/")
    for number in range(12):
        tell(str(number))
    others = [Database(database_url) for _ in range(4)]

    async def take():
        return await asyncio.gather(*(asyncio.to_thread(take_due, one, clock(), LEASE, lambda _: 3) for one in others))

    taken = [message.id for share in asyncio.run(take()) for message in share]
    for one in others:
        one.close()

    assert len(set(taken)) == len(taken)
    left = take_due(database, clock(), LEASE, lambda _: 100)
    assert len(taken) + len(left) == 12


def test_what_a_dead_process_took_is_sent_again_with_the_same_id(database, run, receiver, add_webhook, tell, clock):
    add_webhook("city", receiver.url)
    tell()
    (taken,) = take_due(database, clock(), LEASE)  # and dies, before or after sending

    async def test(deliverer):
        await attempt(deliverer)
        assert receiver.received == []
        clock.forward(LEASE)
        await attempt(deliverer)

    run(test)

    assert receiver.ids == [taken.id]
    assert messages(database)[0].delivered_at is not None


def test_what_was_stored_before_a_crash_is_sent_when_the_service_starts_again(
    database, database_url, serve_with, receiver, add_webhook, tell
):
    add_webhook("city", receiver.url)
    tell()  # and the service is killed before it sends

    serve_with(database_url=database_url, webhook_allow_private=True)

    async def delivered():
        await until(lambda: messages(database)[0].delivered_at)

    asyncio.run(delivered())
    assert receiver.ids == [messages(database)[0].id]


def test_an_ended_service_leaves_what_is_on_its_way_to_the_next(
    database, run, receiver, add_webhook, tell, monkeypatch
):
    monkeypatch.setattr("serve.webhooks.delivery._ENDING_SECONDS", 0.01)
    receiver.let_go.clear()
    add_webhook("city", receiver.url)
    tell()

    async def test(deliverer):
        deliverer.start()
        await until(lambda: receiver.received)

    run(test)
    (message,) = messages(database)
    assert (message.leased_until, message.delivered_at) == (None, None)

    receiver.let_go.set()
    run(attempt)
    assert receiver.ids == [message.id] * 2


def test_a_replay_asked_for_while_a_message_is_on_its_way_is_not_lost(
    database, run, receiver, add_webhook, tell, clock
):
    receiver.let_go.clear()
    add_webhook("city", receiver.url)
    tell()

    async def test(deliverer):
        await deliverer.send_due()
        await until(lambda: receiver.received)
        with database.writing() as session:
            replay(session, session.get_one(WebhookEndpoint, "city"), clock(), since=clock() - timedelta(days=1))
        receiver.let_go.set()
        await deliverer.settled()
        assert messages(database)[0].delivered_at is None
        await attempt(deliverer)

    run(test)

    assert len(receiver.received) == 2
    assert messages(database)[0].delivered_at is not None


# ---- what is forgotten ----


def test_old_messages_are_forgotten_once_nothing_is_to_be_done(database, run, receiver, add_webhook, tell):
    add_webhook("city", receiver.url)
    tell("delivered")
    run(attempt)
    tell("waiting")
    long_ago = datetime.now(UTC) - timedelta(days=31)
    with database.writing() as session:
        session.execute(update(WebhookMessage).values(created_at=long_ago))

    forget_messages(database, 30)
    assert len(messages(database)) == 2  # delivered today, and not delivered yet

    with database.writing() as session:
        session.execute(
            update(WebhookMessage).where(WebhookMessage.delivered_at.is_not(None)).values(delivered_at=long_ago)
        )
    forget_messages(database, 0)
    assert len(messages(database)) == 2
    forget_messages(database, 30)
    (left,) = messages(database)
    assert json.loads(left.body)["data"]["case_id"] == "waiting"
