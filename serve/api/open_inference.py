"""The Open Inference Protocol v2, for clients of Triton and KServe: health, what the model takes, and inference.

Photo files are the one input: what the network itself takes is an array that only our own preprocessing should make.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from model.decision import Verdict
from serve.access.caller import takes
from serve.access.roles import EVERYONE
from serve.api.health import ready
from serve.api.tensors import (
    InferAnswer,
    Inference,
    OutputName,
    Tensor,
    answer_inference,
    read_inference,
    text_tensor,
)
from serve.intake import received_by, while_wanted
from serve.openapi import refusals
from serve.refusals import Refusal
from serve.service import Service, service_of
from serve.upload import UploadLimits

router = APIRouter(prefix="/v2", tags=["开放推理协议 Open Inference Protocol"])

_PHOTO_WORDS = "Files as a camera made them (JPEG, PNG, WebP, HEIC): base64 in JSON, raw in binary tensor data"
_EXTENSIONS = ["binary_tensor_data"]
_INFER_REFUSALS = (
    "json_invalid",
    "base64_invalid",
    "tensor_invalid",
    "no_photo",
    "unknown_model",
    "upload_deadline",
    "photo_too_large",
    "too_many_photos",
    "json_too_large",
    "content_encoding",
    "photo_format",
    "photo_truncated",
    "photo_too_small",
    "photo_too_many_pixels",
    "internal_error",
    "overloaded",
    "deadline",
    "unauthorized",
)
_BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_INFER_DOCUMENT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": _PHOTO_WORDS,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/InferRequest"}}, **_BINARY},
    }
}


class ServerLive(BaseModel):
    """The process answers."""

    live: bool = True


class ServerReady(BaseModel):
    """The model has answered a photo."""

    live: bool = True
    ready: bool = True


class ServerMetadata(BaseModel):
    """What answers here."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(BaseModel):
    """One input or output; -1 stands for the number of photos."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, str] | None = Field(default=None, description="What the values are")


class ModelMetadata(BaseModel):
    """The model in use."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ModelReady(BaseModel):
    """The model answers photos."""

    name: str
    ready: bool = True


@router.get(
    "", dependencies=[Depends(takes(*EVERYONE))], summary="服务 · The server", responses=refusals("unauthorized")
)
async def show_server(request: Request) -> ServerMetadata:
    """Name and extensions."""
    return ServerMetadata(name="xuntu", version=request.app.version, extensions=_EXTENSIONS)


@router.get("/health/live", summary="进程存活 · The process answers")
async def show_live() -> ServerLive:
    """Needs no key, like /health/live."""
    return ServerLive()


@router.get("/health/ready", summary="可以识别 · Photos are answered", responses=refusals("not_ready"))
async def show_ready(request: Request) -> ServerReady:
    """Needs no key, like /health/ready."""
    await ready(request)
    return ServerReady()


@router.get(
    "/models/{name}",
    dependencies=[Depends(takes(*EVERYONE))],
    summary="模型 · The model",
    responses=refusals("unauthorized", "unknown_model"),
)
async def show_model(request: Request, name: str) -> ModelMetadata:
    """Inputs and outputs. The columns of `scores` are in the order of `labels`."""
    return _model_metadata(_model_service(request, name))


@router.get(
    "/models/{name}/versions/{version}",
    dependencies=[Depends(takes(*EVERYONE))],
    summary="模型版本 · The model of a version",
    responses=refusals("unauthorized", "unknown_model"),
)
async def show_model_version(request: Request, name: str, version: str) -> ModelMetadata:
    """Inputs and outputs. The columns of `scores` are in the order of `labels`."""
    return _model_metadata(_model_service(request, name, version))


@router.get(
    "/models/{name}/ready",
    dependencies=[Depends(takes(*EVERYONE))],
    summary="模型可用 · The model answers",
    responses=refusals("unauthorized", "unknown_model", "not_ready"),
)
async def show_model_ready(request: Request, name: str) -> ModelReady:
    """Whether this model answers photos."""
    _model_service(request, name)
    await ready(request)
    return ModelReady(name=name)


