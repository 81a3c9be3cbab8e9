"""Requests and answers of the Open Inference Protocol: the tensor of photos that comes, the tensors that go back.

Both may be JSON or, by the binary tensor data extension, bytes behind the JSON: of each BYTES element its length as 4
bytes, little-endian, and then itself.
"""

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import Request, Response
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from serve.body import BodyReader, refuse_encoding
from serve.photo_json import PhotoJson, most_json_bytes
from serve.refusals import Refusal
from serve.upload import UploadLimits

JSON_LENGTH_HEADER = "Inference-Header-Content-Length"
_LENGTH = struct.Struct("<I")

OutputName = Literal["scores", "verdict", "labels"]


class InputParameters(BaseModel):
    """How the photos come."""

    model_config = ConfigDict(strict=True)

    binary_data_size: int | None = Field(default=None, ge=0, description="Bytes behind the JSON")
    shared_memory_region: None = None


class InputTensor(BaseModel):
    """The photos."""

    model_config = ConfigDict(strict=True)

    name: Literal["photo"]
    datatype: Literal["BYTES"]
    shape: Annotated[list[int], Field(min_length=1, max_length=1)] = Field(examples=[[1]])
    parameters: InputParameters = InputParameters()
    data: list[str] | None = Field(default=None, description="Files in base64; absent where they come behind the JSON")


class OutputParameters(BaseModel):
    """How one output should be sent."""

    model_config = ConfigDict(strict=True)

    binary_data: bool | None = None
    classification: None = None
    shared_memory_region: None = None


class RequestedOutput(BaseModel):
    """One output that should be sent."""

    model_config = ConfigDict(strict=True)

    name: OutputName
    parameters: OutputParameters = OutputParameters()


class RequestParameters(BaseModel):
    """What holds for the whole request; others are ignored."""

    model_config = ConfigDict(strict=True)

    binary_data_output: bool = False


class InferRequest(BaseModel):
    """Photos of one request, each examined by itself."""

    model_config = ConfigDict(strict=True)

    id: str | None = Field(default=None, max_length=200)
    parameters: RequestParameters = RequestParameters()
    inputs: Annotated[list[InputTensor], Field(min_length=1, max_length=1)]
    outputs: list[RequestedOutput] | None = Field(default=None, max_length=20, description="All where none is named")


class OutputTensor(BaseModel):
    """One tensor of the answer, row by row."""

    name: OutputName
    datatype: Literal["FP32", "BYTES"]
    shape: list[int]
    parameters: dict[str, int] | None = None
    data: list[float] | list[str] | None = None


