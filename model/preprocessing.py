"""Photo bytes → upright RGB → the array the network takes.

The only place in the repository that opens or resizes a photo: training, evaluation and serving all come through
here, so that what the network sees in the street is what it learned from.

A photo is squashed to a square rather than cropped: nothing at its edge is lost, and no aspect ratio reaches the
network that could give its source away.
"""

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pillow_heif
from PIL import Image, UnidentifiedImageError

from model.errors import NotAPhoto, PhotoTooManyPixels, PhotoTooSmall, PhotoTruncated

RESIZE_RULE = "squash-bilinear"
"""Name of the rule below; stored in the card, so that a model made with another rule is refused."""

FORMATS = ("JPEG", "PNG", "WEBP", "HEIF")
MIN_SIDE = 32
MAX_PIXELS = 64_000_000
LEAST_REDUCED_PIXELS = {8: 11, 4: 11, 2: 14}
LEAST_REDUCED_SIDE = 2.5
"""A JPEG is decoded at the strongest reduction that leaves this many times the pixels and this many times the side that
the network takes, and that divides both its sides: elsewhere the reduced picture would reach beyond the photo and shift
what is in it. That is within mean 0.25 and p99 1 grey level of full decoding; at twice the side it would be up to 0.7
and 4, with sides that are not divided up to 1.9 and 9 (tests/model/test_preprocessing.py holds it at the limits)."""

_COPY_QUALITY = 88
_DECODING_ERRORS = (OSError, ValueError, SyntaxError, RuntimeError, EOFError, MemoryError)
_EXIF_ORIENTATION = 0x0112
_TO_UPRIGHT = {  # EXIF 2.32, tag Orientation; 1 is upright already
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)

pillow_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = None  # MAX_PIXELS is checked here, from the header, with a message of our own


@dataclass(frozen=True, kw_only=True)
class PreparedPhoto:
    """A photo as the network takes it, and its upright dimensions before any scaling."""

    pixels: npt.NDArray[np.uint8]
    """(3, side, side) uint8, RGB, 0-255."""
    width: int
    height: int


def prepare_photo(data: bytes, side: int) -> PreparedPhoto:
    """Decode a photo into the network's input.

    Raises:
        PhotoError: one of its kinds, when the bytes are not a usable photo.
    """
    image = _open_checked(data)
    width, height = _upright_dimensions(image)
    upright = _decode_upright(image, side)
    if upright.size != (side, side):
        upright = upright.resize((side, side), Image.Resampling.BILINEAR)
    pixels = np.ascontiguousarray(np.asarray(upright, dtype=np.uint8).transpose(2, 0, 1))
    return PreparedPhoto(pixels=pixels, width=width, height=height)


def shrink(pixels: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """(3, larger, larger) uint8 of a prepared photo → (3, side, side) uint8: a second resize instead of a decoding."""
    image = Image.fromarray(pixels.transpose(1, 2, 0)).resize((side, side), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))


def brightness(pixels: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """(3, larger, larger) uint8 RGB → (side, side) uint8 luma 0-255, each the mean of the square that it stands for."""
    luma = Image.merge("RGB", [Image.fromarray(channel) for channel in pixels]).convert("L")
    return np.asarray(luma.resize((side, side), Image.Resampling.BOX))


def check_photo(data: bytes) -> tuple[int, int]:
    """Upright (width, height) from the header alone, refusing what its header shows to be unusable. Decodes nothing.

    Raises:
        PhotoError: format, number of pixels or least side.
    """
    return _upright_dimensions(_open_checked(data))


def read_photo(data: bytes) -> Image.Image:
    """The whole photo, upright, mode RGB, at its full dimensions: for people, and for pictures made from photos.

    Raises:
        PhotoError: one of its kinds, when the bytes are not a usable photo.
    """
    return _decode_upright(_open_checked(data), None)


def copy_photo(data: bytes, longest_side: int) -> bytes:
    """A JPEG to keep: upright, at most `longest_side` pixels long, and nothing in it but the picture.

    No place, time, device, comment or thumbnail survives. A colour profile is dropped, not applied: the copy holds the
    values that the network saw.

    Raises:
        PhotoError: one of its kinds, when the bytes are not a usable photo.
    """
    image = _open_checked(data)
    orientation = _orientation(image)
    width, height = image.size
    scale = min(1, longest_side / max(width, height))
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    try:
        image.draft("RGB", target)  # JPEG only; never below the target
        image.load()
        picture = _to_rgb(image)
    except _DECODING_ERRORS as error:
        raise PhotoTruncated(str(error)) from error
    if picture.size != target:
        picture = picture.resize(target, Image.Resampling.LANCZOS)
    if orientation in _TO_UPRIGHT:
        picture = picture.transpose(_TO_UPRIGHT[orientation])
    picture.info.clear()  # Pillow would write a comment that it found
    copy = io.BytesIO()
    picture.save(copy, "JPEG", quality=_COPY_QUALITY)
    return copy.getvalue()


def _open_checked(data: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise NotAPhoto(data) from error
    except (OSError, ValueError, SyntaxError, RuntimeError, EOFError) as error:
        raise PhotoTruncated(str(error)) from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PhotoTooManyPixels(width, height, MAX_PIXELS)
    if min(width, height) < MIN_SIDE:
        raise PhotoTooSmall(width, height, MIN_SIDE)
    return image


def _decode_upright(image: Image.Image, side: int | None) -> Image.Image:
    """Upright RGB; where `side` is given, perhaps reduced as far as a resize to side x side allows."""
    orientation = _orientation(image)
    try:
        if side is not None and (reduction := _reduction(image.size, side)) > 1:
            width, height = image.size
            image.draft("RGB", (width // reduction, height // reduction))  # JPEG only; elsewhere it does nothing
        image.load()
        upright = _to_rgb(image)
    except _DECODING_ERRORS as error:
        raise PhotoTruncated(str(error)) from error
    return upright.transpose(_TO_UPRIGHT[orientation]) if orientation in _TO_UPRIGHT else upright


def _reduction(size: tuple[int, int], side: int) -> int:
    width, height = size
    for reduction, least_pixels in LEAST_REDUCED_PIXELS.items():
        enough_pixels = width * height >= least_pixels * (side * reduction) ** 2
        enough_side = min(width, height) >= LEAST_REDUCED_SIDE * side * reduction
        if enough_pixels and enough_side and width % reduction == height % reduction == 0:
            return reduction
    return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    """Mode RGB; transparency becomes white, as every viewer shows it; 16-bit grey is scaled, not clipped."""
    if image.mode.startswith("I;16") or image.mode == "I":
        return Image.fromarray((np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        with_alpha = image.convert("RGBA")
        white = Image.new("RGBA", with_alpha.size, "white")
        return Image.alpha_composite(white, with_alpha).convert("RGB")
    return image.convert("RGB")


def _upright_dimensions(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    return (height, width) if _orientation(image) in _SIDEWAYS else (width, height)


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1-8; 1 where there is none or the EXIF block is damaged.

    Read from the block the header gave rather than by `getexif`, which decodes a whole PNG to look for one.
    """
    block = image.info.get("exif")
    if not block:
        return 1
    exif = Image.Exif()
    try:
        exif.load(block)
        orientation = exif.get(_EXIF_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - Pillow raises whatever the damaged block provokes; the photo itself is fine
        return 1
    return orientation if orientation in _TO_UPRIGHT else 1
