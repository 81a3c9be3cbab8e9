"""/v1/webhooks as an administrator uses it, with a real receiver, on SQLite and PostgreSQL."""

import json
import time

import pytest
from standardwebhooks.webhooks import Webhook

from serve.webhooks.endpoints import MOST_ENDPOINTS
from tests.serve.webhooks.conftest import WAIT_SECONDS, Receiver

CREATED = ["case.created"]


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.end()


@pytest.fixture
def service(serve_with, database_url):
    return serve_with(database_url=database_url, webhook_allow_private=True)


def add(service, url, events=("case.created",)):
    return service.post("/v1/webhooks?lang=en", json={"url": url, "events": list(events)})


def messages(service, webhook_id, **query):
    return service.get(f"/v1/webhooks/{webhook_id}/messages", params=query).json()["messages"]


def wait_for(condition):
    until = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_case_is_told_with_a_signature_by_the_secret_that_was_shown(service, receiver, photo, form):
    made = add(service, receiver.url)
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    webhook = made.json()

    case = service.post("/v1/cases", files=form(photo())).json()

    wait_for(lambda: messages(service, webhook["id"], status="delivered"))
    (message,) = messages(service, webhook["id"])
    assert (message["event"], message["attempts"], message["next_attempt_at"]) == ("case.created", 1, None)
    ((headers, body),) = receiver.received
    assert headers["webhook-id"] == message["id"]
    event = Webhook(webhook["secret"]).verify(body, headers)
    assert event["data"]["case_id"] == case["id"]
    shown = service.get("/v1/webhooks").json()["webhooks"]
    assert [(row["id"], row["url"], row["waiting"], row["given_up"]) for row in shown] == [
        (webhook["id"], receiver.url, 0, 0)
    ]
    assert webhook["secret"] not in json.dumps(shown)


def test_each_webhook_has_a_secret_of_its_own_and_gets_what_it_wants(service, receiver, photo, form):
    first = add(service, receiver.url).json()
    second = add(service, receiver.url, ["case.reviewed", "case.verified", "case.reviewed"]).json()

    service.post("/v1/cases", files=form(photo()))

    assert first["secret"] != second["secret"]
    assert second["events"] == ["case.reviewed", "case.verified"]
    wait_for(lambda: messages(service, first["id"], status="delivered"))
    assert messages(service, second["id"]) == []


def test_a_test_event_is_sent_whatever_is_wanted(service, receiver):
    webhook = add(service, receiver.url, ["case.verified"]).json()

    answer = service.post(f"/v1/webhooks/{webhook['id']}/test")

    assert answer.status_code == 202
    wait_for(lambda: messages(service, webhook["id"], status="delivered"))
    assert receiver.ids == [answer.json()["message_id"]]
    assert json.loads(receiver.received[0][1])["type"] == "webhook.test"


def test_messages_are_sent_again_with_their_ids(service, receiver):
    webhook = add(service, receiver.url).json()
    path = f"/v1/webhooks/{webhook['id']}"
    ids = [service.post(f"{path}/test").json()["message_id"] for _ in range(2)]
    wait_for(lambda: len(messages(service, webhook["id"], status="delivered")) == 2)

    def replayed(wanted):
        receiver.received.clear()
        answer = service.post(f"{path}/replay", json=wanted)
        assert answer.status_code == 202
        wait_for(lambda: len(receiver.received) == answer.json()["messages"])
        wait_for(lambda: len(messages(service, webhook["id"], status="delivered")) == 2)
        return sorted(receiver.ids)

    assert replayed({"message_id": ids[0]}) == [ids[0]]
    assert replayed({"since": webhook["created_at"]}) == sorted(ids)
    assert replayed({"since": "2099-01-01T00:00:00Z"}) == []
    assert replayed({}) == []  # none was given up


def test_what_was_not_delivered_when_a_webhook_is_removed_is_seen_as_given_up(service, receiver):
    receiver.answers.append(500)
    webhook = add(service, receiver.url).json()
    path = f"/v1/webhooks/{webhook['id']}"
    service.post(f"{path}/test")
    wait_for(lambda: messages(service, webhook["id"])[0]["last_error"] == "HTTP 500")
    assert messages(service, webhook["id"], status="waiting")[0]["next_attempt_at"] is not None

    assert service.delete(path).status_code == 204

    assert messages(service, webhook["id"], status="waiting") == []
    assert messages(service, webhook["id"], status="given_up")[0]["attempts"] == 1
    (shown,) = service.get("/v1/webhooks").json()["webhooks"]
    assert shown["removed_at"] is not None
    assert shown["given_up"] == 1
    for answer in (service.delete(path), service.post(f"{path}/test"), service.post(f"{path}/replay", json={})):
        assert (answer.status_code, answer.json()["code"]) == (404, "webhook_not_found")


