"""A request with photos: received within its limits, worked on for as long as somebody waits for the answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from serve.observe.notes import Stage, note_stage
from serve.refusals import Refusal
from serve.service import Service, service_of
from serve.upload import PHOTO_FIELD, RAW_MEDIA_TYPE, Upload, UploadLimits, read_upload

INTAKE_REFUSALS = (
    "no_photo",
    "multipart_invalid",
    "upload_deadline",
    "photo_too_large",
    "too_many_photos",
    "unsupported_media_type",
    "photo_format",
    "photo_truncated",
    "photo_too_small",
    "photo_too_many_pixels",
    "overloaded",
    "deadline",
)
"""How a request with photos may be refused."""

PHOTO_SCHEMA = {"type": "string", "format": "binary", "description": "JPEG, PNG, WebP or HEIC"}

_Result = TypeVar("_Result")


@asynccontextmanager
async def received(request: Request, text_field: str | None = None) -> AsyncIterator[Upload]:
    """What the request holds, counted against the memory that all requests may use until the block ends.

    Raises:
        Refusal: a limit, or a mistake in the body.
    """

    def read(limits: UploadLimits, count_bytes: Callable[[int], None]) -> Awaitable[Upload]:
        return read_upload(request, limits, count_bytes, text_field)

    async with received_by(read, service_of(request)) as upload:
        yield upload


@asynccontextmanager
async def received_by(
    read: Callable[[UploadLimits, Callable[[int], None]], Awaitable[_Result]], service: Service
) -> AsyncIterator[_Result]:
    """What `read` makes of a request, within the limits and the time of an upload.

    Args:
        read: called with the limits and with what it tells of all bytes before it keeps them.

    Raises:
        Refusal: upload_deadline, overloaded, and what `read` raises.
    """
    settings = service.settings
    limits = UploadLimits(max_photos=settings.max_photos, max_photo_bytes=settings.max_photo_bytes)
    started = time.perf_counter()
    with service.engine.bytes_held() as count_bytes:
        try:
            async with asyncio.timeout(settings.upload_seconds):
                result = await read(limits, count_bytes)
        except TimeoutError as error:
            raise Refusal("upload_deadline", limit_seconds=f"{settings.upload_seconds:g}") from error
        note_stage(Stage.UPLOAD, started)
        yield result


async def while_wanted(request: Request, work: Coroutine[Any, Any, _Result], service: Service) -> _Result:
    """The result of `work`, which is dropped when the client leaves or the deadline passes.

    Raises:
        Refusal: deadline.
        ClientDisconnect: nobody waits any more.
    """
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


def photo_form(**parts: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI schema of a form with photos and other parts."""
    photos = {"type": "array", "minItems": 1, "maxItems": 9, "items": PHOTO_SCHEMA}
    return {"type": "object", "required": [PHOTO_FIELD], "properties": {PHOTO_FIELD: photos, **parts}}


def raw_photo() -> dict[str, Any]:
    """The OpenAPI content of a body that is one photo."""
    return {"image/*": {"schema": PHOTO_SCHEMA}, RAW_MEDIA_TYPE: {"schema": PHOTO_SCHEMA}}


async def _client_leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
