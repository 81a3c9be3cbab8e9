"""What one epoch shows: labels follow what was done to a photo, and everything follows the seed."""

import numpy as np
import torch

from training.augment import Augmentation
from training.photos import TrainingPhotos

NAN = float("nan")
PACKED = np.random.default_rng(1).integers(0, 256, (40, 3, 48, 48), dtype=np.uint8)
LABELS = np.array([[0, 0], [1, 0], [0, NAN], [0, 1]] * 10, dtype=np.float32)


def photos(seed=1, **options):
    return TrainingPhotos(PACKED, LABELS, Augmentation(32, seed=1), seed, normal=(LABELS == 0).all(axis=1), **options)


def test_without_mosaics_labels_stay_as_they_are():
    for index, labels in enumerate(LABELS):
        assert np.array_equal(photos()[index][1].numpy(), labels, equal_nan=True)


def test_a_mosaic_unites_the_labels_of_its_photos():
    told = np.stack([photos(seed, mosaics=1.0)[0][1].numpy() for seed in range(60)])  # photo 0 shows nothing

    assert (told[:, 0] == 1).any()
    assert ((told == 1).all(axis=1)).any()


def test_the_same_seed_shows_the_same():
    first, second = (photos(9, mosaics=0.5) for _ in range(2))

    assert all(torch.equal(first[index][0], second[index][0]) for index in range(8))
    assert not torch.equal(first[0][0], photos(10, mosaics=0.5)[0][0])


def test_a_page_in_the_place_of_a_photo_shows_nothing():
    black = np.zeros((1, 3, 48, 48), dtype=np.uint8)
    shown = [photos(seed, pages=(black, 0.5))[1] for seed in range(40)]  # photo 1 shows the first problem
    labels = np.array([judged.numpy() for _, judged in shown])

    assert 10 < (labels[:, 0] == 0).sum() < 30
    assert set(labels[:, 1]) == {0}
    assert float(np.median([pixels.float().mean() for pixels, judged in shown if not judged.any()])) < 40


def test_only_whole_normal_photos_are_cropped_closely(monkeypatch):
    told = []
    frame = Augmentation.frame
    monkeypatch.setattr(
        Augmentation, "frame", lambda self, *given, normal: told.append(normal) or frame(self, *given, normal=normal)
    )
    for index in range(3):
        photos()[index]

    assert told == [True, False, False]
