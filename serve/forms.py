"""The forms of a refusal: each protocol that is spoken here has its own, all say the same.

Which one is meant follows from the address, so that addresses that do not exist are refused in the right form too.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Response
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from model.problems import Language
from serve.refusals import Refusal

_OK = 200
_KEPT_STATUS = (404, 405, 500)
_EASYDL_OF_CODE = {
    "no_photo": 336006,  # 缺失必要参数: no image
    "json_invalid": 336002,
    "base64_invalid": 336003,
    "photo_format": 336005,  # 图片解码失败
    "photo_truncated": 336005,
    "photo_unusable": 336005,
    "photo_too_small": 336004,  # 输入文件大小不合法
    "photo_too_many_pixels": 336004,
    "upload_deadline": 336100,
}
_EASYDL_OF_STATUS = {
    401: 110,  # Access token invalid or no longer valid
    403: 6,  # No permission to access data
    404: 3,  # Unsupported openapi method
    405: 3,
    413: 336004,
    429: 18,  # Open api qps request limit reached
    500: 336000,
    503: 336100,  # temporarily unavailable: ask again
}
_EASYDL_INVALID_ARGUMENT = 336001


class OpenInferenceRefused(BaseModel):
    """Body of every answer of /v2 that is not a success."""

    error: str = Field(examples=["第 2 张照片不完整或已损坏。请重新发送完整的文件。"])
    code: str = Field(description="Stable, for programs", examples=["photo_truncated"])
    photo: int | None = Field(default=None, description="Place of the photo at fault, from 0; absent where none is")


class EasydlRefused(BaseModel):
    """Body of every answer of the EasyDL address that is not a success."""

    error_code: int = Field(description="As EasyDL numbers them", examples=[336005])
    error_msg: str
    log_id: int


@dataclass(frozen=True, kw_only=True)
class Form:
    """How one protocol refuses."""

    prefix: str
    """Of the addresses where it is spoken."""
    answer: Callable[[Refusal, Language], Response]
    status: Callable[[int], int]
    """HTTP status → the one it is sent with."""
    body: type[BaseModel]


def form_of(path: str) -> Form | None:
    """The form that an address is refused in; None for our own, RFC 9457."""
    return next((form for form in FORMS if path == form.prefix or path.startswith(f"{form.prefix}/")), None)


def answer_refusal(path: str, refusal: Refusal, language: Language) -> Response:
    """The HTTP answer in the form of this address."""
    form = form_of(path)
    return refusal.answer(language) if form is None else form.answer(refusal, language)


def new_log_id() -> int:
    """A number that names one answer, as EasyDL gives one: positive, in 64 bits with a sign."""
    return secrets.randbits(63)


def easydl_error_code(code: str, status: int) -> int:
    """EasyDL's number of a refusal."""
    return _EASYDL_OF_CODE.get(code) or _EASYDL_OF_STATUS.get(status, _EASYDL_INVALID_ARGUMENT)


def _answer_open_inference(refusal: Refusal, language: Language) -> Response:
    body: dict[str, Any] = {"error": refusal.detail(language), "code": refusal.code}
    if refusal.photo is not None:
        body["photo"] = refusal.photo
    return JSONResponse(body, refusal.status, _headers(refusal, language))


def _answer_easydl(refusal: Refusal, language: Language) -> Response:
    body = {
        "error_code": easydl_error_code(refusal.code, refusal.status),
        "error_msg": refusal.detail(language),
        "log_id": new_log_id(),
    }
    return JSONResponse(body, _easydl_status(refusal.status), _headers(refusal, language))


def _easydl_status(status: int) -> int:
    """200, as EasyDL sends its refusals: its documented clients raise or return nothing on any other status, before
    they look for `error_code`. Where no such address exists and where the mistake is ours, HTTP says so."""
    return status if status in _KEPT_STATUS else _OK


def _headers(refusal: Refusal, language: Language) -> dict[str, str]:
    return {"Content-Language": language, **(refusal.headers or {})}


FORMS = (
    Form(prefix="/v2", answer=_answer_open_inference, status=lambda status: status, body=OpenInferenceRefused),
    Form(prefix="/rpc", answer=_answer_easydl, status=_easydl_status, body=EasydlRefused),
)
