"""The threshold of a place: by pairs of different places on val, measured on pairs that share no photo."""

from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from datasets.manifest import LabelledPhoto
from training.same_place import MOST_ELSEWHERE, MOST_OTHER_SCENE, choose_same_place, measure_same_place
from training.scoring import ScoredPhotos

PHOTOS = 60


def angle(degrees):
    return [np.cos(np.radians(degrees)), np.sin(np.radians(degrees))]


def scored(features, *, origins=("wall", "street"), features_shown=True):
    """Half the photos show graffiti and come from the first origin; the others are normal and from the second."""
    photos = tuple(
        LabelledPhoto(
            file=f"{number:03}.jpg",
            path=Path(f"{number:03}.jpg"),
            labels=MappingProxyType({"graffiti": number < PHOTOS // 2}),
            split="val",
            kind="graffiti" if number < PHOTOS // 2 else "no_issue",
            source="any",
            origin=origins[number >= PHOTOS // 2],
        )
        for number in range(PHOTOS)
    )
    shown = np.array(features, dtype=np.float32) if features_shown else None
    return ScoredPhotos(photos=photos, labels=np.zeros((PHOTOS, 1)), logits=np.zeros((PHOTOS, 1)), features=shown)


WALLS_AND_STREETS = [angle(number % 5) for number in range(PHOTOS // 2)] + [
    angle(60 + number) for number in range(PHOTOS // 2)
]


def test_few_pairs_of_different_places_reach_the_threshold():
    photos = scored(WALLS_AND_STREETS)

    threshold = choose_same_place(photos, seed=17)
    figures = measure_same_place(photos, threshold, seed=3)

    assert np.cos(np.radians(56)) > threshold > np.cos(np.radians(80))
    assert figures["threshold"] == threshold
    assert figures["elsewhere"]["pairs"] == PHOTOS // 2
    assert figures["elsewhere"]["passed"]["value"] <= 2 * MOST_ELSEWHERE + 1 / 30
    assert figures["alike"]["pairs"] == PHOTOS // 2
    assert figures["alike"]["passed"]["value"] == 1.0


def test_of_one_scene_more_is_asked_than_of_one_place():
    photos = scored(WALLS_AND_STREETS)

    assert choose_same_place(photos, 17, MOST_OTHER_SCENE) > choose_same_place(photos, 17)


def test_photos_of_one_origin_are_told_apart_too():
    photos = scored(WALLS_AND_STREETS, origins=("district", "district"))

    assert choose_same_place(photos, seed=17) == choose_same_place(scored(WALLS_AND_STREETS), seed=17)


@pytest.mark.parametrize(
    "photos",
    [
        pytest.param(scored(WALLS_AND_STREETS, features_shown=False), id="a network that shows no features"),
        pytest.param(
            ScoredPhotos(photos=(), labels=np.zeros((0, 1)), logits=np.zeros((0, 1)), features=None), id="no photo"
        ),
    ],
)
def test_without_a_pair_there_is_no_threshold(photos):
    assert choose_same_place(photos, seed=17) is None
    assert measure_same_place(photos, None, seed=17) is None
