"""Prototypes stand where the photos are, and all but a few of the photos that were known count as familiar."""

from types import MappingProxyType

import numpy as np
import pytest

from datasets.manifest import NO_ISSUE, LabelledPhoto
from model.familiarity import UNSURE
from training.prototypes import (
    ADDED_SHARE,
    DEMAND,
    LESS_FAMILIAR,
    NEARNESS,
    OF_NORMAL,
    PER_PROBLEM,
    choose_familiar,
    choose_prototypes,
    weigh_likeness,
)
from training.scoring import ScoredPhotos

RNG = np.random.default_rng(3)
CENTRES = np.eye(6)


def scored(count, with_features=True):
    """`count` photos of each of two problems and of nothing, each kind around a direction of its own."""
    kinds = [kind for kind in range(3) for _ in range(count)]
    names = ("graffiti", "road_damage", NO_ISSUE)
    labels = np.array([[kind == 0, kind == 1] for kind in kinds], dtype=np.float32)
    features = CENTRES[kinds] + RNG.normal(0, 0.05, (len(kinds), 6))
    photos = tuple(
        LabelledPhoto(file=str(number), path=None, labels=MappingProxyType({}), split="val", kind=names[kind])
        for number, kind in enumerate(kinds)
    )
    return ScoredPhotos(
        photos=photos, labels=labels, logits=labels, features=features.astype(np.float32) if with_features else None
    )


@pytest.fixture(scope="module")
def prototypes():
    learned = scored(80)
    return choose_prototypes(learned, learned.labels, None, seed=1)


def test_there_are_some_for_each_problem_and_for_normal_photos(prototypes):
    assert prototypes.problems.shape == (2 * PER_PROBLEM, 6)
    assert prototypes.normal.shape == (OF_NORMAL, 6)
    assert np.linalg.norm(prototypes.problems, axis=1) == pytest.approx(1, abs=1e-3)


def test_what_was_learned_is_near_and_what_was_not_is_far(prototypes):
    assert prototypes.nearest(CENTRES[0])[0] > 0.98
    assert prototypes.nearest(CENTRES[2])[0] < 0.3 < prototypes.nearest(CENTRES[2])[1]
    assert prototypes.nearest(CENTRES[5])[1] < 0.3


def test_all_but_a_few_known_photos_are_familiar(prototypes):
    known = scored(500)
    familiar = choose_familiar(prototypes, known)

    problem, anything = np.array([prototypes.nearest(row) for row in known.features]).T
    shown = (known.labels == 1).any(axis=1)
    assert (problem[shown] < familiar.problem).mean() == pytest.approx(LESS_FAMILIAR, abs=0.01)
    assert (anything < familiar.street).mean() < 0.01
    assert familiar.demand * problem[shown].std() == pytest.approx(DEMAND, rel=0.01)


def test_prototypes_know_what_they_show_and_likeness_spreads_as_much_as_is_asked(prototypes):
    known = scored(200)
    likeness, nearness = weigh_likeness(prototypes, known, ("graffiti", "road_damage"))
    like, near = prototypes.compare(known.features, 2)
    added = like * list(likeness.values()) + near * list(nearness.values())

    assert prototypes.shown.tolist() == [0] * PER_PROBLEM + [1] * PER_PROBLEM
    assert added.std(axis=0) == pytest.approx(ADDED_SHARE * known.logits.std(axis=0), rel=0.01)
    for column in (0, 1):
        shown = known.labels[:, column] == 1
        assert added[shown, column].min() > 0 > added[~shown, column].max()
    assert nearness == pytest.approx({label: NEARNESS * weight for label, weight in likeness.items()}, abs=1e-4)
    assert weigh_likeness(prototypes, scored(3, with_features=False), ("graffiti", "road_damage")) == ({}, {})


def test_few_photos_give_few_prototypes_and_no_features_none():
    few, without = scored(3), scored(3, with_features=False)
    assert len(choose_prototypes(few, few.labels, None, seed=1).problems) == 6
    assert choose_prototypes(without, without.labels, None, seed=1) is None


def test_photos_with_a_weak_label_are_familiar_and_no_example_of_a_problem():
    learned = scored(80)
    sure = np.where(np.arange(2) == 1, np.where(learned.labels == 1, np.nan, learned.labels), learned.labels)

    prototypes = choose_prototypes(learned, sure, None, seed=1)

    assert prototypes.shown.tolist() == [0] * PER_PROBLEM + [UNSURE] * PER_PROBLEM
    assert prototypes.nearest(CENTRES[1])[0] > 0.98
    assert [given[0, 1] for given in prototypes.compare(CENTRES[[1]], 2)] == [0, 0]
