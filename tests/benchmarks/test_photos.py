"""Photos to measure with: the same each time, and like a phone's."""

import io

import pytest
from PIL import Image, JpegImagePlugin

from benchmarks.photos import SIZES, make_photos


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: size.name)  # 12 MP take seconds
def test_photos_have_the_pixels_the_bytes_and_the_subsampling_of_a_phone(size):
    photos = make_photos(size)

    for photo in photos:
        picture = Image.open(io.BytesIO(photo))
        assert picture.size == (size.width, size.height)
        assert JpegImagePlugin.get_sampling(picture) == 2  # 4:2:0
        assert 0.6 < len(photo) / size.file_bytes < 1.5
    assert len(set(photos)) == len(photos)
    assert make_photos(size) == photos
