"""The same photo sent by another road, or framed a little differently: nothing in it changes, so no answer should.

Chat programs reduce a phone's photo to about 1080 pixels, where the network takes 224 of them. Photos of 448 pixels
are at twice the network's side already, so they are reduced by a quarter instead: enough that pixels are made anew.
"""

import io
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np
from PIL import Image

SHIFT = 0.05  # of a side, cut off or added

Retake = Callable[[Image.Image], bytes]


def encode(image: Image.Image, file_format: str, **options: int) -> bytes:
    """An RGB photo as a file."""
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def encode_exactly(image: Image.Image) -> bytes:
    """An RGB photo as a file that gives back each pixel: PNG without compression, the cheapest of these to write."""
    return encode(image, "PNG", compress_level=0)


def _reduced(image: Image.Image) -> bytes:
    reduced = image.resize((image.width * 3 // 4, image.height * 3 // 4), Image.Resampling.LANCZOS)
    return encode(reduced, "JPEG", quality=70)


def _cut(image: Image.Image, left: float = 0, top: float = 0, right: float = 0, bottom: float = 0) -> bytes:
    """Without these shares of the sides."""
    width, height = image.size
    box = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
    return encode_exactly(image.crop(tuple(round(edge) for edge in box)))


def _farther(image: Image.Image) -> bytes:
    """SHIFT more of the scene on both axes, mirrored in at the edges."""
    wide, high = (round(SHIFT / 2 * side) for side in image.size)
    padded = np.pad(np.asarray(image), ((high, high), (wide, wide), (0, 0)), mode="reflect")
    return encode_exactly(Image.fromarray(padded))


ENCODINGS: Mapping[str, Retake] = MappingProxyType(
    {
        "jpeg_85": partial(encode, file_format="JPEG", quality=85),
        "jpeg_70": partial(encode, file_format="JPEG", quality=70),
        "webp_80": partial(encode, file_format="WEBP", quality=80),
        "three_quarters_jpeg_70": _reduced,
    }
)
"""Name → photo to file; the number is the quality."""

FRAMINGS: Mapping[str, Retake] = MappingProxyType(
    {
        "without_left": partial(_cut, left=SHIFT),
        "without_right": partial(_cut, right=SHIFT),
        "without_top": partial(_cut, top=SHIFT),
        "without_bottom": partial(_cut, bottom=SHIFT),
        "closer": partial(_cut, left=SHIFT / 2, top=SHIFT / 2, right=SHIFT / 2, bottom=SHIFT / 2),
        "farther": _farther,
    }
)
"""Name → photo to file; each cuts or adds SHIFT of the sides it touches."""
