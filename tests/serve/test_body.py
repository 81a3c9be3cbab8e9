"""A body read so much at a time, however the network cut it."""

import asyncio

import pytest

from serve.body import BodyReader, refuse_encoding
from serve.refusals import Refusal


class Streaming:
    """A request whose body comes in these pieces."""

    def __init__(self, *pieces, **headers):
        self.headers = headers
        self._pieces = pieces

    async def stream(self):
        for piece in self._pieces:
            yield piece


@pytest.mark.parametrize("pieces", [[b"abcdefgh"], [b"abc", b"defgh"], [b"a", b"", b"bcdefg", b"h", b""]])
def test_as_much_comes_as_is_asked_for_until_the_body_ends(pieces):
    counted = []

    async def read():
        body = BodyReader(Streaming(*pieces), counted.append)
        return [await body.read(count) for count in (0, 2, 4, 0, 5, 1)], await body.is_read()

    parts, is_read = asyncio.run(read())

    assert parts == [b"", b"ab", b"cdef", b"", b"gh", b""]
    assert is_read
    assert sum(counted) == 8


def test_what_is_left_is_noticed():
    async def read():
        body = BodyReader(Streaming(b"ab"), lambda count: None)
        await body.read(1)
        return await body.is_read()

    assert not asyncio.run(read())


def test_bytes_are_counted_before_they_are_kept():
    def full(count):
        raise Refusal("overloaded", retry_after_seconds=1)

    with pytest.raises(Refusal):
        asyncio.run(BodyReader(Streaming(b"ab"), full).read(1))


def test_only_plain_bodies_are_taken():
    refuse_encoding(Streaming())
    refuse_encoding(Streaming(**{"content-encoding": "Identity"}))
    for encoding in ("gzip", "deflate", "br", "gzip, identity", ""):
        with pytest.raises(Refusal) as refused:
            refuse_encoding(Streaming(**{"content-encoding": encoding}))
        assert refused.value.code == "content_encoding"
