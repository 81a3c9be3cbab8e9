"""/v1/session: a key is sent once, then a cookie stands for it, and what changes something needs its CSRF token."""

import pytest
from httpx import Client

CSRF = "X-CSRF-Token"


@pytest.fixture
def service(serve_with):
    return serve_with(require_keys=True)


def signed_in(service, token, **headers):
    answer = service.post("/v1/session", json={"key": token}, headers=headers)
    assert answer.status_code == 200
    return answer


def with_cookie(service, cookie):
    """Another browser that has this cookie."""
    return Client(base_url=service.base_url, cookies={"xuntu_session": cookie})


def test_staff_sign_in_are_known_and_sign_out(service, make_key):
    token = make_key("reviewer", name="李")
    answer = signed_in(service, token)
    csrf_token = answer.json()["csrf_token"]
    assert answer.json()["name"] == "李" and answer.json()["role"] == "reviewer"
    assert answer.headers["cache-control"] == "no-store"
    assert token not in answer.headers["set-cookie"] and token not in answer.text
    cookie = service.cookies["xuntu_session"]

    known = service.get("/v1/session")
    assert known.json() == answer.json()
    assert service.get("/v1/model").status_code == 200

    out = service.delete("/v1/session", headers={CSRF: csrf_token})
    assert out.status_code == 204
    assert "xuntu_session" not in service.cookies
    with with_cookie(service, cookie) as thief:  # a copy that somebody kept
        assert thief.get("/v1/session").status_code == 401


def test_the_cookie_is_for_this_site_and_no_script(service, make_key):
    token = make_key()

    plain = signed_in(service, token).headers["set-cookie"].lower()
    assert "httponly" in plain and "samesite=strict" in plain and "path=/" in plain and "max-age=43200" in plain
    assert "secure" not in plain
    behind_proxy = signed_in(service, token, **{"X-Forwarded-Proto": "https"}).headers["set-cookie"].lower()
    assert "; secure" in behind_proxy


@pytest.mark.parametrize("sent", [{}, {CSRF: ""}, {CSRF: "x" * 43}, {CSRF: b"\xff"}])
def test_what_changes_something_needs_the_token(service, make_key, photo, form, sent):
    csrf_token = signed_in(service, make_key("admin")).json()["csrf_token"]

    for answer in (
        service.post("/v1/classify", files=form(photo()), headers=sent),
        service.post("/v1/keys", json={"name": "a", "role": "admin"}, headers=sent),
        service.delete("/v1/session", headers=sent),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_token")
    assert service.get("/v1/keys", headers=sent).json()["keys"][-1]["name"] == "admin"
    allowed = service.post("/v1/keys", json={"name": "a", "role": "admin"}, headers={CSRF: csrf_token})
    assert allowed.status_code == 201


def test_the_token_of_another_session_does_not_do(service, make_key):
    token = make_key("admin")
    other = signed_in(service, token).json()["csrf_token"]
    signed_in(service, token)

    assert service.delete("/v1/keys/x", headers={CSRF: other}).json()["code"] == "csrf_token"


def test_a_revoked_key_ends_its_sessions(service, make_key):
    boss = {"Authorization": f"Bearer {make_key('admin')}"}
    signed_in(service, make_key("reviewer"))
    assert service.get("/v1/session").status_code == 200

    assert service.delete("/v1/keys/reviewer", headers=boss).status_code == 204

    assert service.get("/v1/session").status_code == 401


def test_a_key_wins_over_the_cookie(service, make_key):
    signed_in(service, make_key("reviewer"))
    patrol = {"Authorization": f"Bearer {make_key('patrol')}"}

    assert service.get("/v1/session", headers=patrol).json() == {
        "name": "patrol", "role": "patrol", "csrf_token": None, "expires_at": None,
    }  # fmt: skip
    assert service.get("/v1/session", headers={"Authorization": "Bearer xt_wrong"}).status_code == 401
    by_proxy = {"Authorization": "Basic b2ZmaWNlOg=="}  # for a proxy in front of us
    assert service.get("/v1/session", headers=by_proxy).json()["role"] == "reviewer"


def test_a_role_that_a_route_does_not_take_is_told_which_it_takes(service, make_key):
    signed_in(service, make_key("reviewer"))

    answer = service.get("/v1/keys?lang=en")

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert answer.json()["detail"].startswith("The key has the role reviewer; this takes: admin.")


@pytest.mark.parametrize("cookie", ["x", "a.b.c", "W10.aR.x"])
def test_a_cookie_that_we_did_not_sign_is_refused_like_no_key(service, cookie):
    missing = service.get("/v1/session")
    with with_cookie(service, cookie) as stranger:
        forged = stranger.get("/v1/session")

    assert forged.status_code == 401
    assert forged.content == missing.content


def test_a_wrong_key_opens_no_session(service, make_key):
    make_key("admin")

    for key in ("", "xt_wrong", "xt_" + "0" * 16 + "_" + "A" * 43, "\ud800"):
        content = b'{"key": "\\ud800"}' if key == "\ud800" else b'{"key": "%s"}' % key.encode()
        answer = service.post("/v1/session", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in (401, 422)  # 422 is for what is no text
        assert "set-cookie" not in answer.headers


def test_a_form_of_another_site_cannot_sign_anybody_in(service, make_key):
    body = f'{{"key": "{make_key()}"}}'

    answer = service.post("/v1/session", content=body, headers={"Content-Type": "text/plain"})

    assert answer.status_code == 422
    assert "set-cookie" not in answer.headers


def test_sessions_outlive_a_restart(serve_with, make_key):
    first, second = serve_with(require_keys=True), serve_with(require_keys=True)
    signed_in(first, make_key())

    with with_cookie(second, first.cookies["xuntu_session"]) as again:
        assert again.get("/v1/session").json()["name"] == "patrol"


def test_on_loopback_one_is_local(serve_with):
    assert serve_with().get("/v1/session").json()["name"] == "local"
