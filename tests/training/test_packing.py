"""All photos in one file of pixels: the same pixels, and never those of other photos."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from datasets.manifest import read_manifest
from model.preprocessing import prepare_photo
from training.errors import TrainingError
from training.packing import pack_photos


@pytest.fixture
def photos(drawn_manifest):
    return read_manifest(drawn_manifest).split("val")


def test_packed_pixels_are_those_of_the_one_road(photos, tmp_path):
    packed = pack_photos(photos, 40, tmp_path)

    assert packed.shape == (len(photos), 3, 40, 40)
    for index in (0, len(photos) - 1):
        assert np.array_equal(packed[index], prepare_photo(photos[index].path.read_bytes(), 40).pixels)


def test_photos_are_packed_once_for_the_same_content_and_side(photos, tmp_path):
    pack_photos(photos, 40, tmp_path)
    (first,) = tmp_path.iterdir()
    written = first.stat().st_mtime_ns

    pack_photos(photos, 40, tmp_path)
    assert first.stat().st_mtime_ns == written

    pack_photos(photos, 48, tmp_path)
    pack_photos(photos[1:], 40, tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_an_unreadable_photo_leaves_nothing_behind(photos, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")

    with pytest.raises(TrainingError, match=r"broken\.jpg.*python -m datasets check"):
        pack_photos([*photos, replace(photos[0], file="broken.jpg", path=broken)], 40, tmp_path / "packed")
    assert not list((tmp_path / "packed").iterdir())


def test_a_missing_photo_is_named(photos, tmp_path):
    gone = replace(photos[0], path=tmp_path / "gone.jpg")

    with pytest.raises(TrainingError, match=r"gone\.jpg: No such file"):
        pack_photos([gone], 40, tmp_path)


def test_a_region_is_packed_as_the_part_it_is(photos, tmp_path):
    region = replace(photos[0], region=(8, 16, 60, 70))
    packed = pack_photos([photos[0], region], 40, tmp_path)
    with Image.open(photos[0].path) as whole:
        part = whole.convert("RGB").crop((8, 16, 60, 70)).resize((40, 40), Image.Resampling.BILINEAR)

    assert np.array_equal(packed[1], np.asarray(part).transpose(2, 0, 1))
    assert not np.array_equal(packed[0], packed[1])
