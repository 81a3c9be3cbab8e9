"""serve/webhooks/outbox.py: who is told of an event, and in which form."""

import json
from datetime import UTC, datetime

import pytest

from serve.database import Database, default_url
from serve.tables import WebhookEndpoint, WebhookMessage
from serve.webhooks.outbox import announce

NOW = datetime.now(UTC)


@pytest.fixture
def database(tmp_path):
    database = Database(default_url(tmp_path))
    database.migrate()
    with database.writing() as session:
        for name, events, removed_at in (
            ("wants", ["case.created", "case.verified"], None),
            ("other", ["case.verified"], None),
            ("gone", ["case.created"], NOW),
        ):
            session.add(
                WebhookEndpoint(
                    id=name, url="https://x", secret="s", events=events, created_at=NOW, removed_at=removed_at
                )
            )
    yield database
    database.close()


def messages(database):
    with database.reading() as session:
        return session.query(WebhookMessage).all()


def test_each_endpoint_that_wants_an_event_gets_one_message(database):
    with database.writing() as session:
        announce(session, "case.created", {"case_id": "c", "problems": ["道"]})

    (message,) = messages(database)
    body = json.loads(message.body)
    assert (message.endpoint_id, message.event, message.attempts) == ("wants", "case.created", 0)
    assert message.due_at == message.created_at
    assert (body["type"], body["data"]) == ("case.created", {"case_id": "c", "problems": ["道"]})
    assert datetime.fromisoformat(body["timestamp"]) == message.created_at


def test_what_is_undone_is_not_told(database):
    with pytest.raises(RuntimeError), database.writing() as session:
        announce(session, "case.created", {})
        raise RuntimeError

    assert messages(database) == []
