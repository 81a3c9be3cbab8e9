"""A route that asks who sends a request before it reads the body. FastAPI itself reads and parses a JSON body first."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message

MAX_JSON_BYTES = 100_000
"""Of a body that FastAPI reads; routes that take photos read theirs themselves, within the limits of photos."""

_TOO_LARGE = 413


class GuardedRoute(APIRoute):
    """For `APIRouter(route_class=GuardedRoute)`; strangers cannot make us read and parse what they like."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Check, then limit, then what FastAPI does."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle
        checks = [given.dependency for given in self.dependencies if hasattr(given.dependency, "roles")]

        async def handle_guarded(request: Request) -> Response:
            for check in checks:
                await check(request)  # type: ignore[misc]  # made by `takes`
            return await handle(Request(request.scope, _limited(request)))

        return handle_guarded


def _limited(request: Request) -> Callable[[], Coroutine[Any, Any, Message]]:
    read = 0

    async def receive() -> Message:
        nonlocal read
        message = await request.receive()
        read += len(message.get("body", b""))
        if read > MAX_JSON_BYTES:
            raise HTTPException(_TOO_LARGE)  # the one kind of error that FastAPI lets through here
        return message

    return receive
