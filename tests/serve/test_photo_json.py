"""JSON with photos: what is parsed, what is decoded, and that no body costs many times its length."""

import base64
import json
import os
import tracemalloc

import pytest

from serve.photo_json import PhotoJson, most_json_bytes
from serve.refusals import Refusal

PHOTO_BYTES = 1_000_000


@pytest.mark.parametrize("count", [0, 1, 2, 3, 749, 750, 751, 196_607, 196_608, 196_609, 400_000])
def test_files_of_any_length_come_out_as_they_went_in(count):
    data = os.urandom(count)
    body = json.dumps({"image": base64.b64encode(data).decode(), "top_num": 5}).encode()

    read = PhotoJson(body, PHOTO_BYTES)

    assert read.content["top_num"] == 5
    assert read.photo(read.content["image"], 0) == data


def test_several_photos_keep_their_order_among_other_values():
    files = [os.urandom(5_000), b"short", os.urandom(6_000)]
    texts = [base64.b64encode(file).decode() for file in files]
    body = json.dumps({"a": [texts[0], 1, texts[1]], 'q"\\': texts[2], "end": '\\"'}).encode()

    read = PhotoJson(body, PHOTO_BYTES)

    found = [read.content["a"][0], read.content["a"][2], read.content['q"\\']]
    assert [read.photo(text, number) for number, text in enumerate(found)] == files
    assert (read.content["a"][1], read.content["end"]) == (1, '\\"')


@pytest.mark.parametrize("escape", [("/", "\\/"), ("=", "\\u003d"), ("A", "\\u0041"), ("+", "\\u002b")])
def test_escapes_are_undone(escape):
    data = bytes(5_000) + b"\xff\xef\xbe" * 100 + b"x"
    body = json.dumps({"image": base64.b64encode(data).decode()}).replace(*escape).encode()

    read = PhotoJson(body, PHOTO_BYTES)

    assert read.photo(read.content["image"], 0) == data


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("A" * 2_001, id="a length that cannot be"),
        pytest.param("A" * 1_998 + "==" + "A" * 4, id="padding in between"),
        pytest.param("A" * (2**18 - 2) + "==" + "A" * 4, id="padding where a piece ends"),
        pytest.param("=" * 2_000, id="padding alone"),
        pytest.param("A" * 2_000 + "-_-_", id="the alphabet of addresses"),
        pytest.param("A" * 2_000 + "图", id="Chinese"),
    ],
)
def test_what_is_no_base64_is_refused_with_its_place(text):
    read = PhotoJson(json.dumps([text]).encode(), PHOTO_BYTES)

    with pytest.raises(Refusal) as refused:
        read.photo(read.content[0], 3)
    assert (refused.value.code, refused.value.photo) == ("base64_invalid", 3)


def test_a_file_over_the_limit_is_refused():
    read = PhotoJson(json.dumps([base64.b64encode(bytes(2_001)).decode()]).encode(), 2_000)

    with pytest.raises(Refusal) as refused:
        read.photo(read.content[0], 0)
    assert refused.value.code == "photo_too_large"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" + b"[]," * 400_000 + b"[]]", id="lists"),
        pytest.param(b'"' * 1_200_000, id="quotes"),
        pytest.param(b'["a"' + b',"a"' * 300_000 + b"]", id="short strings"),
        pytest.param(b'"' + b'\\"' * 600_000 + b'"', id="escaped quotes"),
        pytest.param(b'"' + b"\\" * 1_200_000 + b'"', id="backslashes"),
        pytest.param(b" " * 1_200_000, id="spaces"),
        pytest.param(b"[" * 15_000, id="deep"),
    ],
)
def test_no_body_costs_more_than_its_length(body):
    assert len(body) <= most_json_bytes(PHOTO_BYTES)
    tracemalloc.start()
    try:
        with pytest.raises(Refusal) as refused:
            PhotoJson(body, PHOTO_BYTES)
        assert tracemalloc.get_traced_memory()[1] < 300_000
    finally:
        tracemalloc.stop()
    assert refused.value.code in ("json_invalid", "json_too_large")
