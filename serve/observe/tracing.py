"""OpenTelemetry spans: one a request, and one for each stage of its photos. Only where an exporter is configured.

They are made of the notes once a request is answered, which costs it nothing. FastAPI's own spans are turned off: they
hold query strings, in which some clients send their key, and addresses of clients.
"""

import logging
import os
import time
from typing import TYPE_CHECKING

from starlette.types import Scope

from serve.observe.notes import RequestNotes

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.export import SpanExporter

log = logging.getLogger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_EXPORTER = "OTEL_TRACES_EXPORTER"
_NANOSECONDS = 1_000_000_000
_SERVER_ERROR = 500


def start_tracing() -> "Tracing | None":
    """Tracing as OpenTelemetry's own variables configure it; None where they do not, or where it cannot be."""
    exporter_name = os.environ.get(_EXPORTER) or ("otlp" if any(map(os.environ.get, _ENDPOINTS)) else "none")
    if exporter_name == "none":
        return None
    try:
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        exporter = _make_exporter(exporter_name)
    except ImportError as error:
        log.warning("tracing is configured but %s is not installed: pip install 'xuntu[tracing]'", error.name)
        return None
    if exporter is None:
        log.warning("%s is %r, so nothing is traced; known are otlp, console and none", _EXPORTER, exporter_name)
        return None
    return Tracing(BatchSpanProcessor(exporter))


class Tracing:
    """Makes spans and hands them to one processor."""

    def __init__(self, processor: "SpanProcessor") -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "xuntu")})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("xuntu")
        self._propagator = TraceContextTextMapPropagator()

    def record(
        self, scope: Scope, route: str | None, status: int, started: float, seconds: float, notes: RequestNotes
    ) -> None:
        """The spans of one request that was answered.

        Args:
            started: on the clock of time.perf_counter().
        """
        from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

        def at(moment: float) -> int:  # Unix nanoseconds
            return time.time_ns() - round((time.perf_counter() - moment) * _NANOSECONDS)

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        attributes: dict[str, str | int] = {
            "http.request.method": scope["method"],
            "http.response.status_code": status,
            "xuntu.request_id": notes.request_id,
        }
        if route is not None:
            attributes["http.route"] = route
        request = self._tracer.start_span(
            f"{scope['method']} {route}" if route else scope["method"],
            context=self._propagator.extract(headers),
            kind=SpanKind.SERVER,
            attributes=attributes,
            start_time=at(started),
        )
        if status >= _SERVER_ERROR:
            request.set_status(StatusCode.ERROR)
        within = set_span_in_context(request)
        for taken in notes.stages:
            stage = self._tracer.start_span(taken.stage.value, context=within, start_time=at(taken.started))
            stage.end(at(taken.started + taken.seconds))
        request.end(at(started + seconds))

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


def _make_exporter(name: str) -> "SpanExporter | None":
    if name == "otlp":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter()
    if name == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter()
    return None
