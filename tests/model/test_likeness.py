"""A photo's signature: what it does and does not depend on."""

import numpy as np
import pytest

from model.likeness import FREQUENCIES, SIDE, signatures


def texture(seed):
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 8, 8), dtype=np.uint8)
    return np.kron(coarse, np.ones((1, SIDE // 8, SIDE // 8), dtype=np.uint8))


def test_each_view_is_a_row_of_length_one():
    rows = signatures(texture(1))

    assert rows.dtype == np.float32
    assert rows.shape[1] == FREQUENCIES**2
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)


def test_brightness_tells_nothing_and_the_picture_does():
    photo, other = texture(1), texture(2)
    darker = (photo * 0.6).astype(np.uint8)

    assert float(signatures(photo)[0] @ signatures(darker)[0]) > 0.99
    assert abs(float(signatures(photo)[0] @ signatures(other)[0])) < 0.3


def test_the_mirror_view_is_the_mirror_images_signature():
    photo = texture(1)

    assert signatures(photo)[1] == pytest.approx(signatures(photo[:, :, ::-1])[0], abs=1e-4)


def test_a_photo_of_one_colour_has_no_signature():
    assert not signatures(np.full((3, SIDE, SIDE), 127, dtype=np.uint8)).any()