class InferAnswer(BaseModel):
    """What is said of the photos."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """Values of one output: float32, or strings."""

    values: NDArray[np.float32] | NDArray[np.str_]

    @property
    def datatype(self) -> Literal["FP32", "BYTES"]:
        """Its name in the protocol."""
        return "FP32" if self.values.dtype == np.float32 else "BYTES"

    def as_bytes(self) -> bytes:
        """Little-endian, row by row."""
        if self.values.dtype == np.float32:
            return self.values.astype("<f4").tobytes()
        elements = [str(text).encode() for text in self.values.flat]
        return b"".join(_LENGTH.pack(len(element)) + element for element in elements)


@dataclass(frozen=True, kw_only=True)
class Inference:
    """One request: what was asked and the photo files."""

    asked: InferRequest
    photos: list[bytes]


async def read_inference(
    request: Request, limits: UploadLimits, count_bytes: Callable[[int], None], model_name: str
) -> Inference:
    """What a request asks, with at least one photo.

    Args:
        count_bytes: told of all bytes before they are kept; may refuse.

    Raises:
        Refusal: with the limit or the mistake.
        ClientDisconnect: the client went away.
    """
    refuse_encoding(request)
    body = BodyReader(request, count_bytes)
    try:
        stated = _stated_json_bytes(request, most_json_bytes(limits.max_photo_bytes))
        content = await _read_json(body, stated, limits)
        asked = InferRequest.model_validate(content.content)
        photos = await _read_photos(asked.inputs[0], content, body, limits, count_bytes)
        if not await body.is_read():
            raise ValueError("there are bytes after the last tensor")
    except ValidationError as error:
        raise Refusal("tensor_invalid", reason=_first_mistake(error), model=model_name) from error
    except ValueError as error:
        raise Refusal("tensor_invalid", reason=str(error), model=model_name) from error
    return Inference(asked=asked, photos=photos)


def answer_inference(asked: InferRequest, tensors: dict[OutputName, Tensor], model: tuple[str, str]) -> Response:
    """The answer with those tensors that were asked for.

    Args:
        model: name and version.
    """
    wanted = asked.outputs or [RequestedOutput(name=name) for name in tensors]
    outputs: list[dict[str, Any]] = []
    behind: list[bytes] = []
    for output in wanted:
        tensor = tensors[output.name]
        described: dict[str, Any] = {
            "name": output.name,
            "datatype": tensor.datatype,
            "shape": list(tensor.values.shape),
        }
        binary = output.parameters.binary_data
        if asked.parameters.binary_data_output if binary is None else binary:
            behind.append(tensor.as_bytes())
            described["parameters"] = {"binary_data_size": len(behind[-1])}
        else:
            described["data"] = tensor.values.ravel().tolist()
        outputs.append(described)
    name, version = model
    answer = {"model_name": name, "model_version": version, "id": asked.id, "outputs": outputs}
    if asked.id is None:
        del answer["id"]
    content = json.dumps(answer).encode()  # ASCII: the id comes back whatever characters it has
    if not behind:
        return Response(content, media_type="application/json")
    headers = {JSON_LENGTH_HEADER: str(len(content))}
    return Response(b"".join([content, *behind]), headers=headers, media_type="application/octet-stream")


def _stated_json_bytes(request: Request, most: int) -> int | None:
    header = request.headers.get(JSON_LENGTH_HEADER)
    if header is None:
        return None
    if not (header.isascii() and header.isdigit() and len(header) <= len(str(most)) and int(header) <= most):
        raise ValueError(f"{JSON_LENGTH_HEADER} is {header[:30]!r}, expected at most {most}")
    return int(header)


async def _read_json(body: BodyReader, stated_bytes: int | None, limits: UploadLimits) -> PhotoJson:
    most = most_json_bytes(limits.max_photo_bytes)
    content = await body.read(most + 1 if stated_bytes is None else stated_bytes)
    if stated_bytes is not None and len(content) < stated_bytes:
        raise ValueError(f"the body has {len(content)} bytes, {JSON_LENGTH_HEADER} is {stated_bytes}")
    if len(content) > most:
        raise Refusal("json_too_large", max_megabytes=f"{most / 1e6:g}")
    return await run_in_threadpool(PhotoJson, content, limits.max_photo_bytes)


async def _read_photos(
    tensor: InputTensor,
    content: PhotoJson,
    body: BodyReader,
    limits: UploadLimits,
    count_bytes: Callable[[int], None],
) -> list[bytes]:
    (count,) = tensor.shape
    if count > limits.max_photos:
        raise Refusal("too_many_photos", max_photos=limits.max_photos)
    if count < 1:
        raise Refusal("no_photo", found=f"shape {tensor.shape}", max_photos=limits.max_photos)
    behind_bytes = tensor.parameters.binary_data_size
    if (tensor.data is None) == (behind_bytes is None):
        raise ValueError("photo needs either data or binary_data_size")
    if behind_bytes is not None:
        return await _read_behind(count, behind_bytes, body, limits)
    texts = tensor.data or []
    if len(texts) != count:
        raise ValueError(f"photo has {len(texts)} elements, its shape says {count}")
    photos = []
    for number, text in enumerate(texts):
        photos.append(await run_in_threadpool(content.photo, text, number))
        count_bytes(len(photos[-1]))
    return photos


async def _read_behind(count: int, behind_bytes: int, body: BodyReader, limits: UploadLimits) -> list[bytes]:
    photos: list[bytes] = []
    left = behind_bytes
    for number in range(count):
        stated = await body.read(_LENGTH.size)
        left -= _LENGTH.size
        (length,) = _LENGTH.unpack(stated) if len(stated) == _LENGTH.size else (left + 1,)
        if length > left:
            raise ValueError(f"element {number} of photo ends after binary_data_size, {behind_bytes}")
        if length > limits.max_photo_bytes:
            raise Refusal("photo_too_large", photo=number, max_megabytes=f"{limits.max_photo_bytes / 1e6:g}")
        photos.append(await body.read(length))
        left -= length
        if len(photos[-1]) < length:
            raise ValueError(f"the body ends within element {number} of photo")
    if left:
        raise ValueError(f"binary_data_size is {behind_bytes}, the elements take {behind_bytes - left}")
    return photos


def _first_mistake(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(step) for step in first["loc"]) or "the body"
    return f"{where}: {first['msg']}"


def text_tensor(texts: Sequence[str]) -> Tensor:
    """A BYTES tensor of one dimension."""
    return Tensor(values=np.array(texts, dtype=np.str_))
