"""What one epoch shows: labels follow what was done to a photo, and everything follows the seed."""

import numpy as np
import torch

from training.augment import Augmentation
from training.photos import TrainingPhotos

NAN = float("nan")
PACKED = np.random.default_rng(1).integers(0, 256, (40, 3, 48, 48), dtype=np.uint8)
LABELS = np.array([[0, 0], [1, 0], [0, NAN], [0, 1]] * 10, dtype=np.float32)


def photos(seed=1, **options):
    return TrainingPhotos(PACKED, LABELS, Augmentation(32, seed=1), seed, **options)


def test_without_mosaics_and_paint_labels_stay_as_they_are():
    for index, labels in enumerate(LABELS):
        assert np.array_equal(photos()[index][1].numpy(), labels, equal_nan=True)


def test_paint_adds_its_label_to_photos_that_are_known_to_show_none():
    told = np.stack([photos(seed, painted=1)[index][1].numpy() for seed in range(20) for index in range(40)])
    before = np.tile(LABELS, (20, 1))
    turned = (told[:, 1] == 1) & (before[:, 1] == 0)

    assert np.array_equal(told[:, 0], before[:, 0])
    assert np.isnan(told[np.isnan(before[:, 1]), 1]).all()
    assert 0.2 < turned[(before == 0).all(axis=1)].mean() < 0.4  # 0.3 of the normal photos
    assert 0 < turned[before[:, 0] == 1].mean() < 0.15  # 0.06 of the others
    assert LABELS[0, 1] == 0  # the labels themselves are not written on


def test_a_mosaic_unites_the_labels_of_its_photos():
    told = np.stack([photos(seed, mosaics=1.0)[0][1].numpy() for seed in range(60)])  # photo 0 shows nothing

    assert (told[:, 0] == 1).any()
    assert ((told == 1).all(axis=1)).any()


def test_the_same_seed_shows_the_same():
    first, second = (photos(9, mosaics=0.5, painted=1) for _ in range(2))

    assert all(torch.equal(first[index][0], second[index][0]) for index in range(8))
    assert not torch.equal(first[0][0], photos(10, mosaics=0.5, painted=1)[0][0])
