"""Limits at the gate: of a key's requests, and of wrong keys from one address."""

import pytest

from serve.access import gate


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_a_key_has_so_many_requests_and_is_told_when_to_come_back(serve_with, make_key):
    service = serve_with(require_keys=True, requests_per_minute=3)
    patrol, office = make_key("patrol"), make_key("admin")
    system = make_key("system", requests_per_minute=5)
    unlimited = make_key("engineer", requests_per_minute=0)

    for token, most in ((patrol, 3), (system, 5), (unlimited, 20), (office, 3)):
        answers = [service.get("/v1/model", headers=bearer(token)) for _ in range(most)]
        assert {answer.status_code for answer in answers} == {200}
    refused = service.get("/v1/model", headers=bearer(patrol))

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert 18 <= int(refused.headers["retry-after"]) <= 20
    assert refused.headers["retry-after"] in refused.json()["detail"]


def test_a_session_counts_as_its_key(serve_with, make_key):
    service = serve_with(require_keys=True, requests_per_minute=2)
    token = make_key()
    service.post("/v1/session", json={"key": token})

    assert service.get("/v1/session").status_code == 200
    assert service.get("/v1/model", headers=bearer(token)).status_code == 200
    assert service.get("/v1/session").status_code == 429


def test_no_limit_holds_where_no_key_is_demanded(serve_with):
    service = serve_with(requests_per_minute=1)

    assert {service.get("/v1/model").status_code for _ in range(5)} == {200}


def test_wrong_keys_from_one_address_are_limited_and_right_ones_pass(serve_with, make_key, monkeypatch):
    monkeypatch.setattr(gate, "FAILURES_PER_MINUTE", 5)
    service = serve_with(require_keys=True)
    known, new = make_key("patrol"), make_key("admin")
    assert service.get("/v1/model", headers=bearer(known)).status_code == 200

    wrong = [{}, bearer("xt_wrong"), bearer(new + "x"), {"Cookie": "xuntu_session=x"}, {"Authorization": "Basic x"}]
    assert [service.get("/v1/model", headers=headers).status_code for headers in wrong] == [401] * 5
    for headers in (*wrong, bearer(new)):  # nothing is told of a right one that was not known before
        answer = service.get("/v1/model", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
    assert service.post("/v1/session", json={"key": new}).status_code == 429

    assert service.get("/v1/model", headers=bearer(known)).status_code == 200
    elsewhere = bearer(new) | {"X-Forwarded-For": "203.0.113.9"}
    assert service.get("/v1/model", headers=elsewhere).status_code == 200


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("203.0.113.9", "203.0.113.10", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_an_ipv6_customer_is_one_address(serve_with, make_key, monkeypatch, first, second, same):
    monkeypatch.setattr(gate, "FAILURES_PER_MINUTE", 1)
    service = serve_with(require_keys=True)

    assert service.get("/v1/model", headers={"X-Forwarded-For": first}).status_code == 401
    assert service.get("/v1/model", headers={"X-Forwarded-For": second}).status_code == (429 if same else 401)


def test_missing_and_wrong_keys_get_the_same_answer(serve_with, make_key):
    service = serve_with(require_keys=True)
    token = make_key("admin")
    boss = bearer(make_key("admin", name="boss"))
    assert service.delete("/v1/keys/admin", headers=boss).status_code == 204

    answers = [
        service.get("/v1/model", headers=headers)
        for headers in ({}, bearer("xt_x"), bearer(token[:-4] + "AAAA"), bearer(token), {"Cookie": "xuntu_session=x"})
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert len({tuple(name for name, _ in answer.headers.items()) for answer in answers}) == 1
