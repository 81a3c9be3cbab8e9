"""GET /v1/problems: the catalogue, with what each standard calls a problem."""

from typing import Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from serve.access.caller import takes
from serve.access.roles import EVERYONE
from serve.openapi import refusals
from serve.service import service_of

router = APIRouter(tags=["模型 Model"])


class StandardCode(BaseModel):
    """The code of a problem within one standard, as this district uses it."""

    kind: Literal["event", "component"]
    code: str
    item_code: str | None = Field(description="事项代码: 行政区划 and code; null where there is none")


class ProblemAnswer(BaseModel):
    """One street problem: its names, what a photo of it shows and what it must not be confused with."""

    key: str
    name_zh: str
    name_en: str
    shows_zh: str
    shows_en: str
    not_zh: str
    not_en: str
    codes: dict[str, StandardCode] = Field(description="By standard; one that has no code for it is absent")


class ProblemsAnswer(BaseModel):
    """The catalogue."""

    standards: list[str] = Field(description="Values of the parameter `standard`")
    default_standard: str
    problems: list[ProblemAnswer]


@router.get(
    "/problems",
    dependencies=[Depends(takes(*EVERYONE))],
    summary="问题目录 · The problems",
    responses=refusals("internal_error"),
)
async def list_problems(request: Request) -> ProblemsAnswer:
    """Every problem in the catalogue, and the code tables that a request may name."""
    service = service_of(request)
    return ProblemsAnswer(
        standards=list(service.code_tables),
        default_standard=service.settings.standard,
        problems=[
            ProblemAnswer(
                key=key,
                name_zh=problem.name_zh,
                name_en=problem.name_en,
                shows_zh=problem.shows_zh,
                shows_en=problem.shows_en,
                not_zh=problem.not_zh,
                not_en=problem.not_en,
                codes={
                    standard: StandardCode(kind=table[key].kind, code=table[key].code, item_code=table[key].item_code)
                    for standard, table in service.code_tables.items()
                    if key in table
                },
            )
            for key, problem in service.problems.items()
        ],
    )
