"""Spans of requests and stages, without what must not leave the service; nothing is loaded where nothing is traced."""

import logging
import subprocess
import sys

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from serve.observe.notes import RequestNotes, Stage, StageTime
from serve.observe.tracing import Tracing, start_tracing

PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SCOPE = {
    "method": "POST",
    "query_string": b"access_token=SECRET",
    "headers": [(b"traceparent", PARENT), (b"authorization", b"Bearer SECRET")],
    "client": ("192.0.2.7", 1234),
}


@pytest.fixture(autouse=True)
def unconfigured(monkeypatch):
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER"):
        monkeypatch.delenv(name, raising=False)


def test_a_request_and_its_stages_are_spans_of_the_callers_trace():
    exporter = InMemorySpanExporter()
    tracing = Tracing(SimpleSpanProcessor(exporter))
    notes = RequestNotes("case-7", stages=[StageTime(Stage.DECODE, 10.0, 0.02), StageTime(Stage.INFER, 10.02, 0.01)])
    tracing.record(SCOPE, "/v1/classify", 503, 9.9, 0.15, notes)
    tracing.close()
    decode, infer, request = exporter.get_finished_spans()

    assert (request.name, decode.name, infer.name) == ("POST /v1/classify", "decode", "infer")
    assert f"{request.context.trace_id:x}" == "af7651916cd43dd8448eb211c80319c"
    assert decode.parent.span_id == infer.parent.span_id == request.context.span_id
    assert dict(request.attributes) == {
        "http.request.method": "POST",
        "http.response.status_code": 503,
        "http.route": "/v1/classify",
        "xuntu.request_id": "case-7",
    }
    assert not request.status.is_ok
    assert request.end_time - request.start_time == pytest.approx(0.15e9, abs=2e6)
    assert request.start_time < decode.start_time < infer.start_time < request.end_time
    assert "SECRET" not in request.to_json() and "192.0.2.7" not in request.to_json()


def test_nothing_is_traced_unless_configured(monkeypatch):
    assert start_tracing() is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    assert start_tracing() is None


def test_an_endpoint_is_enough(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")

    tracing = start_tracing()

    assert tracing is not None
    tracing.close()


@pytest.mark.parametrize(
    ("exporter", "said"), [("otlp", "pip install 'xuntu[tracing]'"), ("zipkin", "otlp, console and none")]
)
def test_what_cannot_be_traced_is_said_in_one_sentence(monkeypatch, caplog, exporter, said):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", exporter)
    if exporter == "otlp":
        monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with caplog.at_level(logging.WARNING):
        assert start_tracing() is None
    (record,) = caplog.records
    assert said in record.getMessage()


def test_a_start_without_tracing_loads_nothing_of_it():
    script = (
        "import sys, serve.app; from serve.observe.tracing import start_tracing; start_tracing(); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()

    assert not [name for name in loaded if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))]
