"""docs/webhooks.md: the receiver it shows works against the real service, and its example is what is really sent."""

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from serve.webhooks.outbox import TEST_EVENT, Event
from tests.serve.webhooks.conftest import WAIT_SECONDS

DOCUMENT = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text(encoding="utf-8")


def block(language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, flags=re.DOTALL)
    return found


def wait_for(condition):
    until = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture
def start_receiver(tmp_path):
    """Start the program of the document: start(port, secret)."""
    running = []

    def start(port, secret):
        (tmp_path / "receiver.py").write_text(block("python"), encoding="utf-8")
        environment = os.environ | {"WEBHOOK_SECRET": secret, "WEBHOOK_DATABASE": str(tmp_path / "events.sqlite3")}
        command = [sys.executable, "-m", "uvicorn", "receiver:app", "--port", str(port), "--log-level", "error"]
        running.append(subprocess.Popen(command, cwd=tmp_path, env=environment))
        wait_for(lambda: answers(port))

    yield start
    for process in running:
        process.terminate()
        process.wait(WAIT_SECONDS)


def answers(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").status_code == 404
    except httpx.TransportError:
        return False


def stored(folder):
    with closing(sqlite3.connect(folder / "events.sqlite3")) as database:
        return database.execute("SELECT id, type, case_id, status FROM events ORDER BY type").fetchall()


def test_the_receiver_of_the_document_stores_each_event_once_and_no_forged_one(
    serve_with, start_receiver, photo, form, tmp_path
):
    service = serve_with(webhook_allow_private=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/hooks/xuntu"
    webhook = service.post("/v1/webhooks", json={"url": url, "events": list(Event)}).json()
    path = f"/v1/webhooks/{webhook['id']}"
    start_receiver(port, webhook["secret"])

    def delivered():
        return service.get(f"{path}/messages", params={"status": "delivered"}).json()["messages"]

    case = service.post("/v1/cases", files=form(photo())).json()
    service.post(f"/v1/cases/{case['id']}/review", json={"judgement": "none"})
    service.post(f"{path}/test")
    wait_for(lambda: len(delivered()) == 3)
    events = stored(tmp_path)
    assert [event[1:] for event in events] == [
        ("case.created", case["id"], case["status"]),
        ("case.reviewed", case["id"], "dismissed"),
        ("webhook.test", None, None),
    ]

    assert service.post(f"{path}/replay", json={"since": webhook["created_at"]}).json() == {"messages": 3}
    wait_for(lambda: len(delivered()) == 3)
    assert stored(tmp_path) == events

    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,AAAA"}
    forged = httpx.post(url, content=block("json"), headers=headers)
    assert forged.status_code == 401
    assert stored(tmp_path) == events


def test_the_example_has_the_fields_of_a_real_message(serve_with, photo, form, database_url):
    from serve.database import Database
    from serve.tables import WebhookMessage

    service = serve_with(webhook_allow_private=True, database_url=database_url)
    service.post("/v1/webhooks", json={"url": "http://127.0.0.1:1/", "events": ["case.created"]})
    service.post("/v1/cases", files=form(photo()))
    database = Database(database_url)
    with database.reading() as session:
        (body,) = session.query(WebhookMessage.body).one()
    database.close()

    example, real = json.loads(block("json")), json.loads(body)
    assert list(example) == list(real)
    assert list(example["data"]) == list(real["data"])


def test_every_event_is_described():
    rows = set(re.findall(r"^\| `([a-z]+\.[a-z]+)` \|", DOCUMENT, flags=re.MULTILINE))

    assert rows == {*Event, TEST_EVENT}
