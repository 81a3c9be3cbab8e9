"""Every request as an operator sees it: an id, one log line, its metrics; and a mistake of ours as one traceback."""

import logging
import os
import re
import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.observe.logs import FIELDS
from serve.observe.metrics import Metrics
from serve.observe.notes import RequestNotes, begin_notes
from serve.observe.tracing import Tracing

log = logging.getLogger(__name__)

ID_HEADER = "X-Request-ID"

_ID_HEADER = ID_HEADER.lower().encode()
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_ID_BYTES = 8
_QUIET = frozenset({"/health/live", "/health/ready", "/metrics"})  # asked every few seconds: told when they fail
_CLIENT_GONE = 499
_PATH_CHARACTERS = 200


class RequestWatch:
    """Surrounds the whole application.

    Args:
        answer_failure: the answer to a request that raised what nothing else answers.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        answer_failure: Callable[[Request, Exception], Response],
        tracing: Tracing | None = None,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._answer_failure = answer_failure
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        notes = begin_notes(_request_id(scope))
        id_header = (_ID_HEADER, notes.request_id.encode())
        status = sent_bytes = 0

        async def send_watched(message: Message) -> None:
            nonlocal status, sent_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), id_header]
            elif message["type"] == "http.response.body":
                sent_bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, send_watched)
        except Exception as error:
            if status:  # too late for another answer: the server logs it and cuts the connection
                raise
            log.exception("%s %s failed", scope["method"], route_of(scope))
            await self._answer_failure(Request(scope), error)(scope, receive, send_watched)
        finally:
            self._finish(scope, notes, status or _CLIENT_GONE, sent_bytes, started)

    def _finish(self, scope: Scope, notes: RequestNotes, status: int, sent_bytes: int, started: float) -> None:
        seconds = time.perf_counter() - started
        method, route = scope["method"], route_of(scope)
        self._metrics.count_request(method, route, status, seconds, notes)
        if route in _QUIET and status < 400:
            return
        if self._tracing is not None:
            self._tracing.record(scope, route, status, started, seconds, notes)
        fields = {
            "method": method,
            "route": route,
            "path": None if route is None else _path(scope),
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
            "bytes": sent_bytes,
            "key": getattr(scope.get("state", {}).get("caller"), "key_name", None),
        }
        if notes.photos:
            fields["photos"] = [photo.sha256 for photo in notes.photos]
            fields["model"] = scope["app"].state.service.engine.classifier.card.version
        if notes.stages:
            fields["stages"] = _milliseconds_by_stage(notes)
        log.info(
            "%s %s %d, %d bytes in %.1f ms",
            method,
            fields["path"],
            status,
            sent_bytes,
            fields["milliseconds"],
            extra={FIELDS: fields},
        )


def route_of(scope: Scope) -> str | None:
    """The template of the path that was asked for, such as /v1/cases/{case_id}; None where there is nothing."""
    included = scope.get("fastapi", {}).get("effective_route_context")  # knows the prefix of an included router
    route = included or scope.get("route")
    path: str | None = getattr(route, "path", None)
    return path or scope.get("root_path") or None  # of files below a mounted path


def _request_id(scope: Scope) -> str:
    """The one that the client or a proxy gave, or a new one."""
    for name, value in scope["headers"]:
        if name == _ID_HEADER and _ID.fullmatch(value):
            return str(value, "ascii")
    return os.urandom(_ID_BYTES).hex()


def _path(scope: Scope) -> str:
    """As it came, still percent-encoded, so that it cannot break a log line."""
    raw: bytes = scope.get("raw_path") or b""
    return raw.partition(b"?")[0].decode("ascii", "backslashreplace")[:_PATH_CHARACTERS]


def _milliseconds_by_stage(notes: RequestNotes) -> dict[str, float]:
    """Of all photos together."""
    seconds: dict[str, float] = {}
    for taken in notes.stages:
        seconds[taken.stage.value] = seconds.get(taken.stage.value, 0.0) + taken.seconds
    return {stage: round(total * 1000, 1) for stage, total in seconds.items()}
