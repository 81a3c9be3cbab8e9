"""A key in the address, as clients of EasyDL send it: ?access_token=KEY.

It is moved into the header where all other keys come, before anything looks at the request: one check, and no log of
ours, that of uvicorn included, shows the key. A proxy in front of the service still sees it.
"""

from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Receive, Scope, Send

PARAMETER = "access_token"
PREFIX = "/rpc/2.0/ai_custom/"
"""Of the addresses where such a key is taken; everywhere else it is an ordinary, ignored parameter."""


class QueryToken:
    """Moves the key. A key that came in the header as well wins."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PREFIX) and scope["query_string"]:
            _move_token(scope)
        await self._app(scope, receive, send)


def _move_token(scope: Scope) -> None:
    """Change `scope` itself: the server formats its access log from it."""
    parameters = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    tokens = [value for name, value in parameters if name == PARAMETER]
    others = [(name, value) for name, value in parameters if name != PARAMETER]
    scope["query_string"] = urlencode(others).encode()
    named = {name for name, _ in scope["headers"]}
    if tokens and b"authorization" not in named:
        header = (b"authorization", f"Bearer {tokens[0]}".encode())
        scope["headers"] = [*scope["headers"], header]
