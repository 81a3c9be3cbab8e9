"""Which photos of a set look alike, on drawn scenes altered as copies on the web are."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageEnhance, ImageOps

from datasets.drawn import draw_photo
from datasets.likeness import alike_pairs
from datasets.manifest import read_manifest
from model.likeness import ALIKE, SIDE, signatures
from model.preprocessing import prepare_photo

REAL = Path(__file__).parents[2].parent / "shared" / "photos" / "manifest.csv"


def signature(image, quality=90):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return signatures(prepare_photo(buffer.getvalue(), SIDE).pixels)


def scene(seed):
    return draw_photo("road_damage", np.random.default_rng(seed), 320, 240)


@pytest.mark.parametrize(
    "alter",
    [
        pytest.param(lambda image: image.resize((160, 120)), id="smaller"),
        pytest.param(lambda image: ImageEnhance.Brightness(image).enhance(0.7), id="darker"),
        pytest.param(lambda image: ImageEnhance.Color(image).enhance(0), id="grey"),
        pytest.param(ImageOps.mirror, id="mirrored"),
        pytest.param(lambda image: image.crop((0, 24, 320, 216)), id="cropped above and below"),
        pytest.param(lambda image: image.crop((0, 0, 320, 216)), id="strip cut off"),
        pytest.param(lambda image: image.crop((32, 24, 288, 216)), id="cropped all round"),
    ],
)
def test_an_altered_copy_is_found(alter):
    photos = np.stack([signature(scene(1)), signature(scene(2)), signature(alter(scene(1)), quality=40)])

    pairs = [(first, second) for first, second, _ in alike_pairs(photos)]

    assert pairs == [(0, 2)]


def test_a_crop_is_found_in_whichever_order_it_comes():
    cropped = scene(1).crop((32, 24, 288, 216))

    for photos in ([scene(1), cropped], [cropped, scene(1)]):
        assert len(list(alike_pairs(np.stack([signature(photo) for photo in photos])))) == 1


def test_photos_of_one_colour_are_like_nothing():
    plain = np.full((3, SIDE, SIDE), 127, dtype=np.uint8)

    assert not list(alike_pairs(np.stack([signatures(plain), signatures(plain)])))


def test_blocks_of_any_length_find_the_same_pairs(monkeypatch):
    photos = np.stack([signature(scene(seed)) for seed in (1, 2, 3, 1, 2)])
    at_once = list(alike_pairs(photos))

    monkeypatch.setattr("datasets.likeness._PAIRS_AT_ONCE", 10)  # two photos a block

    assert [pair[:2] for pair in alike_pairs(photos)] == [pair[:2] for pair in at_once] == [(0, 3), (1, 4)]


@pytest.mark.skipif(not REAL.is_file(), reason="the real photos are not beside this checkout")
def test_real_copies_score_above_the_threshold_and_a_lookalike_road_below():
    folder = "road_damage/"
    by_file = {photo.file: photo for photo in read_manifest(REAL).photos}
    names = (
        "mdarif2005-civic-issue/0050.webp",
        "mayurbhamare004-smart-civic-chitholian-web/0468.webp",  # cropped from the one above
        "mayurbhamare004-smart-civic-chitholian-phone/0495.webp",
        "mayurbhamare004-smart-civic-chitholian-phone/0042.webp",  # the same worn road, another hole
    )
    data = [by_file[folder + name].path.read_bytes() for name in names]

    pairs = list(alike_pairs(np.stack([signatures(prepare_photo(photo, SIDE).pixels) for photo in data]), ALIKE))

    assert [pair[:2] for pair in pairs] == [(0, 1)]
