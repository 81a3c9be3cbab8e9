"""Unpermitted writing, sprayed or pasted onto photos that show none.

The photos hold tags from two places and no stickers, bills or 小广告 at all. A painted photo beside the same photo
without paint also teaches what counts: the paint, not the wall. Signs drawn here resemble writing and are none.
"""

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

Random = np.random.Generator
Colour = tuple[int, int, int]

_INKS: tuple[Colour, ...] = ((15, 15, 18), (30, 30, 120), (150, 20, 25), (20, 70, 40), (80, 30, 110), (10, 10, 60))
_SPRAYS: tuple[Colour, ...] = (
    (220, 30, 40),
    (30, 60, 200),
    (240, 240, 240),
    (20, 150, 70),
    (230, 120, 20),
    (200, 30, 150),
)
_PAPERS: tuple[Colour, ...] = ((245, 245, 240), (250, 235, 120), (240, 190, 190), (190, 220, 240), (235, 80, 60))
_FINER = 3  # things are drawn this much larger, then shrunk


def paint_writing(photo: Image.Image, rng: Random) -> Image.Image:
    """The RGB photo with one to six tags, pasted bills or stencilled numbers on it, at one place."""
    side = min(photo.size)
    which = rng.random()
    if which < 0.5:
        things = [_tag(rng, side * rng.uniform(0.15, 0.6)) for _ in range(rng.integers(1, 4))]
    elif which < 0.8:
        things = [_bill(rng, side * rng.uniform(0.07, 0.25))] * int(rng.integers(1, 7))
    else:
        things = [_stencil(rng, side * rng.uniform(0.18, 0.5)) for _ in range(rng.integers(1, 4))]
    middle = rng.uniform(0.1, 0.9) * photo.width, rng.uniform(0.1, 0.75) * photo.height
    spread = rng.uniform(0.1, 0.5)
    layer = Image.new("RGBA", photo.size)
    for thing in things:
        turned = thing.rotate(rng.normal(0, 7), expand=True, resample=Image.Resampling.BICUBIC)
        x = _inside(rng.normal(middle[0], spread * photo.width), turned.width, photo.width)
        y = _inside(rng.normal(middle[1], 0.6 * spread * photo.height), turned.height, photo.height)
        layer.paste(turned, (x, y), turned)
    return _onto(photo, layer, rng)


def _inside(middle: float, length: int, whole: int) -> int:
    """Where a thing starts, so that most of it is in the picture."""
    return int(np.clip(middle - length / 2, -0.2 * length, whole - 0.8 * length))


def _onto(photo: Image.Image, layer: Image.Image, rng: Random) -> Image.Image:
    """Paint takes on some of the light of the wall, is a little transparent and not sharper than the photo."""
    opacity = rng.uniform(0.65, 1)
    alpha = layer.getchannel("A").point(lambda value: int(value * opacity))
    colours = layer.convert("RGB")
    if rng.random() < 0.7:
        light = (
            photo.convert("L").filter(ImageFilter.GaussianBlur(1)).point(lambda value: min(255, int(value * 1.2 + 40)))
        )
        colours = ImageChops.multiply(colours, Image.merge("RGB", [light] * 3))
    if rng.random() < 0.5:
        alpha = alpha.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.0)))
    return Image.composite(colours, photo, alpha)


