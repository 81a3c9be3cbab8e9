"""Every route x every role: it takes whom it names and refuses all others; a route that names nobody fails here."""

import re
from itertools import count

from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from serve.access.roles import Role
from serve.app import create_app
from serve.openapi import roles_of
from serve.settings import Settings

OPEN = {
    ("GET", "/"),
    ("GET", "/docs"),
    ("GET", "/docs/oauth2-redirect"),
    ("GET", "/openapi.json"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/v2/health/live"),
    ("GET", "/v2/health/ready"),
    ("POST", "/v1/session"),
}
"""What needs no key, beside the files of OPEN_FOLDERS."""
OPEN_FOLDERS = {"/web", "/static-offline-docs"}

_ADDRESSES = (f"10.0.{number // 250}.{number % 250}" for number in count())


def routes():
    """(method, path, roles) of all that the application answers."""
    found = []
    for route in iter_route_contexts(create_app(Settings()).routes):
        if isinstance(route.original_route, Mount):
            assert route.path in OPEN_FOLDERS
            continue
        for method in sorted((route.methods or set()) - {"HEAD"}):
            found.append((method, route.path, roles_of(route)))
    return found


ROUTES = routes()
GUARDED = [(method, path, roles) for method, path, roles in ROUTES if roles is not None]


def ask(client, method, path, token=None):
    """Each from an address of its own: wrong keys are limited by address. The body is none that any route takes."""
    headers = {"X-Forwarded-For": next(_ADDRESSES)} | ({"Authorization": f"Bearer {token}"} if token else {})
    headers["Content-Type"] = "application/json"
    return client.request(method, re.sub(r"\{[^}]*\}", "none", path), headers=headers, content=b"{")


def test_every_route_takes_somebody_or_is_open_on_purpose():
    unguarded = {(method, path) for method, path, roles in ROUTES if roles is None}

    assert unguarded <= OPEN
    assert all(Role.ADMIN in roles for _, _, roles in GUARDED)


def test_every_route_answers_those_it_takes_and_nobody_else(serve_with, make_key, subtests):
    service = serve_with(require_keys=True, requests_per_minute=0)
    tokens = {role: make_key(role) for role in Role}
    gone = make_key("admin", name="gone")
    admin = {"Authorization": f"Bearer {tokens[Role.ADMIN]}"}
    assert service.delete("/v1/keys/gone", headers=admin).status_code == 204
    wrong = {"no key": None, "a wrong one": tokens[Role.ADMIN][:-4] + "AAAA", "a revoked one": gone}

    for method, path, roles in GUARDED:
        for words, token in wrong.items():
            answer = ask(service, method, path, token)
            with subtests.test(f"{method} {path} with {words}"):
                # 400 or 422: the body is read before anybody is asked; APIRouter(route_class=GuardedRoute) helps
                if path.startswith("/rpc/"):  # as EasyDL refuses: 110 is an invalid token
                    assert (answer.status_code, answer.json()["error_code"]) == (200, 110)
                else:
                    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        for role, token in tokens.items():
            answer = ask(service, method, path, token)
            with subtests.test(f"{method} {path} as {role}"):
                if role in roles:
                    assert answer.status_code not in (401, 403, 429)
                    assert answer.status_code != 500
                else:
                    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
