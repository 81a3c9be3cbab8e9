"""Photos to measure with: drawn from a seed, with the detail, noise and 4:2:0 JPEG of a phone camera.

What a JPEG costs to decode is decided by its pixels and its bytes, so both are those of real photos: clouds of all
scales (natural pictures have them), hard-edged things in front, sensor noise, and a quality that gives the file the
bytes a phone would write.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

PHOTOS_A_SIZE = 3
_SEED = 20_261_123
_SHAPES = 60
_NOISE_GREY_LEVELS = 1.5


@dataclass(frozen=True, kw_only=True)
class PhotoSize:
    """One size of photo, as phones and patrol apps send them."""

    megapixels: float
    width: int
    height: int
    file_bytes: int  # about what a phone writes at this size

    @property
    def name(self) -> str:
        """As tables show it."""
        return f"{self.megapixels:g} MP"


SIZES = (
    PhotoSize(megapixels=0.3, width=640, height=480, file_bytes=75_000),
    PhotoSize(megapixels=3, width=2048, height=1536, file_bytes=600_000),
    PhotoSize(megapixels=12, width=4000, height=3000, file_bytes=2_100_000),
)


def make_photos(size: PhotoSize) -> Sequence[bytes]:
    """JPEG files of this size, the same at each call."""
    return [_encoded(_drawn(size, np.random.default_rng((_SEED, size.width, n))), size) for n in range(PHOTOS_A_SIZE)]


def _drawn(size: PhotoSize, random: np.random.Generator) -> Image.Image:
    picture = _clouds(size, random)
    pencil = ImageDraw.Draw(picture)
    for _ in range(_SHAPES):
        left, top = random.uniform(0, size.width), random.uniform(0, size.height)
        across = size.width * random.exponential(0.05)
        box = (left, top, left + across, top + across * random.uniform(0.3, 2))
        colour = tuple(int(value) for value in random.normal(110, 50, 3).clip(0, 255))
        draw = (pencil.rectangle, pencil.ellipse)[random.integers(2)]
        draw(box, fill=colour if random.random() < 0.3 else None, outline=colour, width=max(1, size.width // 300))
    noise = random.normal(0, _NOISE_GREY_LEVELS, (size.height, size.width, 1)).astype(np.float32)
    return Image.fromarray((np.asarray(picture, dtype=np.float32) + noise).clip(0, 255).astype(np.uint8))


def _clouds(size: PhotoSize, random: np.random.Generator) -> Image.Image:
    """Brightness of every scale, the finer the fainter as in natural pictures, and colours of large areas."""
    brightness = np.full((size.height, size.width), 120, dtype=np.float32)
    cells, grey_levels = 4, 40.0
    while cells <= size.width // 2:
        brightness += _layer(size, cells, grey_levels, random)
        cells, grey_levels = cells * 2, grey_levels / 1.5
    tints = [_layer(size, cells=12, grey_levels=9, random=random) for _ in range(3)]
    channels = [(brightness + tint).clip(0, 255).astype(np.uint8) for tint in tints]
    return Image.merge("RGB", [Image.fromarray(channel) for channel in channels])


def _layer(size: PhotoSize, cells: int, grey_levels: float, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """A random grid of so many cells across, enlarged: (height, width) float32 around 0."""
    grid = random.normal(0, grey_levels, (max(2, cells * size.height // size.width), cells))
    enlarged = Image.fromarray(grid.astype(np.float32)).resize((size.width, size.height), Image.Resampling.BICUBIC)
    return np.asarray(enlarged)


def _encoded(picture: Image.Image, size: PhotoSize) -> bytes:
    """At the quality whose file comes nearest to the bytes of a phone's."""
    files = [_jpeg(picture, quality) for quality in (60, 70, 80, 85, 90, 95)]
    return min(files, key=lambda data: abs(len(data) - size.file_bytes))


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return file.getvalue()
