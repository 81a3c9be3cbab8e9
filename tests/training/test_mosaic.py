"""A mosaic fills its square with parts of the photos it names, and shows what any of them shows."""

import numpy as np
import torch

from training.mosaic import PHOTOS, compose, unite

NAN = float("nan")


def test_a_mosaic_is_whole_and_shows_each_photo_it_counts():
    def piece(place, height, width):
        return torch.full((3, height, width), 10 + place, dtype=torch.uint8)

    counted = set()
    for seed in range(40):
        torch.manual_seed(seed)
        mosaic, used = compose(piece, 96)
        assert mosaic.shape == (3, 96, 96)
        shares = [float((mosaic == 10 + place).float().mean()) for place in range(PHOTOS)]
        assert sum(shares) > 0.999  # nothing is left empty
        assert all(share > 0.08 for share in shares[:used])
        assert sum(shares[used:]) == 0
        counted.add(used)

    assert counted == {2, PHOTOS}


def test_a_mosaic_shows_what_any_photo_shows_and_is_unsure_where_nobody_judged():
    united = unite(np.array([[1, 0, 0, NAN, NAN], [0, 0, NAN, 1, NAN]], dtype=np.float32))

    assert united[[0, 1, 3]].tolist() == [1, 0, 1]
    assert np.isnan(united[[2, 4]]).all()
