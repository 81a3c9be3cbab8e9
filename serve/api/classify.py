"""POST /v1/classify: one to nine photos of one case → what is wrong there, per case and per photo."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from model.codes import Code, CodeTable
from model.decision import Verdict, decide_case
from model.problems import Language
from serve.access.caller import takes
from serve.access.roles import EVERYONE
from serve.engine import ExaminedPhoto
from serve.openapi import refusals
from serve.refusals import Refusal
from serve.service import Service, service_of
from serve.upload import PHOTO_FIELD, RAW_MEDIA_TYPE, UploadedPhoto, UploadLimits, read_photos

router = APIRouter(tags=["识别 Classify"])

_DECIMALS = 4
_Result = TypeVar("_Result")


class ModelName(BaseModel):
    """Which model answered."""

    name: str
    version: str


class CodeAnswer(BaseModel):
    """What a standard calls a problem."""

    standard: str = Field(examples=["gbt-47678.5-2026"])
    kind: Literal["event", "component"]
    code: str = Field(examples=["06013"])


class FoundProblem(BaseModel):
    """One problem that at least one photo shows."""

    key: str = Field(examples=["road_damage"])
    name: str = Field(examples=["道路破损"])
    score: float = Field(ge=0, le=1, description="Highest calibrated probability among the photos")
    code: CodeAnswer | None = Field(description="null where the standard has none")


class PhotoAnswer(BaseModel):
    """What is said of one photo."""

    filename: str | None
    sha256: str
    width: int = Field(description="Upright, in pixels")
    height: int = Field(description="Upright, in pixels")
    verdict: Verdict
    problems: list[str] = Field(description="Keys of the problems found, highest score first")
    scores: dict[str, float] = Field(description="Every problem the model knows: calibrated probability, 0-1")


class CaseAnswer(BaseModel):
    """What is said of a case: a problem that any photo shows is there."""

    model: ModelName
    verdict: Verdict = Field(
        description="problem: found; review: cannot be ruled out, a person should look; no_problem: ruled out"
    )
    problems: list[FoundProblem] = Field(description="Highest score first")
    photos: list[PhotoAnswer] = Field(description="In the order they were sent")


_PHOTO_SCHEMA = {"type": "string", "format": "binary", "description": "JPEG, PNG, WebP or HEIC"}
_REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "description": "一至九张同一案件的照片 · One to nine photos of one case",
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [PHOTO_FIELD],
                "properties": {PHOTO_FIELD: {"type": "array", "minItems": 1, "maxItems": 9, "items": _PHOTO_SCHEMA}},
            }
        },
        "image/*": {"schema": _PHOTO_SCHEMA},
        RAW_MEDIA_TYPE: {"schema": _PHOTO_SCHEMA},
    },
}


@router.post(
    "/classify",
    dependencies=[Depends(takes(*EVERYONE))],
    summary="识别照片 · Classify photos",
    openapi_extra={"requestBody": _REQUEST_BODY},
    responses=refusals(
        "no_photo",
        "multipart_invalid",
        "unauthorized",
        "upload_deadline",
        "photo_too_large",
        "too_many_photos",
        "unsupported_media_type",
        "photo_format",
        "photo_truncated",
        "photo_too_small",
        "photo_too_many_pixels",
        "unknown_standard",
        "invalid_parameter",
        "internal_error",
        "overloaded",
        "deadline",
    ),
)
async def classify(
    request: Request,
    standard: Annotated[str | None, Query(description="编码标准，见 /v1/problems · Code table")] = None,
    lang: Annotated[Language | None, Query(description="名称和错误信息的语言 · Language of names and errors")] = None,
) -> CaseAnswer:
    """Several photos are one case. A photo that cannot be used refuses the whole request and is named in it.

    Photos are kept in memory until the answer and nowhere after it.
    """
    service = service_of(request)
    settings = service.settings
    code_table = service.code_tables.get(standard or settings.standard)
    if code_table is None:
        raise Refusal("unknown_standard", found=standard, known=", ".join(service.code_tables))
    limits = UploadLimits(max_photos=settings.max_photos, max_photo_bytes=settings.max_photo_bytes)
    with service.engine.bytes_held() as count_bytes:
        try:
            async with asyncio.timeout(settings.upload_seconds):
                photos = await read_photos(request, limits, count_bytes)
        except TimeoutError as error:
            raise Refusal("upload_deadline", limit_seconds=f"{settings.upload_seconds:g}") from error
        examining = service.engine.examine([photo.data for photo in photos])
        examined = await _while_wanted(request, examining, service)
    return _answer(photos, examined, service, code_table, lang or settings.language)


async def _while_wanted(request: Request, work: Coroutine[Any, Any, _Result], service: Service) -> _Result:
    """The result of `work`, which is dropped when the client leaves or the deadline passes."""
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_client_leaves(request))
    seconds = service.settings.deadline_seconds
    try:
        await asyncio.wait({working, leaving}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        if leaving.done():
            raise ClientDisconnect
        raise Refusal.to_come_back("deadline", service.engine.seconds_until_free(), limit_seconds=f"{seconds:g}")
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _client_leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _answer(
    photos: Sequence[UploadedPhoto],
    examined: Sequence[ExaminedPhoto],
    service: Service,
    code_table: CodeTable,
    language: Language,
) -> CaseAnswer:
    card = service.engine.classifier.card
    case = decide_case([photo.classified.decision for photo in examined], card)
    return CaseAnswer(
        model=ModelName(name=card.name, version=card.version),
        verdict=case.verdict,
        problems=[
            FoundProblem(
                key=key,
                name=service.problems[key].name(language),
                score=round(case.scores[key], _DECIMALS),
                code=_code_answer(code_table.get(key)),
            )
            for key in case.problems
        ],
        photos=[_photo_answer(photo, seen) for photo, seen in zip(photos, examined, strict=True)],
    )


def _photo_answer(photo: UploadedPhoto, examined: ExaminedPhoto) -> PhotoAnswer:
    decision = examined.classified.decision
    return PhotoAnswer(
        filename=photo.filename,
        sha256=examined.sha256,
        width=examined.classified.width,
        height=examined.classified.height,
        verdict=decision.verdict,
        problems=list(decision.problems),
        scores={key: round(score, _DECIMALS) for key, score in decision.scores.items()},
    )


def _code_answer(code: Code | None) -> CodeAnswer | None:
    return None if code is None else CodeAnswer(standard=code.standard, kind=code.kind, code=code.code)
