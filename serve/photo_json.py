"""JSON that carries photos as base64: everything but the photos is parsed, the photos are decoded where they lie.

A parser would copy every photo twice before we see it, and makes half a gigabyte of a body that is nothing but empty
lists. Here long strings are taken out first; what is left has to be short.
"""

import binascii
import json
from typing import Any

from serve.refusals import Refusal

_PHOTO_CHARACTERS = 1_000  # a longer string is taken for a photo
_REST_BYTES = 20_000  # of the JSON without photos
_BASE64_BYTES = 4 / 3  # of a byte
_PIECE_CHARACTERS = 2**18  # decoded at a time, about a millisecond; whole groups of 4
_QUOTE, _BACKSLASH = b'"', b"\\"


def most_json_bytes(max_photo_bytes: int) -> int:
    """Bytes of a body that holds one photo of the largest kind; or several that are as long together."""
    return int(max_photo_bytes * _BASE64_BYTES) + _REST_BYTES


class PhotoJson:
    """One JSON body. Make it and decode its photos on a thread: both take their time.

    Raises:
        Refusal: json_invalid, json_too_large.
    """

    def __init__(self, body: bytes, max_photo_bytes: int) -> None:
        self._body = body
        self._max_photo_bytes = max_photo_bytes
        self._photos: dict[str, tuple[int, int]] = {}  # what stands for it in `content` → where it lies in the body
        self.content: Any = _parse(self._without_photos())
        """What the body says. A string that starts with NUL, which is in no base64, stands for a long one."""

    def photo(self, text: str, number: int) -> bytes:
        """The file that a string of `content` is the base64 of.

        Args:
            number: its place in the request, from 0.

        Raises:
            Refusal: base64_invalid, photo_too_large.
        """
        try:
            photo = self._decoded(text)
        except ValueError as error:
            raise Refusal("base64_invalid", photo=number) from error
        if len(photo) > self._max_photo_bytes:
            raise Refusal("photo_too_large", photo=number, max_megabytes=f"{self._max_photo_bytes / 1e6:g}")
        return photo

    def _decoded(self, text: str) -> bytes:
        if text not in self._photos:
            return _decode(text)
        start, end = self._photos[text]
        if self._body.find(_BACKSLASH, start, end) < 0:
            return _decode_in_pieces(memoryview(self._body)[start:end])
        return _decode(json.loads(self._body[start - 1 : end + 1]))  # some write / as \/ and = as \u003d

    def _without_photos(self) -> bytes:
        body, rest, end = self._body, bytearray(), 0
        while (start := body.find(_QUOTE, end)) >= 0 and len(rest) <= _REST_BYTES:
            rest += body[end : min(start, end + _REST_BYTES + 1)]
            end = _end_of_string(body, start)
            if end - start > _PHOTO_CHARACTERS:
                name = f"\0{len(self._photos)}"
                self._photos[name] = (start + 1, end - 1)
                rest += json.dumps(name).encode()
            else:
                rest += body[start:end]
        rest += body[end : end + _REST_BYTES + 1]
        if len(rest) > _REST_BYTES:
            raise Refusal("json_too_large", max_megabytes=f"{most_json_bytes(self._max_photo_bytes) / 1e6:g}")
        return bytes(rest)


def _end_of_string(body: bytes, start: int) -> int:
    """Where the string that starts with the quote at `start` ends, its closing quote included."""
    end = start
    while True:
        end = body.find(_QUOTE, end + 1)
        if end < 0:
            raise Refusal("json_invalid", reason="a string does not end")
        if body[end - 1 : end] != _BACKSLASH:
            return end + 1
        if end - start > _PHOTO_CHARACTERS:
            raise Refusal("json_invalid", reason="a long string holds an escaped quote, which is no base64")
        before = body[start + 1 : end]
        if (len(before) - len(before.rstrip(_BACKSLASH))) % 2 == 0:
            return end + 1


def _parse(text: bytes) -> Any:
    try:
        return json.loads(text.decode(), parse_constant=_refuse_constant)
    except RecursionError as error:
        raise Refusal("json_invalid", reason="nested too deeply") from error
    except ValueError as error:
        raise Refusal("json_invalid", reason=str(error)) from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _decode(text: str) -> bytes:
    return _decode_in_pieces(memoryview("".join(text.split()).encode("ascii")))


def _decode_in_pieces(characters: memoryview) -> bytes:
    """Python's decoder lets no other thread run: 15 MB at once would hold up every request for 80 ms."""
    pieces = []
    for start in range(0, len(characters), _PIECE_CHARACTERS):
        pieces.append(binascii.a2b_base64(characters[start : start + _PIECE_CHARACTERS], strict_mode=True))
    if any(len(piece) < _PIECE_CHARACTERS / _BASE64_BYTES for piece in pieces[:-1]):
        raise ValueError("padding before the end")
    return b"".join(pieces)
