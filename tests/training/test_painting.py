"""Painted writing changes a part of the photo, visibly, and the same for the same seed."""

import numpy as np
from PIL import Image

from training.painting import paint_writing

WALL = Image.fromarray(np.full((150, 200, 3), (186, 176, 160), dtype=np.uint8))


def changed(seed):
    painted = np.asarray(paint_writing(WALL, np.random.default_rng(seed)), dtype=int)
    return np.abs(painted - np.asarray(WALL, dtype=int)).max(axis=2) > 25


def test_paint_is_there_and_leaves_most_of_the_wall():
    shares = np.array([changed(seed).mean() for seed in range(40)])

    assert (shares > 0.001).mean() > 0.9  # the rest is light paint on a light wall
    assert np.median(shares) > 0.01
    assert shares.mean() < 0.3


def test_the_same_seed_paints_the_same():
    first, second = (paint_writing(WALL, np.random.default_rng(4)) for _ in range(2))

    assert first.tobytes() == second.tobytes()
    assert first.mode == "RGB"
    assert first.size == WALL.size
    assert first.tobytes() != paint_writing(WALL, np.random.default_rng(5)).tobytes()
