"""A key in the address becomes one in the header, and the address forgets it."""

import asyncio
import logging

import pytest

from serve.access.query_token import PREFIX, QueryToken


def passed_on(path, query, *headers):
    seen = {}

    async def app(scope, receive, send):
        seen.update(scope)

    scope = {"type": "http", "path": path, "query_string": query.encode(), "headers": list(headers)}
    asyncio.run(QueryToken(app)(scope, None, None))
    assert scope["query_string"] == seen["query_string"]  # the server's own, which its log shows
    return seen["query_string"].decode(), dict(seen["headers"])


@pytest.mark.parametrize(
    ("query", "left", "token"),
    [
        ("access_token=xt_1&lang=en", "lang=en", b"Bearer xt_1"),
        ("lang=en&access_token=xt%5F1", "lang=en", b"Bearer xt_1"),
        ("access_token=xt_1&access_token=xt_2", "", b"Bearer xt_1"),
        ("a=%20b&access_token=", "a=+b", b"Bearer "),
        ("lang=en", "lang=en", None),
        ("xaccess_token=1", "xaccess_token=1", None),
        ("access%5Ftoken=xt_1", "", b"Bearer xt_1"),
    ],
)
def test_the_key_moves_into_the_header(query, left, token):
    query_left, headers = passed_on(f"{PREFIX}v1/classification/x", query)

    assert query_left == left
    assert headers.get(b"authorization") == token


def test_a_key_in_the_header_wins(query="access_token=xt_1"):
    left, headers = passed_on(f"{PREFIX}x", query, (b"authorization", b"Bearer xt_2"))

    assert (left, headers) == ("", {b"authorization": b"Bearer xt_2"})


def test_other_addresses_are_left_alone():
    assert passed_on("/v1/model", "access_token=xt_1") == ("access_token=xt_1", {})


def test_the_log_of_the_server_does_not_show_the_key(serve_with, make_key, caplog):
    service, token = serve_with(require_keys=True), make_key("system")

    with caplog.at_level(logging.INFO, "uvicorn.access"):
        service.post(f"{PREFIX}v1/classification/x?access_token={token}&lang=en", content=b"{}")

    (shown,) = [record.getMessage() for record in caplog.records if record.name == "uvicorn.access"]
    assert f"{PREFIX}v1/classification/x?lang=en" in shown
