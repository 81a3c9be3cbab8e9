"""How a request is refused: one exception, one table of codes, one form of answer (RFC 9457 problem details).

An RFC 9457 "problem" is called a refusal here: a problem is what a photo shows.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from model.errors import PhotoError
from model.problems import Language

MEDIA_TYPE = "application/problem+json"

_SHOWN_VALUES = ("checks",)  # those that programs read too


@dataclass(frozen=True, kw_only=True)
class RefusalText:
    """What one code means: the HTTP status and the words for people."""

    status: int
    title_zh: str
    title_en: str
    detail_zh: str
    detail_en: str

    def title(self, language: Language) -> str:
        """A few words, the same each time."""
        return self.title_zh if language == "zh" else self.title_en

    def detail(self, language: Language, values: Mapping[str, object]) -> str:
        """What was found, what was expected and what to do, this time."""
        return (self.detail_zh if language == "zh" else self.detail_en).format_map(values)


TEXTS: Mapping[str, RefusalText] = {
    code: RefusalText(**table)
    for code, table in tomllib.loads(Path(__file__).with_name("refusals.toml").read_text(encoding="utf-8")).items()
}
"""By code. A code that is raised and missing here is a mistake of ours, caught by tests/serve/test_refusals.py."""


class Refused(BaseModel):
    """Body of every answer that is not a success (RFC 9457)."""

    type: str = Field(examples=["urn:xuntu:refusal:photo_truncated"])
    title: str = Field(examples=["照片不完整或已损坏"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["第 2 张照片不完整或已损坏。请重新发送完整的文件。"])
    code: str = Field(description="Stable, for programs", examples=["photo_truncated"])
    photo: int | None = Field(
        default=None, description="Place of the photo at fault, from 0; absent where none is", examples=[1]
    )
    checks: dict[str, bool] | None = Field(
        default=None, description="Only from /health/ready: which conditions hold", examples=[{"database": False}]
    )


class Refusal(Exception):
    """Why a request is not answered.

    Args:
        photo: place of the photo at fault in the request, from 0.
        headers: sent with the answer.
        values: fill the words of the code in refusals.toml.
    """

    def __init__(
        self,
        code: str,
        *,
        photo: int | None = None,
        headers: Mapping[str, str] | None = None,
        **values: object,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.photo = photo
        self.headers = headers
        self.values: Mapping[str, object] = values

    @classmethod
    def of_photo(cls, error: PhotoError, photo: int) -> "Refusal":
        """The photo at this place cannot be used."""
        refusal = cls(error.code, photo=photo)
        refusal.values = error.found
        return refusal

    @classmethod
    def to_come_back(cls, code: str, retry_after_seconds: int, **values: object) -> "Refusal":
        """Nothing is wrong with the request, it comes at a bad moment."""
        refusal = cls(code, headers={"Retry-After": str(retry_after_seconds)})
        refusal.values = {**values, "retry_after_seconds": retry_after_seconds}
        return refusal

    @property
    def status(self) -> int:
        """The HTTP status of its code."""
        return TEXTS[self.code].status

    def detail(self, language: Language) -> str:
        """What was found, what was expected and what to do."""
        number = {} if self.photo is None else {"number": self.photo + 1}
        return TEXTS[self.code].detail(language, {**self.values, **number})

    def answer(self, language: Language) -> JSONResponse:
        """The HTTP answer."""
        body: dict[str, Any] = {
            "type": f"urn:xuntu:refusal:{self.code}",
            "title": TEXTS[self.code].title(language),
            "status": self.status,
            "detail": self.detail(language),
            "code": self.code,
            **({} if self.photo is None else {"photo": self.photo}),
            **{name: self.values[name] for name in _SHOWN_VALUES if name in self.values},
        }
        headers = {"Content-Language": language, **(self.headers or {})}
        return JSONResponse(body, self.status, headers, media_type=MEDIA_TYPE)
