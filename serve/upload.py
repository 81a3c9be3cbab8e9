"""The upload road: a request body as it streams in → photos in memory. Nothing touches the disk.

Starlette's form parser writes larger parts into temporary files and knows no limit for one file; here every limit is
held while the bytes arrive, whatever the headers announce.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from serve.refusals import Refusal

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks  # exists for type checkers only

PHOTO_FIELD = "photo"
RAW_MEDIA_TYPE = "application/octet-stream"

_FIELDS = 20  # form fields other than photos; they are ignored
_FIELD_BYTES = 20_000  # of all those fields together
_FRAMING_BYTES = 1_000_000  # boundaries, headers, and anything before the first or after the last part
_FILENAME_CHARACTERS = 255


@dataclass(frozen=True, kw_only=True)
class UploadedPhoto:
    """One photo file as it was sent."""

    data: bytes
    filename: str | None


@dataclass(frozen=True, kw_only=True)
class UploadLimits:
    """What one request may hold."""

    max_photos: int
    max_photo_bytes: int


@dataclass(frozen=True, kw_only=True)
class Upload:
    """What one request holds."""

    photos: list[UploadedPhoto]
    """In order, at least one."""
    text: bytes
    """Content of the text part that was asked for; empty where none came."""


async def read_upload(
    request: Request, limits: UploadLimits, count_bytes: Callable[[int], None], text_field: str | None = None
) -> Upload:
    """The photos of a request and one part of text beside them.

    Args:
        count_bytes: told of every photo byte before it is kept; may refuse.
        text_field: name of the text part; any other part is ignored.

    Raises:
        Refusal: with the limit or the mistake.
        ClientDisconnect: the client went away.
    """
    content_type = request.headers.get("content-type", "")
    media_type, options = parse_options_header(content_type)
    if media_type == b"multipart/form-data":
        form = _PhotoForm(limits, count_bytes, text_field)
        await _read_multipart(request, options.get(b"boundary", b""), form, limits)
        return Upload(photos=form.photos, text=bytes(form.text))
    if media_type.startswith(b"image/") or media_type == RAW_MEDIA_TYPE.encode():
        return Upload(photos=[await _read_raw(request, limits, count_bytes)], text=b"")
    raise Refusal("unsupported_media_type", found=content_type or "-")


async def _read_raw(request: Request, limits: UploadLimits, count_bytes: Callable[[int], None]) -> UploadedPhoto:
    file = _GrowingFile(0, None, limits.max_photo_bytes, count_bytes)
    async for chunk in request.stream():
        file.add(chunk)
    photo = file.finished()
    if not photo.data:
        raise Refusal("no_photo", found="0 bytes", max_photos=limits.max_photos)
    return photo


async def _read_multipart(request: Request, boundary: bytes, form: "_PhotoForm", limits: UploadLimits) -> None:
    if not boundary:
        raise Refusal("multipart_invalid", reason="Content-Type names no boundary")
    most = limits.max_photos * limits.max_photo_bytes + _FRAMING_BYTES
    read = 0
    try:
        parser = MultipartParser(boundary, form.callbacks())
        async for chunk in request.stream():
            read += len(chunk)
            if read > most:
                raise Refusal("multipart_invalid", reason=f"more than {most} bytes")
            parser.write(chunk)
    except FormParserError as error:
        raise Refusal("multipart_invalid", reason=str(error)) from error
    if not form.complete:
        raise Refusal("multipart_invalid", reason="the closing boundary is missing")
    if not form.photos:
        raise Refusal("no_photo", found=", ".join(form.ignored) or "-", max_photos=limits.max_photos)


class _GrowingFile:
    """One file while it arrives."""

    def __init__(
        self, number: int, filename: str | None, max_photo_bytes: int, count_bytes: Callable[[int], None]
    ) -> None:
        self._number = number
        self._filename = filename
        self._max_photo_bytes = max_photo_bytes
        self._count_bytes = count_bytes
        self._chunks: list[bytes | memoryview] = []  # views of what arrived: joined once, copied once
        self._length = 0

    def add(self, chunk: bytes | memoryview) -> None:
        self._length += len(chunk)
        if self._length > self._max_photo_bytes:
            raise Refusal("photo_too_large", photo=self._number, max_megabytes=f"{self._max_photo_bytes / 1e6:g}")
        self._count_bytes(len(chunk))
        self._chunks.append(chunk)

    def finished(self) -> UploadedPhoto:
        return UploadedPhoto(data=b"".join(self._chunks), filename=self._filename)


class _PhotoForm:
    """What the multipart parser finds: the parts named photo, one of text, and the names of those that are ignored."""

    def __init__(self, limits: UploadLimits, count_bytes: Callable[[int], None], text_field: str | None) -> None:
        self.photos: list[UploadedPhoto] = []
        self.text = bytearray()
        self.ignored: list[str] = []
        self.complete = False
        self._limits = limits
        self._count_bytes = count_bytes
        self._text_field = text_field
        self._in_text = False
        self._field_bytes = 0
        self._file: _GrowingFile | None = None
        self._header_name = b""
        self._header_value = b""
        self._disposition = b""

    def callbacks(self) -> "MultipartCallbacks":
        """By the names that python-multipart gives them."""
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._on_header_name,
            "on_header_value": self._on_header_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._on_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _begin_part(self) -> None:
        self._file = None
        self._in_text = False
        self._disposition = b""

    def _on_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode(errors="replace")
        filename = options.get(b"filename")
        if name == PHOTO_FIELD and filename != b"":  # a browser sends an empty file name where none was chosen
            if len(self.photos) == self._limits.max_photos:
                raise Refusal("too_many_photos", max_photos=self._limits.max_photos)
            shown = None if filename is None else filename.decode(errors="replace")[:_FILENAME_CHARACTERS]
            self._file = _GrowingFile(len(self.photos), shown, self._limits.max_photo_bytes, self._count_bytes)
            return
        if name == self._text_field:
            self.text.clear()  # of several the last one counts
            self._in_text = True
        self.ignored.append(name)
        if len(self.ignored) > _FIELDS:
            raise Refusal("multipart_invalid", reason=f"more than {_FIELDS} parts that are not named {PHOTO_FIELD}")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.add(memoryview(data)[start:end])
            return
        self._field_bytes += end - start
        if self._field_bytes > _FIELD_BYTES:
            reason = f"part {self.ignored[-1]!r} is too long; photos are sent in parts named {PHOTO_FIELD}"
            raise Refusal("multipart_invalid", reason=reason)
        if self._in_text:
            self.text += data[start:end]

    def _end_part(self) -> None:
        if self._file is not None:
            self.photos.append(self._file.finished())
            self._file = None

    def _end(self) -> None:
        self.complete = True
