"""Every request has an id and one log line, which tells no secret; a mistake of ours is logged once."""

import json
import logging
import re

import pytest

from serve.observe.logs import JsonLines, TextLines
from serve.observe.notes import current_request_id


@pytest.fixture
def lines(caplog):
    """The JSON log lines so far that requests caused."""
    formatter = JsonLines()
    written = []

    class Writing(logging.Handler):
        def emit(self, record):
            written.append(json.loads(formatter.format(record)))

    handler = Writing()
    logging.getLogger("serve.observe.requests").addHandler(handler)
    caplog.set_level(logging.INFO)
    yield lambda: written
    logging.getLogger("serve.observe.requests").removeHandler(handler)


@pytest.mark.parametrize("given", ["a", "case-7.retry_2", "x" * 64])
def test_a_request_id_that_comes_along_is_kept(client, given):
    assert client.get("/v1/model", headers={"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", [b"", b"x" * 65, b"a b", b"a\tb", "姓名".encode(), b'a"b'])
def test_any_other_is_replaced(client, given):
    one, other = (client.get("/v1/model", headers={"X-Request-ID": given}) for _ in range(2))

    assert re.fullmatch("[0-9a-f]{16}", one.headers["x-request-id"])
    assert one.headers["x-request-id"] != other.headers["x-request-id"]


def test_the_log_line_says_what_was_asked_and_answered(serve_with, classifier, photo, form, lines):
    case = serve_with().post("/v1/classify", files=form(photo()), headers={"X-Request-ID": "case-7"}).json()
    (line,) = lines()

    assert (line["request_id"], line["method"], line["route"], line["path"]) == (
        "case-7", "POST", "/v1/classify", "/v1/classify",
    )  # fmt: skip
    assert (line["status"], line["key"], line["level"]) == (200, "local", "info")
    assert line["photos"] == [case["photos"][0]["sha256"]]
    assert line["model"] == classifier.card.version
    assert line["bytes"] > 100 and line["milliseconds"] > 0
    assert set(line["stages"]) == {"upload", "wait", "decode", "infer"}


def test_secrets_and_personal_data_stay_out_of_the_log(serve_with, sent_by, photo, lines, caplog):
    service = serve_with(require_keys=True)
    caplog.set_level(logging.WARNING, "httpx")  # the client of this test tells what it asks
    headers = sent_by("patrol") | {"Cookie": "sid=SECRET-cookie", "User-Agent": "SECRET-phone"}
    service.post(
        "/v1/classify?access_token=SECRET-token",
        files=[("photo", ("SECRET-name.jpg", photo(), "image/jpeg"))],
        headers=headers,
    )
    service.get("/SECRET-path?x=SECRET")
    served, unknown = lines()
    everything = json.dumps([served, unknown]) + caplog.text

    assert (served["key"], served["status"], unknown["path"], unknown["status"]) == ("patrol", 200, None, 404)
    for secret in ("SECRET", headers["Authorization"].removeprefix("Bearer ")):
        assert secret not in everything
    assert "127.0.0.1" not in json.dumps([served, unknown])


def test_a_mistake_of_ours_is_one_traceback_with_the_id_of_the_answer(serve_with, classifier, photo, form, lines):
    noted = []

    class Broken:
        card = classifier.card

        def classify(self, photos):
            noted.append(current_request_id())
            raise RuntimeError("for the log only")

    answer = serve_with(Broken()).post("/v1/classify", files=form(photo()))
    failed, line = lines()

    assert (answer.status_code, answer.json()["code"], line["status"]) == (500, "internal_error", 500)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert failed["level"] == "error" and "RuntimeError: for the log only" in failed["error"]
    assert failed["request_id"] == line["request_id"] == answer.headers["x-request-id"]
    assert "error" not in line
    assert answer.headers["x-request-id"] in noted  # in the thread of the engine


def test_health_and_metrics_are_told_only_when_they_fail(serve_with, patient, lines):
    service = serve_with(patient)
    service.get("/health/live")
    service.get("/health/ready")

    assert [(line["route"], line["status"]) for line in lines()] == [("/health/ready", 503)]


def test_lines_for_people_name_the_request_only_within_one():
    record = logging.LogRecord("serve", logging.INFO, "", 0, "starting %s", ("now",), None)

    assert TextLines().format(record).endswith("INFO serve: starting now")
