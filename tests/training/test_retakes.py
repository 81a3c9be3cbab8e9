"""The same photo by another road or in another frame."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from datasets.drawn import draw_photo
from model.preprocessing import read_photo
from training.retakes import ENCODINGS, FRAMINGS, encode_exactly


@pytest.fixture(scope="module")
def photo():
    """Softened, as drawings are all grain, which no encoding keeps."""
    return draw_photo("graffiti", np.random.default_rng(3), 320, 240).filter(ImageFilter.GaussianBlur(1))


def test_an_exact_file_gives_back_each_pixel(photo):
    assert read_photo(encode_exactly(photo)).tobytes() == photo.tobytes()


@pytest.mark.parametrize(
    ("name", "dimensions"),
    [("jpeg_85", (320, 240)), ("jpeg_70", (320, 240)), ("webp_80", (320, 240)), ("three_quarters_jpeg_70", (240, 180))],
)
def test_an_encoding_loses_a_little(name, dimensions, photo):
    read = read_photo(ENCODINGS[name](photo))

    assert read.size == dimensions
    as_it_was = np.asarray(photo.resize(dimensions, Image.Resampling.LANCZOS), dtype=float)
    assert 0 < np.abs(np.asarray(read, dtype=float) - as_it_was).mean() < 4


@pytest.mark.parametrize(
    ("name", "box"),
    [
        ("without_left", (16, 0, 320, 240)),
        ("without_right", (0, 0, 304, 240)),
        ("without_top", (0, 12, 320, 240)),
        ("without_bottom", (0, 0, 320, 228)),
        ("closer", (8, 6, 312, 234)),
    ],
)
def test_a_framing_cuts_a_twentieth(name, box, photo):
    assert read_photo(FRAMINGS[name](photo)).tobytes() == photo.crop(box).tobytes()


def test_from_farther_away_the_photo_is_whole(photo):
    read = read_photo(FRAMINGS["farther"](photo))

    assert read.size == (336, 252)
    assert read.crop((8, 6, 328, 246)).tobytes() == photo.tobytes()
