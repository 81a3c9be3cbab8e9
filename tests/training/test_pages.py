"""Drawn pages, screens and charts: the same for the same seed, of many kinds, and no two alike."""

import numpy as np

from training.pages import draw_page, draw_pages


def test_a_seed_draws_the_same_page():
    assert (draw_page(5, 64) == draw_page(5, 64)).all()


def test_pages_differ():
    pages = draw_pages(30, 48, seed=1)

    assert pages.shape == (30, 3, 48, 48)
    assert pages.dtype == np.uint8
    assert len({page.tobytes() for page in pages}) == 30
    means = pages.reshape(30, -1).mean(axis=1)
    assert means.min() < 80  # dark screens
    assert means.max() > 180  # paper