@router.get(
    "/models/{name}/versions/{version}/ready",
    dependencies=[Depends(takes(*EVERYONE))],
    summary="模型版本可用 · The model of a version answers",
    responses=refusals("unauthorized", "unknown_model", "not_ready"),
)
async def show_model_version_ready(request: Request, name: str, version: str) -> ModelReady:
    """Whether this version of the model answers photos."""
    _model_service(request, name, version)
    await ready(request)
    return ModelReady(name=name)


@router.post(
    "/models/{name}/infer",
    dependencies=[Depends(takes(*EVERYONE))],
    summary="推理 · Inference",
    openapi_extra=_INFER_DOCUMENT,
    response_model=InferAnswer,
    responses={200: {"content": _BINARY}, **refusals(*_INFER_REFUSALS)},
)
async def infer(request: Request, name: str) -> Response:
    """Every photo by itself: calibrated probability of each problem, and the verdict."""
    return await _infer(request, _model_service(request, name))


@router.post(
    "/models/{name}/versions/{version}/infer",
    dependencies=[Depends(takes(*EVERYONE))],
    summary="推理（指定版本） · Inference by a version",
    openapi_extra=_INFER_DOCUMENT,
    response_model=InferAnswer,
    responses={200: {"content": _BINARY}, **refusals(*_INFER_REFUSALS)},
)
async def infer_version(request: Request, name: str, version: str) -> Response:
    """Every photo by itself: calibrated probability of each problem, and the verdict."""
    return await _infer(request, _model_service(request, name, version))


def _model_service(request: Request, name: str, version: str | None = None) -> Service:
    """The service, if its model is the one that is asked for.

    Raises:
        Refusal: unknown_model.
    """
    service = service_of(request)
    card = service.engine.classifier.card
    if name != card.name or version not in (None, card.version):
        found = repr(name) if version is None else f"{name!r} {version!r}"
        raise Refusal("unknown_model", found=found, known=f"{card.name} {card.version}")
    return service


def _model_metadata(service: Service) -> ModelMetadata:
    card = service.engine.classifier.card
    labels = len(card.labels)
    return ModelMetadata(
        name=card.name,
        versions=[card.version],
        platform="onnxruntime_onnx",
        inputs=[
            TensorMetadata(
                name="photo",
                datatype="BYTES",
                shape=[-1],
                parameters={"content_type": "base64", "description": _PHOTO_WORDS},
            )
        ],
        outputs=[
            TensorMetadata(
                name="scores",
                datatype="FP32",
                shape=[-1, labels],
                parameters={"description": "Calibrated probability 0-1 of each label", "labels": ",".join(card.labels)},
            ),
            TensorMetadata(
                name="verdict",
                datatype="BYTES",
                shape=[-1],
                parameters={"description": ", ".join(Verdict)},
            ),
            TensorMetadata(name="labels", datatype="BYTES", shape=[labels]),
        ],
    )


async def _infer(request: Request, service: Service) -> Response:
    card = service.engine.classifier.card

    def read(limits: UploadLimits, count_bytes: Callable[[int], None]) -> Awaitable[Inference]:
        return read_inference(request, limits, count_bytes, card.name)

    async with received_by(read, service) as inference:
        examined = await while_wanted(request, service.engine.examine(inference.photos), service)
    decisions = [photo.classified.decision for photo in examined]
    scores = [[decision.scores[label] for label in card.labels] for decision in decisions]
    tensors: dict[OutputName, Tensor] = {
        "scores": Tensor(values=np.array(scores, dtype=np.float32)),
        "verdict": text_tensor([decision.verdict for decision in decisions]),
        "labels": text_tensor(card.labels),
    }
    return answer_inference(inference.asked, tensors, (card.name, card.version))
