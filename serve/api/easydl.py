"""The address of an EasyDL image classification model, for the many programs that call one already.

Its shape knows neither several photos nor "a person should look": it answers with names and scores, and the caller
draws the line. /v1/model says where ours is drawn.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from model.problems import Language
from serve.access.caller import takes
from serve.access.query_token import PARAMETER
from serve.access.roles import EVERYONE
from serve.api.classify import DECIMALS
from serve.body import BodyReader, refuse_encoding
from serve.forms import EasydlRefused, new_log_id
from serve.intake import received_by, while_wanted
from serve.openapi import refusals
from serve.photo_json import PhotoJson, most_json_bytes
from serve.refusals import Refusal
from serve.service import service_of
from serve.upload import UploadLimits

router = APIRouter(tags=["EasyDL"])

_FOUND_CHARACTERS = 100
_REQUEST_SCHEMA = {"$ref": "#/components/schemas/EasydlRequest"}


class EasydlRequest(BaseModel):
    """One photo."""

    image: str | None = Field(default=None, description="The file in base64, without a data: prefix")
    top_num: int = Field(default=6, ge=1, description="How many results; a number, or a string of digits")


class EasydlResult(BaseModel):
    """One problem."""

    name: str = Field(examples=["道路破损"])
    score: float = Field(ge=0, le=1, description="Calibrated probability; several problems can be true of one photo")


class EasydlAnswer(BaseModel):
    """What is said of the photo."""

    log_id: int
    results: list[EasydlResult] = Field(description="Highest score first")


@router.post(
    "/rpc/2.0/ai_custom/v1/classification/{name}",
    dependencies=[Depends(takes(*EVERYONE))],
    summary="EasyDL 图像分类 · EasyDL image classification",
    openapi_extra={
        "parameters": [
            {"name": PARAMETER, "in": "query", "description": "密钥 · The key", "schema": {"type": "string"}}
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/EasydlRequest"}}},
        },
    },
    response_model=EasydlAnswer | EasydlRefused,
    responses=refusals(
        "json_invalid",
        "base64_invalid",
        "no_photo",
        "unknown_model",
        "upload_deadline",
        "photo_too_large",
        "json_too_large",
        "content_encoding",
        "photo_format",
        "photo_truncated",
        "photo_too_small",
        "photo_too_many_pixels",
        "invalid_parameter",
        "internal_error",
        "overloaded",
        "deadline",
        "unauthorized",
    ),
)
async def classify_like_easydl(
    request: Request,
    name: str,
    input_type: Annotated[str | None, Query(description="只接受 image · Nothing is fetched from a URL")] = None,
    lang: Annotated[Language | None, Query(description="名称和错误信息的语言 · Language of names and errors")] = None,
) -> EasydlAnswer:
    """The photo comes as JSON, whatever the Content-Type says."""
    service = service_of(request)
    card = service.engine.classifier.card
    if name != card.name:
        raise Refusal("unknown_model", found=repr(name), known=card.name)
    if input_type not in (None, "image"):
        raise Refusal("invalid_parameter", parameter="input_type", found=repr(input_type), expected="image")
    language = lang or service.settings.language

    def read(limits: UploadLimits, count_bytes: Callable[[int], None]) -> Awaitable[tuple[bytes, int]]:
        return _read(request, limits, count_bytes)

    async with received_by(read, service) as (photo, top_num):
        (examined,) = await while_wanted(request, service.engine.examine([photo]), service)
    scores = sorted(examined.classified.decision.scores.items(), key=lambda item: -item[1])
    return EasydlAnswer(
        log_id=new_log_id(),
        results=[
            EasydlResult(name=service.problems[key].name(language), score=round(score, DECIMALS))
            for key, score in scores[:top_num]
        ],
    )


async def _read(request: Request, limits: UploadLimits, count_bytes: Callable[[int], None]) -> tuple[bytes, int]:
    """The photo, and how many results are asked for."""
    refuse_encoding(request)
    most = most_json_bytes(limits.max_photo_bytes)
    body = await BodyReader(request, count_bytes).read(most + 1)
    if len(body) > most:
        raise Refusal("json_too_large", max_megabytes=f"{most / 1e6:g}")
    content = await run_in_threadpool(PhotoJson, body, limits.max_photo_bytes)
    try:
        asked = EasydlRequest.model_validate(content.content)
    except ValidationError as error:
        raise _refusal_of(error.errors()[0]) from error
    if not asked.image:
        raise Refusal("no_photo", found="no image", max_photos=1)
    photo = await run_in_threadpool(content.photo, asked.image, 0)
    count_bytes(len(photo))
    return photo, asked.top_num


def _refusal_of(mistake: Any) -> Refusal:
    where = ".".join(map(str, mistake["loc"])) or "JSON"
    return Refusal(
        "invalid_parameter",
        parameter=where,
        found=repr(mistake["input"])[:_FOUND_CHARACTERS],
        expected=mistake["msg"],
    )
