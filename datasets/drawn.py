"""Drawn street scenes: a small set made from a seed, for tests and a first try of the whole road.

Simple shapes that nobody would take for photos. They prove that the parts fit together, never how well real photos are
recognised: no figure measured on them says anything about a street.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from datasets.manifest import NO_ISSUE, LabelledPhoto, Manifest, write_manifest
from datasets.splits import split_in_blocks
from model.card import file_sha256

SOURCES = ("drawn-noon", "drawn-overcast", "drawn-evening")
_TINTS = {"drawn-noon": (1.0, 1.0, 1.0), "drawn-overcast": (0.82, 0.86, 0.9), "drawn-evening": (0.95, 0.78, 0.62)}
_BLANK_EVERY = 7  # photos; one of the problems they do not show is left blank, as where nobody judged it
_README = """# Drawn street scenes

Made by `python -m datasets draw`: shapes, not photos. They are for tests and for a first try of training and serving.
**No accuracy measured on them means anything for real streets.**
"""

Random = np.random.Generator
Colour = tuple[int, int, int]


def draw_set(folder: Path, photos_per_kind: int, seed: int) -> Path:
    """Draw JPEGs of each problem, of bins amid garbage and of sound streets, and their manifest; its path."""
    labels = tuple(_PAINTERS)
    shown_together: list[tuple[str, ...]] = [
        *((label,) for label in labels),
        ("overflowing_bin", "exposed_garbage"),
        (),
    ]
    photos = []
    for place, shown in enumerate(shown_together):
        kind = "-and-".join(shown) or NO_ISSUE
        files = [f"{kind}/{number:04d}.jpg" for number in range(photos_per_kind)]
        splits = split_in_blocks(files)
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number, file in enumerate(files):
            rng = np.random.default_rng([seed, place, number])
            source = SOURCES[number % len(SOURCES)]
            width, height = (320, 240) if rng.random() < 0.6 else (240, 320)
            _tinted(_draw(shown, rng, width, height), source).save(folder / file, quality=88)
            judged: dict[str, bool | None] = {label: label in shown for label in labels}
            if number % _BLANK_EVERY == _BLANK_EVERY - 1:
                judged[str(rng.choice([label for label in labels if label not in shown]))] = None
            photos.append(
                LabelledPhoto(
                    file=file,
                    path=(folder / file).absolute(),
                    labels=MappingProxyType(judged),
                    split=splits[file],
                    kind=shown[0] if shown else NO_ISSUE,
                    source=source,
                    origin="drawn",
                    sha256=file_sha256(folder / file),
                    width=width,
                    height=height,
                    license="CC0-1.0",
                )
            )
    (folder / "README.md").write_text(_README, encoding="utf-8")
    path = folder / "manifest.csv"
    return write_manifest(Manifest(path=path, labels=labels, photos=tuple(photos)), path)


def draw_photo(kind: str, rng: Random, width: int, height: int) -> Image.Image:
    """One scene that shows `kind`: a problem key, or `no_issue`."""
    return _draw(() if kind == NO_ISSUE else (kind,), rng, width, height)


def _draw(shown: Sequence[str], rng: Random, width: int, height: int) -> Image.Image:
    """A wall above, a road below, then the problems; sides in pixels."""
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    horizon = int(height * rng.uniform(0.42, 0.55))
    draw.rectangle((0, 0, width, horizon), fill=_near((196, 182, 160), rng, 30))
    draw.rectangle((0, horizon, width, height), fill=_near((112, 112, 116), rng, 18))
    curb = horizon + height // 25
    draw.rectangle((0, horizon, width, curb), fill=_near((168, 166, 162), rng, 14))
    for _ in range(int(rng.integers(3, 7))):  # doors, shop fronts, shadows: no two streets alike
        left, top = rng.uniform(-0.1, 0.9) * width, rng.uniform(0, 0.7) * horizon
        right, bottom = left + rng.uniform(0.1, 0.3) * width, horizon * rng.uniform(0.75, 1)
        draw.rectangle((left, top, right, max(top, bottom)), fill=_near((150, 142, 132), rng, 60))
    for left in range(int(rng.integers(0, 40)), width, int(rng.integers(60, 110))):  # windows
        draw.rectangle((left, horizon * 0.12, left + 24, horizon * 0.42), fill=_near((78, 92, 108), rng, 16))
    if rng.random() < 0.5:  # a lane marking
        y = int(rng.uniform(0.75, 0.95) * height)
        draw.line((0, y, width, y - int(rng.integers(-12, 12))), fill=(222, 220, 208), width=4)
    if "overflowing_bin" not in shown and rng.random() < 0.4:
        _closed_bin(draw, rng, width, curb, height)
    for problem in shown:
        _PAINTERS[problem](draw, rng, width, curb, height)
    grain = rng.normal(0, 6, (height, width, 1))
    noisy = np.asarray(image.filter(ImageFilter.GaussianBlur(0.7)), dtype=np.float64) + grain
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def _tinted(image: Image.Image, source: str) -> Image.Image:
    pixels = np.asarray(image, dtype=np.float64) * np.array(_TINTS[source])
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _near(colour: Colour, rng: Random, spread: int) -> Colour:
    red, green, blue = (np.array(colour) + rng.integers(-spread, spread + 1, 3)).clip(0, 255).tolist()
    return red, green, blue


def _garbage(draw: ImageDraw.ImageDraw, rng: Random, width: int, curb: int, height: int) -> None:
    middle, ground = rng.uniform(0.2, 0.8) * width, rng.uniform(0.2, 0.6) * (height - curb) + curb
    for _ in range(int(rng.integers(14, 26))):
        x, y = rng.normal(middle, width * 0.09), rng.normal(ground, height * 0.035)
        _scrap(draw, rng, x, y, rng.uniform(0.02, 0.045) * width)


def _scrap(draw: ImageDraw.ImageDraw, rng: Random, x: float, y: float, side: float) -> None:
    colours: tuple[Colour, ...] = ((235, 235, 230), (40, 80, 190), (205, 50, 45), (235, 190, 40), (25, 25, 28))
    corners = [
        (x + side * rng.uniform(0.6, 1.2) * np.cos(a), y + side * rng.uniform(0.5, 1) * np.sin(a)) for a in range(6)
    ]
    draw.polygon(corners, fill=_near(colours[rng.integers(len(colours))], rng, 18))


def _bin_body(draw: ImageDraw.ImageDraw, rng: Random, width: int, curb: int, height: int) -> tuple[float, float, float]:
    """Left, top and width of the bin, in pixels."""
    side = width * rng.uniform(0.14, 0.2)
    left, bottom = rng.uniform(0.08, 0.7) * width, curb + (height - curb) * rng.uniform(0.1, 0.4)
    top = bottom - side * 1.5
    corners = [(left, top), (left + side, top), (left + side * 0.88, bottom), (left + side * 0.12, bottom)]
    draw.polygon(corners, fill=_near((30, 122, 62), rng, 18))
    return left, top, side


def _closed_bin(draw: ImageDraw.ImageDraw, rng: Random, width: int, curb: int, height: int) -> None:
    left, top, side = _bin_body(draw, rng, width, curb, height)
    draw.rectangle((left - 3, top - side * 0.16, left + side + 3, top), fill=(18, 74, 40))


def _overflowing_bin(draw: ImageDraw.ImageDraw, rng: Random, width: int, curb: int, height: int) -> None:
    left, top, side = _bin_body(draw, rng, width, curb, height)
    for _ in range(16):
        _scrap(draw, rng, left + rng.uniform(0.05, 0.95) * side, top - rng.uniform(-0.05, 0.45) * side, side * 0.17)


def _graffiti(draw: ImageDraw.ImageDraw, rng: Random, width: int, curb: int, height: int) -> None:
    colours: tuple[Colour, ...] = ((190, 20, 120), (20, 40, 200), (10, 10, 14), (220, 40, 30))
    left, line = rng.uniform(0.05, 0.45) * width, curb * rng.uniform(0.5, 0.75)
    colour = _near(colours[rng.integers(len(colours))], rng, 15)
    for stroke in range(int(rng.integers(3, 6))):
        steps = np.linspace(0, 1, 24)
        xs = left + (stroke * 0.07 + steps * 0.14) * width
        ys = line + np.sin(steps * rng.uniform(5, 11) + rng.uniform(0, 6)) * curb * rng.uniform(0.12, 0.24)
        draw.line(list(zip(xs.tolist(), ys.tolist(), strict=True)), fill=colour, width=int(width * 0.02), joint="curve")


def _road_damage(draw: ImageDraw.ImageDraw, rng: Random, width: int, curb: int, height: int) -> None:
    x, y = rng.uniform(0.25, 0.75) * width, curb + rng.uniform(0.4, 0.75) * (height - curb)
    angles = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    radius = width * rng.uniform(0.11, 0.18) * rng.uniform(0.75, 1.1, len(angles))
    for angle, reach in zip(angles[::2], radius[::2] * rng.uniform(1.5, 2.2), strict=True):  # cracks
        end = (x + reach * np.cos(angle + 0.2), y + 0.5 * reach * np.sin(angle + 0.2))
        draw.line((x, y, *end), fill=(46, 44, 44), width=2)
    for scale, colour in ((1.15, (150, 140, 128)), (1.0, (38, 34, 32))):
        xs, ys = x + scale * radius * np.cos(angles), y + 0.5 * scale * radius * np.sin(angles)
        draw.polygon(list(zip(xs.tolist(), ys.tolist(), strict=True)), fill=_near(colour, rng, 10))


def _waterlogging(draw: ImageDraw.ImageDraw, rng: Random, width: int, curb: int, height: int) -> None:
    top = curb + rng.uniform(0.05, 0.25) * (height - curb)
    left, right = -rng.uniform(0, 0.2) * width, width * rng.uniform(0.85, 1.2)
    water = _near((128, 152, 176), rng, 16)
    draw.ellipse((left, top, right, height * rng.uniform(1.0, 1.25)), fill=water)
    for _ in range(int(rng.integers(6, 12))):  # ripples
        x, y = rng.uniform(0.1, 0.75) * width, rng.uniform(top + 0.2 * (height - top), height)
        draw.line((x, y, x + rng.uniform(0.08, 0.2) * width, y), fill=_near((196, 212, 226), rng, 12), width=2)


_PAINTERS: dict[str, Callable[[ImageDraw.ImageDraw, Random, int, int, int], None]] = {
    "exposed_garbage": _garbage,
    "overflowing_bin": _overflowing_bin,
    "graffiti": _graffiti,
    "road_damage": _road_damage,
    "waterlogging": _waterlogging,
}
