"""GET /v1/model: which model answers, from which score up it says so, and how well it did on unseen photos."""

from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from model.card import Precision
from serve.access.caller import takes
from serve.access.roles import EVERYONE
from serve.openapi import refusals
from serve.service import service_of

router = APIRouter(tags=["模型 Model"])


class ThresholdAnswer(BaseModel):
    """Scores from `upper` up are found, from `lower` up to it a person should look."""

    lower: float
    upper: float


class LabelAnswer(BaseModel):
    """One problem the model knows."""

    key: str
    name_zh: str
    name_en: str
    threshold: ThresholdAnswer


class ModelAnswer(BaseModel):
    """The card of the model in use."""

    name: str
    version: str
    precision: Precision = Field(description="Of the network that scores here: int8, or fp32")
    input_side: int = Field(description="Side in pixels of the square the network sees")
    labels: list[LabelAnswer]
    evaluation: dict[str, Any] = Field(description="Figures on photos the model never saw, as its card has them")


@router.get(
    "/model",
    dependencies=[Depends(takes(*EVERYONE))],
    summary="所用模型 · The model in use",
    responses=refusals("internal_error"),
)
async def show_model(request: Request) -> ModelAnswer:
    """Name, version, problems with thresholds, and evaluation figures."""
    classifier = service_of(request).engine.classifier
    card = classifier.card
    problems = service_of(request).problems
    return ModelAnswer(
        name=card.name,
        version=card.version,
        precision=classifier.precision,
        input_side=card.input_side,
        labels=[
            LabelAnswer(
                key=key,
                name_zh=problems[key].name_zh,
                name_en=problems[key].name_en,
                threshold=ThresholdAnswer(lower=card.thresholds[key].lower, upper=card.thresholds[key].upper),
            )
            for key in card.labels
        ],
        evaluation=dict(card.evaluation),
    )