def test_messages_come_a_page_at_a_time_newest_first(service, receiver):
    webhook = add(service, receiver.url).json()
    path = f"/v1/webhooks/{webhook['id']}"
    ids = [service.post(f"{path}/test").json()["message_id"] for _ in range(3)]

    first = service.get(f"{path}/messages", params={"limit": 2}).json()
    second = service.get(f"{path}/messages", params={"limit": 2, "cursor": first["next_cursor"]}).json()

    assert [row["id"] for row in first["messages"] + second["messages"]] == ids[::-1]
    assert second["next_cursor"] is None


def test_what_an_administrator_does_is_in_the_audit_log_without_secret_or_path(service, receiver):
    webhook = add(service, receiver.url).json()
    path = f"/v1/webhooks/{webhook['id']}"
    service.post(f"{path}/test")
    service.post(f"{path}/replay", json={})
    service.delete(path)

    entries = service.get("/v1/audit").json()["entries"]
    assert [entry["action"] for entry in entries] == [
        "webhook.removed", "webhook.replayed", "webhook.tested", "webhook.added"
    ]  # fmt: skip
    assert all(entry["content"]["id"] == webhook["id"] for entry in entries)
    assert entries[-1]["content"]["origin"] == f"http://127.0.0.1:{receiver.port}"
    assert webhook["secret"] not in json.dumps(entries)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://127.0.0.1/", "webhook_target_private"),
        ("https://169.254.169.254/latest/", "webhook_target_private"),
        ("https://0x7f.1/", "webhook_target_private"),
        ("https://2130706433/", "webhook_target_private"),
        ("https://[::ffff:10.0.0.1]/", "webhook_target_private"),
        ("https://localhost/", "webhook_target_private"),
        ("http://8.8.8.8/", "webhook_url_invalid"),
        ("https://user:secret@8.8.8.8/", "webhook_url_invalid"),
        ("https://nowhere.invalid/", "webhook_host_unknown"),
    ],
)
def test_targets_that_only_this_machine_should_reach_are_refused(client, url, code):
    answer = add(client, url)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert "secret" not in answer.json()["detail"]


def test_bad_requests_are_refused(service, receiver):
    for wanted in (
        {"url": receiver.url, "events": []},
        {"url": receiver.url, "events": ["case.eaten"]},
        {"url": receiver.url},
        {"url": receiver.url, "events": CREATED, "more": 1},
    ):
        answer = service.post("/v1/webhooks", json=wanted)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")
    webhook = add(service, receiver.url).json()
    path = f"/v1/webhooks/{webhook['id']}/replay"
    both = service.post(path, json={"message_id": "msg", "since": "2026-01-01T00:00:00Z"})
    assert (both.status_code, both.json()["code"]) == (422, "invalid_parameter")
    unknown = service.post(path, json={"message_id": "msg"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "webhook_message_not_found")
    assert service.get("/v1/webhooks/none/messages").json()["code"] == "webhook_not_found"


def test_there_are_not_more_webhooks_than_can_be_served_at_once(service, receiver):
    made = [add(service, receiver.url).json() for _ in range(MOST_ENDPOINTS)]

    answer = add(service, receiver.url)
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_webhooks")

    service.delete(f"/v1/webhooks/{made[0]['id']}")
    assert add(service, receiver.url).status_code == 201


@pytest.mark.parametrize(("since", "count"), [("0001-01-01T00:00:00+14:00", 1), ("9999-12-31T23:59:59-12:00", 0)])
def test_moments_at_the_ends_of_time_are_moments(service, receiver, since, count):
    webhook = add(service, receiver.url).json()
    service.post(f"/v1/webhooks/{webhook['id']}/test")

    answer = service.post(f"/v1/webhooks/{webhook['id']}/replay", json={"since": since})

    assert (answer.status_code, answer.json()) == (202, {"messages": count})
