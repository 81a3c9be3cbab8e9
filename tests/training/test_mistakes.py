"""Which answers are wrong, and which of them were given most surely."""

import math

import numpy as np

from tests.training.decided import CARD, LABELS, decided
from training.mistakes import group_mistakes, worst_mistakes, wrong_labels

NOBODY = math.nan
PHOTOS = decided(
    [
        ("graffiti", "a", (1, 0), (0.9, 0.0)),  # right
        ("graffiti", "a", (1, 0), (0.01, 0.0)),  # missed, surely
        ("graffiti", "a", (1, 0), (0.3, 0.0)),  # missed, left to a person
        ("no_issue", "b", (0, 0), (0.6, 0.0)),  # false alarm, barely
        ("no_issue", "b", (0, 0), (0.95, 0.0)),  # false alarm, rather surely
        ("no_issue", "b", (0, 0), (0.0, 0.0)),  # right
        ("no_issue", "b", (0, NOBODY), (0.0, 0.9)),  # nobody knows
    ]
)


def test_what_nobody_judged_is_never_wrong():
    wrong = wrong_labels(PHOTOS.labels, PHOTOS.found)

    assert wrong.any(axis=1).tolist() == [False, True, True, True, True, False, False]
    assert not wrong[:, 1].any()
    assert wrong.dtype == np.bool_


def test_the_surest_mistakes_come_first_and_those_left_to_a_person_not_at_all():
    assert worst_mistakes(PHOTOS, CARD) == [1, 4, 3]


def test_mistakes_are_counted_by_source_what_is_shown_and_what_is_said():
    mistakes = group_mistakes(PHOTOS, LABELS)

    assert mistakes["photos"] == 4
    groups = [[group[name] for name in ("source", "shown", "said", "photos", "of")] for group in mistakes["groups"]]
    assert groups == [
        ["b", "none", "graffiti", 2, 4],
        ["a", "graffiti", "no_problem", 1, 3],
        ["a", "graffiti", "review", 1, 3],
    ]
    assert mistakes["groups"][0]["share"]["value"] == 0.5


def test_no_mistake_gives_no_group():
    right = decided([("graffiti", "a", (1, 0), (0.9, 0.0))])

    assert worst_mistakes(right, CARD) == []
    assert group_mistakes(right, LABELS) == {"photos": 0, "groups": []}
