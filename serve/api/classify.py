"""POST /v1/classify: one to nine photos of one case → what is wrong there, per case and per photo."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from model.case import decide_case
from model.classifier import ClassifiedPhoto
from model.decision import Verdict
from model.problems import Language
from serve.access.caller import takes
from serve.access.roles import EVERYONE
from serve.api.quality import QualityAnswer, quality_answers
from serve.district import DistrictCode, DistrictCodeTable
from serve.engine import ExaminedPhoto
from serve.intake import INTAKE_REFUSALS, photo_form, raw_photo, received, while_wanted
from serve.openapi import refusals
from serve.refusals import Refusal
from serve.service import Service, service_of
from serve.upload import UploadedPhoto

router = APIRouter(tags=["识别 Classify"])

DECIMALS = 4
"""Of scores in answers."""
EVIDENCE_DECIMALS = 2


class ModelName(BaseModel):
    """Which model answered."""

    name: str
    version: str


class CodeAnswer(BaseModel):
    """What a standard calls a problem."""

    standard: str = Field(examples=["gbt-47678.5-2026"])
    kind: Literal["event", "component"]
    code: str = Field(examples=["06013"])
    item_code: str | None = Field(
        description="事项代码: 行政区划 and code; null where no region is set or the standard knows no such form",
        examples=["44060706013"],
    )


class FoundProblem(BaseModel):
    """One problem that at least one photo shows."""

    key: str = Field(examples=["road_damage"])
    name: str = Field(examples=["道路破损"])
    score: float = Field(
        ge=0,
        le=1,
        description="Calibrated probability: of photos that look like one scene their mean (of log-odds), of several "
        "places the highest",
    )
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
    quality: list[QualityAnswer] = Field(description="Why the photo does not count, and what to do; empty if it does")
    evidence: dict[str, list[list[float]]] | None = Field(
        description="Where in the upright photo a problem is: for each one found, or for the likeliest one where a "
        "person should look, rows of cells with their scores, 0-1. The cell in row r and column c is centred at "
        "r / rows of the height and c / columns of the width. null unless asked for, or where the model gives none"
    )


class CaseAnswer(BaseModel):
    """What is said of a case; see model/case.py for the rule."""

    model: ModelName
    verdict: Verdict = Field(
        description="problem: found; review: cannot be ruled out or seen, a person should look; no_problem: ruled out"
    )
    problems: list[FoundProblem] = Field(description="Highest score first")
    photos: list[PhotoAnswer] = Field(description="In the order they were sent")


_REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "description": "一至九张同一案件的照片 · One to nine photos of one case",
    "content": {"multipart/form-data": {"schema": photo_form()}, **raw_photo()},
}


@router.post(
    "/classify",
    dependencies=[Depends(takes(*EVERYONE))],
    summary="识别照片 · Classify photos",
    openapi_extra={"requestBody": _REQUEST_BODY},
    responses=refusals(*INTAKE_REFUSALS, "unknown_standard", "invalid_parameter", "internal_error"),
)
async def classify(
    request: Request,
    standard: Annotated[str | None, Query(description="编码标准，见 /v1/problems · Code table")] = None,
    lang: Annotated[Language | None, Query(description="名称和错误信息的语言 · Language of names and errors")] = None,
    evidence: Annotated[bool, Query(description="问题在照片中的位置 · With where in the photos problems are")] = False,
) -> CaseAnswer:
    """Several photos are one case. A photo that cannot be used refuses the whole request and is named in it.

    One that shows too little is answered with advice; it does not count where another shows more.

    Photos are kept in memory until the answer and nowhere after it.
    """
    service = service_of(request)
    code_table = code_table_of(service, standard)
    async with received(request) as upload:
        examining = service.engine.examine([photo.data for photo in upload.photos], evidence=evidence)
        examined = await while_wanted(request, examining, service)
    return _answer(upload.photos, examined, service, code_table, lang or service.settings.language)


def _answer(
    photos: Sequence[UploadedPhoto],
    examined: Sequence[ExaminedPhoto],
    service: Service,
    code_table: DistrictCodeTable,
    language: Language,
) -> CaseAnswer:
    card = service.engine.classifier.card
    seen = [photo.classified for photo in examined]
    case = decide_case([photo.decision for photo in seen], card, [photo.features for photo in seen])
    return CaseAnswer(
        model=ModelName(name=card.name, version=card.version),
        verdict=case.verdict,
        problems=found_problems({key: case.scores[key] for key in case.problems}, service, code_table, language),
        photos=[_photo_answer(photo, seen, language) for photo, seen in zip(photos, examined, strict=True)],
    )


def code_table_of(service: Service, standard: str | None) -> DistrictCodeTable:
    """The code table that a request names, or the default.

    Raises:
        Refusal: unknown_standard.
    """
    code_table = service.code_tables.get(standard or service.settings.standard)
    if code_table is None:
        raise Refusal("unknown_standard", found=standard, known=", ".join(service.code_tables))
    return code_table


def found_problems(
    scores: Mapping[str, float], service: Service, code_table: DistrictCodeTable, language: Language
) -> list[FoundProblem]:
    """Each problem with its name and its code, in the given order."""
    return [
        FoundProblem(
            key=key,
            name=service.problems[key].name(language),
            score=round(score, DECIMALS),
            code=_code_answer(code_table.get(key)),
        )
        for key, score in scores.items()
    ]


def _photo_answer(photo: UploadedPhoto, examined: ExaminedPhoto, language: Language) -> PhotoAnswer:
    decision = examined.classified.decision
    return PhotoAnswer(
        filename=photo.filename,
        sha256=examined.sha256,
        width=examined.classified.width,
        height=examined.classified.height,
        verdict=decision.verdict,
        problems=list(decision.problems),
        scores={key: round(score, DECIMALS) for key, score in decision.scores.items()},
        quality=quality_answers(decision.quality, language),
        evidence=_evidence(examined.classified),
    )


def _evidence(photo: ClassifiedPhoto) -> dict[str, list[list[float]]] | None:
    if photo.evidence is None:
        return None
    shown = {key: photo.evidence[key].astype(np.float64) for key in photo.decision.suspected}
    return {key: cells.round(EVIDENCE_DECIMALS).tolist() for key, cells in shown.items()}


def _code_answer(code: DistrictCode | None) -> CodeAnswer | None:
    if code is None:
        return None
    return CodeAnswer(standard=code.standard, kind=code.kind, code=code.code, item_code=code.item_code)
