"""Every code has words in both languages that can be filled in by whoever raises it."""

import re
import string
from pathlib import Path

import pytest

import serve
from model.errors import NotAPhoto, PhotoError, PhotoTooManyPixels, PhotoTooSmall, PhotoTruncated
from serve.refusals import TEXTS, Refusal

SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in Path(serve.__file__).parent.rglob("*.py"))


def names(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_code_that_is_raised_has_words():
    raised = set(re.findall(r'(?:Refusal|to_come_back|refusals)\(\s*"(\w+)"', SOURCES))

    assert raised
    assert raised <= set(TEXTS)


@pytest.mark.parametrize("code", TEXTS)
def test_both_languages_are_written(code):
    text = TEXTS[code]

    assert text.title_zh and text.title_en and text.detail_zh and text.detail_en
    assert 400 <= text.status < 600
    assert names(text.detail_zh) <= names(text.detail_en)


@pytest.mark.parametrize(
    "error",
    [
        NotAPhoto(b"GIF89a"),
        NotAPhoto(b""),
        PhotoTruncated("ends early"),
        PhotoTooSmall(31, 200, 32),
        PhotoTooManyPixels(10_000, 6_500, 64_000_000),
        PhotoError("some other reason"),
    ],
)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_kind_of_photo_error_can_be_told(error, language):
    answer = Refusal.of_photo(error, 1).answer(language)

    assert answer.status_code in (415, 422)
    assert b'"photo":1' in answer.body
    assert b"2" in answer.body
