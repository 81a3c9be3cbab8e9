"""What phones, weather and chat programs do to a photo, in five severities each: to measure, never to train on.

In the spirit of ImageNet-C (Hendrycks & Dietterich 2019): severity 1 is a blemish, at 3 a person sees it at once and
still recognises the problem, 5 is hard for a person too. Lengths are shares of the photo's side, the root of width
times height; grain and JPEG blocks are those of a photo of at most GRAIN_SIDE pixels. So a photo of 12 megapixels
suffers as one of 448 pixels does.

Each function takes an RGB photo, a severity 1-5 and a generator, and gives a new RGB photo of the same dimensions. The
same state of the generator gives the same photo, and at every severity the same streaks, grain and direction.
"""

import io
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from model.preprocessing import read_photo

SEVERITIES = (1, 2, 3, 4, 5)
GRAIN_SIDE = 448  # pixels
STREAKS_AT_ONCE = 32  # copies of a photo that make up its motion

Random = np.random.Generator
Corruption = Callable[[Image.Image, int, Random], Image.Image]
Floats = npt.NDArray[np.float32]


def motion_blur(image: Image.Image, severity: int, rng: Random) -> Image.Image:
    """The camera moved while the shutter was open: along a line in any direction, 1-7 % of the side long."""
    length = _side(image) * _at(severity, 0.012, 0.022, 0.035, 0.05, 0.07)
    angle = rng.uniform(0, math.pi)
    steps = np.linspace(-length / 2, length / 2, min(STREAKS_AT_ONCE, 1 + math.ceil(length)))
    rows, columns = (np.rint(steps * turn(angle)).astype(int) for turn in (math.sin, math.cos))
    high, wide = int(np.abs(rows).max()), int(np.abs(columns).max())
    padded = np.pad(np.asarray(image), ((high, high), (wide, wide), (0, 0)), mode="edge")
    total = np.zeros((image.height, image.width, 3), dtype=np.uint16)
    for row, column in zip(rows + high, columns + wide, strict=True):
        total += padded[row : row + image.height, column : column + image.width]
    return Image.fromarray((total // len(steps)).astype(np.uint8))


def focus_blur(image: Image.Image, severity: int, rng: Random) -> Image.Image:
    """Out of focus: a Gaussian with the variance of a disk whose radius is 0.6-3 % of the side."""
    radius = _side(image) * _at(severity, 0.006, 0.011, 0.017, 0.023, 0.03)
    return image.filter(ImageFilter.GaussianBlur(radius / 2))  # a disk's variance along an axis is radius²/4


def low_light(image: Image.Image, severity: int, rng: Random) -> Image.Image:
    """Dusk without flash: 36-3 % of the light, with its shot noise (variance as the light) and the sensor's own.

    Light is taken as the square of the grey value, which is near sRGB's curve.
    """
    kept = _at(severity, 0.36, 0.2, 0.12, 0.065, 0.03)
    photons = 250.0  # of a white grain in full light
    light = np.square(np.asarray(image, dtype=np.float32) / 255) * np.float32(kept)
    light += np.sqrt(light / photons + np.float32(1e-6)) * _grain(image, rng)
    return _to_image(255 * np.sqrt(light.clip(0, 1)))


def noise(image: Image.Image, severity: int, rng: Random) -> Image.Image:
    """A sensor at high sensitivity: independent Gaussian noise of 6-30 % of full scale in each grain and channel."""
    deviation = 255 * _at(severity, 0.06, 0.1, 0.15, 0.22, 0.3)
    return _to_image(np.asarray(image, dtype=np.float32) + np.float32(deviation) * _grain(image, rng))


def jpeg(image: Image.Image, severity: int, rng: Random) -> Image.Image:
    """Sent through a chat program: JPEG of quality 50, 40, 30, 20 or 10."""
    file = io.BytesIO()
    image.resize(grain_dimensions(image)).save(file, "JPEG", quality=int(_at(severity, 50, 40, 30, 20, 10)))
    return read_photo(file.getvalue()).resize(image.size)


def rain(image: Image.Image, severity: int, rng: Random) -> Image.Image:
    """Bright streaks, all slanted alike, in a dimmer and greyer scene."""
    streaks = int(_at(severity, 120, 220, 350, 550, 800))
    side, slant = _side(image), rng.uniform(-0.35, 0.35)
    starts = rng.uniform((-0.2, -0.2), (1.2, 1.0), size=(800, 2)) * image.size
    lengths = side * rng.uniform(0.04, 0.12, size=800)
    mask = Image.new("L", image.size)
    draw = ImageDraw.Draw(mask)
    for (left, top), length in zip(starts[:streaks], lengths, strict=False):
        draw.line((left, top, left + slant * length, top + length), fill=190, width=max(1, round(0.004 * side)))
    dim = Image.blend(image, Image.new("RGB", image.size, (96, 100, 106)), _at(severity, 0.1, 0.15, 0.22, 0.3, 0.4))
    return Image.composite(Image.new("RGB", image.size, (225, 228, 232)), dim, mask.filter(ImageFilter.BoxBlur(0.5)))


def fog(image: Image.Image, severity: int, rng: Random) -> Image.Image:
    """A pale grey veil in drifts, thicker towards the top, where a street is farther away."""
    thickest = _at(severity, 0.4, 0.55, 0.7, 0.82, 0.92)
    drifts = Image.fromarray((255 * rng.uniform(0.7, 1.0, size=(4, 5))).astype(np.uint8))
    drift = np.asarray(drifts.resize(image.size, Image.Resampling.BICUBIC), dtype=np.float32)
    depth = np.linspace(1.0, 0.7, image.height, dtype=np.float32)[:, None]
    veil = Image.fromarray((thickest * drift * depth).astype(np.uint8))
    return Image.composite(Image.new("RGB", image.size, (208, 211, 214)), image, veil)


def contrast(image: Image.Image, severity: int, rng: Random) -> Image.Image:
    """A dirty lens or flat light: 55-10 % of the contrast around the photo's mean grey."""
    kept = _at(severity, 0.55, 0.42, 0.3, 0.2, 0.1)
    mean = float(np.asarray(image.convert("L").reduce(4)).mean())
    return image.point([round(mean + kept * (value - mean)) for value in range(256)] * 3)


def tilt(image: Image.Image, severity: int, rng: Random) -> Image.Image:
    """A crooked camera: turned by 2, 4, 6, 8 or 10 degrees to either side; what was outside is mirrored in."""
    degrees = _at(severity, 2, 4, 6, 8, 10) * rng.choice((-1, 1))
    wide = math.ceil(abs(math.sin(math.radians(degrees))) * image.height / 2) + 1
    high = math.ceil(abs(math.sin(math.radians(degrees))) * image.width / 2) + 1
    padded = Image.fromarray(np.pad(np.asarray(image), ((high, high), (wide, wide), (0, 0)), mode="reflect"))
    turned = padded.rotate(degrees, Image.Resampling.BICUBIC)
    return turned.crop((wide, high, wide + image.width, high + image.height))


def date_stamp(image: Image.Image, severity: int, rng: Random) -> Image.Image:
    """Date and time in a corner, over 30-90 % of the width, ever more opaque."""
    share, opacity = _at(severity, 0.3, 0.45, 0.6, 0.75, 0.9), _at(severity, 0.6, 0.7, 0.8, 0.9, 1.0)
    date = f"{rng.integers(2012, 2027)}-{rng.integers(1, 13):02}-{rng.integers(1, 29):02}"
    text = f"{date} {rng.integers(24):02}:{rng.integers(60):02}:{rng.integers(60):02}"
    right, bottom = rng.random() < 0.5, rng.random() < 0.7  # where cameras put them
    colour = ((255, 255, 255), (255, 220, 60), (255, 90, 40))[rng.integers(3)]
    font = ImageFont.load_default(size=100 * share * image.width / ImageFont.load_default(size=100).getlength(text))
    left, top, end, foot = font.getbbox(text)
    margin = 0.02 * _side(image)
    place = (
        image.width - margin - end if right else margin - left,
        image.height - margin - foot if bottom else margin - top,
    )
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).text(place, text, font=font, fill=round(255 * opacity))
    return Image.composite(Image.new("RGB", image.size, colour), image, mask)


CORRUPTIONS: Mapping[str, Corruption] = MappingProxyType(
    {
        corruption.__name__: corruption
        for corruption in (
            motion_blur,
            focus_blur,
            low_light,
            noise,
            jpeg,
            rain,
            fog,
            contrast,
            tilt,
            date_stamp,
        )
    }
)
"""Name → corruption."""


def _at(severity: int, *values: float) -> float:
    if severity not in SEVERITIES:
        raise ValueError(f"severity must be one of {SEVERITIES}, found {severity}")
    return values[severity - 1]


def _side(image: Image.Image) -> float:
    return math.sqrt(image.width * image.height)


def grain_dimensions(image: Image.Image) -> tuple[int, int]:
    """Width and height of the photo when its longer side has at most GRAIN_SIDE pixels."""
    scale = min(1.0, GRAIN_SIDE / max(image.size))
    return max(1, round(scale * image.width)), max(1, round(scale * image.height))


def _grain(image: Image.Image, rng: Random) -> Floats:
    """(height, width, 3) standard normal, each value as large as a pixel of a photo of GRAIN_SIDE."""
    width, height = grain_dimensions(image)
    grain = rng.standard_normal((height, width, 3), dtype=np.float32)
    rows = np.arange(image.height) * height // image.height
    columns = np.arange(image.width) * width // image.width
    return grain if (width, height) == image.size else grain[rows][:, columns]


def _to_image(values: Floats) -> Image.Image:
    return Image.fromarray(np.rint(values.clip(0, 255)).astype(np.uint8))