def _tag(rng: Random, width: float) -> Image.Image:
    """Loops side by side, as a name is sprayed in one go; some are filled in and outlined."""
    columns, rows = _FINER * width, _FINER * width * rng.uniform(0.35, 0.9)
    drawn = Image.new("RGBA", (int(columns), int(rows)))
    draw = ImageDraw.Draw(drawn)
    colour = _near(_INKS if rng.random() < 0.6 else _SPRAYS, rng)
    line = max(2, int(columns * rng.uniform(0.02, 0.07)))
    letters = int(rng.integers(1, 6))
    step = 0.75 * columns / letters
    along = np.linspace(0, 1, 40)
    for letter in range(letters):
        turns, phases = rng.uniform(2, 9, 2), rng.uniform(0, 2 * np.pi, 3)
        xs = (letter + 0.7) * step + (along - 0.5) * step * rng.uniform(0.2, 1.2)
        xs = xs + step * rng.uniform(0.25, 0.45) * np.sin(turns[0] * along + phases[0])
        ys = rows * (0.5 + rng.uniform(0.2, 0.4) * np.sin(turns[1] * along + phases[1]) + 0.03 * np.sin(11 * along))
        draw.line(list(zip(xs.tolist(), ys.tolist(), strict=True)), fill=colour, width=line, joint="curve")
    if rng.random() < 0.35:
        around = drawn.getchannel("A").filter(ImageFilter.MaxFilter(2 * (line // 2) + 5))
        filled = Image.new("RGBA", drawn.size, _near(_SPRAYS, rng))
        filled.putalpha(around)
        filled.alpha_composite(drawn)
        drawn = filled
    return _shrunk(drawn)


def _bill(rng: Random, width: float) -> Image.Image:
    """Paper with a heading, lines of signs and a telephone number."""
    columns, rows = int(_FINER * width), int(_FINER * width * rng.uniform(0.6, 1.6))
    drawn = Image.new("RGBA", (columns, rows), _near(_PAPERS, rng))
    draw = ImageDraw.Draw(drawn)
    ink = _near(_INKS, rng)
    top, height = 0.07 * rows, rows * rng.uniform(0.14, 0.24)
    while top < 0.9 * rows:
        if rng.random() < 0.25:
            _number(draw, rng, 0.08 * columns, top, min(height, columns / 7), ink)
        else:
            for left in np.arange(0.08 * columns, columns * rng.uniform(0.75, 0.95) - height, height):
                _sign(draw, rng, left, top, 0.9 * height, ink)
        top, height = top + 1.25 * height, rows * rng.uniform(0.06, 0.14)
    return _shrunk(drawn)


def _stencil(rng: Random, width: float) -> Image.Image:
    """A telephone number, often under a few signs."""
    size = max(8.0, _FINER * width / 7)
    drawn = Image.new("RGBA", (int(_FINER * width), int(2.6 * size)))
    draw = ImageDraw.Draw(drawn)
    ink = _near(_INKS if rng.random() < 0.7 else _SPRAYS, rng)
    for place in range(int(rng.integers(0, 5))):
        _sign(draw, rng, 4 + place * 1.1 * size, 2, size, ink)
    _number(draw, rng, 2, 1.25 * size, size, ink)
    return _shrunk(drawn)


def _number(draw: ImageDraw.ImageDraw, rng: Random, left: float, top: float, size: float, ink: Colour) -> None:
    digits = "1" + "".join(map(str, rng.integers(0, 10, 10)))
    draw.text((left, top), digits, font=ImageFont.load_default(size=max(6, size)), fill=ink)


def _sign(draw: ImageDraw.ImageDraw, rng: Random, left: float, top: float, size: float, ink: Colour) -> None:
    """Strokes in a square, level, upright and slanting, as in a Chinese character."""
    line = max(1, int(0.12 * size))
    for _ in range(rng.integers(4, 9)):
        x, y, to_x, to_y = rng.random(4) * size
        slant = rng.integers(3)
        ends = ((x / 2, y, 0.9 * size, y), (x, y / 2, x, 0.9 * size), (x, y, to_x, to_y))[slant]
        draw.line((left + ends[0], top + ends[1], left + ends[2], top + ends[3]), fill=ink, width=line)


def _near(colours: tuple[Colour, ...], rng: Random) -> Colour:
    colour = np.array(colours[rng.integers(len(colours))]) + rng.integers(-20, 21, 3)
    red, green, blue = colour.clip(0, 255).tolist()
    return red, green, blue


def _shrunk(drawn: Image.Image) -> Image.Image:
    size = max(1, drawn.width // _FINER), max(1, drawn.height // _FINER)
    return drawn.resize(size, Image.Resampling.LANCZOS)
