"""Pictures that are no photo of a street, drawn: pages of text, screens of phones, charts.

People upload them by mistake, no set of street photos holds any, and a network that never saw one takes writing for
graffiti. They are learned from as showing nothing, and their features tell serving what is no street.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Generator = np.random.Generator
Colour = tuple[int, int, int]

WIDTH = 300  # pixels a page is drawn wide; 1 to 2 times as high
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPRSTUVW0123456789"
_SLOPES = (0, 0, math.inf, math.inf, 1, -1)  # of strokes: level, upright, slanting


def draw_pages(count: int, side: int, seed: int) -> npt.NDArray[np.uint8]:
    """(count, 3, side, side) uint8 RGB."""
    return np.stack([draw_page(seed * 1_000_003 + place, side) for place in range(count)])


def draw_page(seed: int, side: int) -> npt.NDArray[np.uint8]:
    """(3, side, side) uint8 RGB: a page, a screen or a chart, the same for the same seed."""
    rng = np.random.default_rng(seed)
    draw = (_page_of_text, _screen, _chart)[rng.choice(3, p=(0.5, 0.3, 0.2))]
    picture = Image.new("RGB", (WIDTH, int(WIDTH * rng.uniform(1, 2))))
    draw(picture, ImageDraw.Draw(picture), rng)
    if rng.random() < 0.3:  # a paper on a table, a screen beside its edge
        picture = picture.rotate(rng.normal(0, 6), expand=True, fillcolor=_colour(rng, 20, 200))
    square = picture.resize((side, side), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1))


def _page_of_text(picture: Image.Image, pencil: ImageDraw.ImageDraw, rng: Generator) -> None:
    dark = rng.random() < 0.15
    paper, ink = (_colour(rng, 0, 60), _grey(rng, 180, 256)) if dark else (_colour(rng, 200, 256), _grey(rng, 0, 90))
    pencil.rectangle((0, 0, *picture.size), fill=paper)
    margin, size, write = int(rng.integers(5, 40)), int(rng.integers(6, 19)), _script(rng)
    y = margin
    while y < picture.height - margin:
        if rng.random() < 0.12:  # a paragraph ends, a heading or a table begins
            y += size
            if rng.random() < 0.3:
                pencil.line((margin, y, WIDTH - margin, y), fill=ink)
        end = margin + (WIDTH - 2 * margin) * (rng.uniform(0.2, 1) if rng.random() < 0.2 else 1)
        colour = _colour(rng, 0, 160) if rng.random() < 0.05 else ink
        write(pencil, rng, (margin, y), int(end), size, colour)
        y += int(size * rng.uniform(1.3, 1.7))


def _screen(picture: Image.Image, pencil: ImageDraw.ImageDraw, rng: Generator) -> None:
    dark = rng.random() < 0.4
    back, ink = (_grey(rng, 0, 50), _grey(rng, 190, 256)) if dark else (_grey(rng, 225, 256), _grey(rng, 0, 100))
    pencil.rectangle((0, 0, *picture.size), fill=back)
    pencil.rectangle((0, 0, WIDTH, int(rng.integers(20, 60))), fill=_colour(rng, 0, 256))
    y, write = int(rng.integers(40, 80)), _script(rng)
    while y < picture.height:
        height = int(rng.integers(25, 110))
        card = _grey(rng, 30, 90) if dark else _grey(rng, 235, 256)
        pencil.rounded_rectangle((8, y, WIDTH - 8, y + height), int(rng.integers(0, 12)), fill=card)
        icon = int(rng.integers(12, 40))
        shape = pencil.ellipse if rng.random() < 0.5 else pencil.rectangle
        shape((16, y + 6, 16 + icon, y + 6 + icon), fill=_colour(rng, 0, 256))
        size = int(rng.integers(7, 15))
        for line in range(int(rng.integers(1, 4))):
            top = y + 6 + int(line * size * 1.5)
            if top + size < y + height:
                write(pencil, rng, (24 + icon, top), int(rng.integers(120, WIDTH - 10)), size, ink)
        y += height + int(rng.integers(4, 20))


def _chart(picture: Image.Image, pencil: ImageDraw.ImageDraw, rng: Generator) -> None:
    pencil.rectangle((0, 0, *picture.size), fill=_grey(rng, 225, 256))
    left, right, top, bottom = 30, WIDTH - 12, 20, picture.height - 30
    pencil.rectangle((left, top, right, bottom), outline=_grey(rng, 0, 120))
    count, kind = int(rng.integers(4, 40)), rng.integers(3)
    xs = np.linspace(left + 4, right - 4, count)
    for _ in range(int(rng.integers(1, 4))):
        colour = _colour(rng, 0, 230)
        ys = top + (bottom - top) * (0.5 + 0.15 * np.cumsum(rng.normal(0, 0.6, count))).clip(0.03, 0.97)
        if kind == 0:
            pencil.line(list(zip(xs, ys, strict=True)), fill=colour, width=int(rng.integers(1, 4)))
        for x, y in zip(xs, ys, strict=True):
            if kind == 1:
                pencil.rectangle((x, y, x + 0.6 * (right - left) / count, bottom), fill=colour)
            elif kind == 2:
                y = rng.uniform(top, bottom)
                pencil.ellipse((x, y, x + 5, y + 5), fill=colour)
    for y in np.linspace(top, bottom, 6):
        pencil.text((4, y - 5), str(rng.integers(0, 100)), fill=(40, 40, 40))


Script = Callable[[ImageDraw.ImageDraw, Generator, tuple[int, int], int, int, Colour], None]


def _script(rng: Generator) -> Script:
    return _latin if rng.random() < 0.4 else _squares


def _latin(
    pencil: ImageDraw.ImageDraw, rng: Generator, start: tuple[int, int], end: int, size: int, colour: Colour
) -> None:
    letters = rng.choice(list(_LETTERS + "      "), max(1, (end - start[0]) * 2 // size))
    pencil.text(start, "".join(letters), fill=colour, font=ImageFont.load_default(size))


def _squares(
    pencil: ImageDraw.ImageDraw, rng: Generator, start: tuple[int, int], end: int, size: int, colour: Colour
) -> None:
    """A line of what looks like Chinese from afar: strokes in squares, without any font."""
    x, y = start
    while x + size < end:
        for _ in range(int(rng.integers(3, 8))):
            across, down = rng.uniform(0, 0.9, 2) * size
            length = rng.uniform(0.3, 0.9) * size
            slope = _SLOPES[rng.integers(len(_SLOPES))]
            dx, dy = (0, length) if slope == math.inf else (length, slope * length * 0.7)
            stroke = (x + across, y + down, min(x + across + dx, x + size), y + min(max(down + dy, 0), size))
            pencil.line(stroke, fill=colour, width=max(1, size // 11))
        x += size + 1 + (size if rng.random() < 0.05 else 0)


def _colour(rng: Generator, low: int, high: int) -> Colour:
    red, green, blue = rng.integers(low, high, 3).tolist()
    return red, green, blue


def _grey(rng: Generator, low: int, high: int) -> Colour:
    value = int(rng.integers(low, high))
    return value, value, value
