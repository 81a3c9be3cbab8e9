"""Evidence over a photo: coloured where it speaks for the problem, untouched elsewhere, upright, not too large."""

import io

import numpy as np
import pytest
from PIL import Image

from model.errors import NotAPhoto
from model.overlay import LONGEST_SIDE, draw_overlay

GREY = (120, 120, 120)


def photo(width, height, **saving):
    file = io.BytesIO()
    Image.new("RGB", (width, height), GREY).save(file, "JPEG", quality=95, **saving)
    return file.getvalue()


def cells(*found, rows=7):
    """A map of `rows` x `rows`: 0.99 in the found cells, 0.01 elsewhere."""
    evidence = np.full((rows, rows), 0.01, dtype=np.float32)
    for row, column in found:
        evidence[row, column] = 0.99
    return evidence


def reddest(picture):
    """(x, y) of the reddest place below the caption, as shares of width and height."""
    pixels = np.asarray(picture, dtype=float)
    redness = pixels[:, :, 0] - pixels[:, :, 1]
    redness[: picture.height // 5] = 0
    y, x = np.unravel_index(redness.argmax(), redness.shape)
    return x / picture.width, y / picture.height


@pytest.mark.parametrize("place", [(2, 1), (5, 3), (3, 5)])
def test_colour_lies_where_the_cell_is_centred(place):
    row, column = place

    drawn = draw_overlay(photo(700, 350), cells(place), "road damage 0.99")

    x, y = reddest(drawn)
    assert x == pytest.approx(column / 7, abs=0.03)
    assert y == pytest.approx(row / 7, abs=0.03)
    far = drawn.getpixel((20 if column > 3 else 680, 340 if row < 4 else 120))
    assert far == pytest.approx(GREY, abs=3)


def test_a_photo_without_evidence_stays_as_it_is_below_its_caption():
    drawn = np.asarray(draw_overlay(photo(400, 300), cells(), "graffiti 0.30"), dtype=int)

    assert np.abs(drawn[60:] - 120).max() <= 3
    assert drawn[:30, :60].min() < 60  # the caption's ground
    assert drawn[:30, :100].max() == 255  # and its letters


def test_weak_evidence_is_drawn_weaker():
    strong, weak = cells((3, 3)), np.full((7, 7), 0.01, dtype=np.float32)
    weak[3, 3] = 0.6

    def redness(evidence):
        picture = np.asarray(draw_overlay(photo(400, 400), evidence, "x"), dtype=int)
        return (picture[:, :, 0] - picture[:, :, 2]).max()

    assert 0 < redness(weak) < 0.5 * redness(strong)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((4000, 3000), (LONGEST_SIDE, 600)), ((300, 1600), (150, LONGEST_SIDE)), ((200, 100), (200, 100))],
)
def test_the_picture_has_the_shape_of_the_photo_and_is_never_enlarged(size, expected):
    assert draw_overlay(photo(*size), cells((3, 3)), "road damage 0.99").size == expected


def test_a_photo_taken_sideways_is_drawn_upright():
    exif = Image.Exif()
    exif[0x0112] = 6

    assert draw_overlay(photo(400, 200, exif=exif), cells((3, 3)), "x").size == (200, 400)


def test_what_is_certain_is_drawn_too():
    evidence = np.zeros((2, 2), dtype=np.float32)
    evidence[0, 0] = 1.0

    assert draw_overlay(photo(400, 400), evidence, "x").size == (400, 400)


def test_a_bad_photo_is_refused():
    with pytest.raises(NotAPhoto):
        draw_overlay(b"no photo", cells(), "x")
