"""/v1/keys: made once, listed without anything that opens, revoked at once, written down in the audit log."""

import json

import pytest
from sqlalchemy import select

from serve.database import Database, default_url
from serve.tables import AuditEntry


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def service(serve_with, sent_by):
    """A service that demands keys, asked by an administrator."""
    client = serve_with(require_keys=True)
    client.headers.update(sent_by("admin", name="office"))
    return client


def audited(tmp_path):
    database = Database(default_url(tmp_path))
    with database.reading() as session:
        entries = [(entry.key_name, entry.role, entry.action, entry.content) for entry in session.scalars(_ENTRIES)]
    database.close()
    return entries


_ENTRIES = select(AuditEntry).order_by(AuditEntry.id)


def test_a_key_is_made_used_and_revoked(service, tmp_path):
    made = service.post("/v1/keys", json={"name": "巡查 07", "role": "patrol", "requests_per_minute": 30})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    token = made.json().pop("key")
    assert (made.json()["name"], made.json()["role"]) == ("巡查 07", "patrol")
    assert service.get("/v1/model", headers=bearer(token)).status_code == 200

    assert service.delete("/v1/keys/巡查 07").status_code == 204
    assert service.get("/v1/model", headers=bearer(token)).status_code == 401

    entries = audited(tmp_path)
    assert entries == [
        ("office", "admin", "key.added", {"name": "巡查 07", "role": "patrol"}),
        ("office", "admin", "key.revoked", {"name": "巡查 07"}),
    ]
    assert token[20:] not in json.dumps(entries)


def test_the_list_shows_dates_and_nothing_that_opens(service):
    token = service.post("/v1/keys", json={"name": "reviewer", "role": "reviewer"}).json()["key"]
    service.delete("/v1/keys/reviewer")

    answer = service.get("/v1/keys")
    office, reviewer = answer.json()["keys"]

    assert (office["name"], office["role"], office["revoked_at"]) == ("office", "admin", None)
    assert reviewer["revoked_at"].endswith("Z")
    assert set(office) == {"name", "role", "requests_per_minute", "created_at", "last_used_at", "revoked_at"}
    assert token[20:] not in answer.text
    assert "argon2" not in answer.text


def test_the_key_in_use_cannot_be_revoked(service):
    answer = service.delete("/v1/keys/office")

    assert (answer.status_code, answer.json()["code"]) == (409, "key_in_use")
    assert service.get("/v1/keys").status_code == 200


def test_a_name_is_never_given_twice(service):
    assert service.post("/v1/keys", json={"name": "a", "role": "patrol"}).status_code == 201
    service.delete("/v1/keys/a")

    answer = service.post("/v1/keys", json={"name": "a", "role": "patrol"})

    assert (answer.status_code, answer.json()["code"]) == (409, "key_name_taken")


@pytest.mark.parametrize("name", ["nobody", "a%00b", "%ED%A0%80", "x" * 5000])
def test_a_key_that_is_not_there_is_a_404(service, name):
    answer = service.delete(f"/v1/keys/{name}")

    assert (answer.status_code, answer.json()["code"]) == (404, "key_not_found")


@pytest.mark.parametrize(
    ("body", "status", "code", "named"),
    [
        ('{"name": "a/b", "role": "patrol"}', 422, "invalid_parameter", "printable"),
        ('{"name": "\\ud800", "role": "patrol"}', 422, "invalid_parameter", "name"),
        ('{"name": "a", "role": "king"}', 422, "invalid_parameter", "'system'"),
        ('{"name": "a"}', 422, "invalid_parameter", "role"),
        ('{"name": "a", "role": "patrol", "requests_per_minute": -1}', 422, "invalid_parameter", "-1"),
        ('{"name": "a", "role": "patrol", "hash": "x"}', 422, "invalid_parameter", "hash"),
        ("{", 400, "bad_request", "not JSON"),
        (json.dumps({"name": "a" * 200_000, "role": "patrol"}), 413, "body_too_large", "larger"),
    ],
)
def test_a_body_that_cannot_be_used_is_named(service, body, status, code, named):
    headers = {"Content-Type": "application/json"}

    answer = service.post("/v1/keys?lang=en", content=body, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert named in answer.json()["detail"]
