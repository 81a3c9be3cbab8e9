"""The rule for several photos: alike ones are averaged, of the others the highest score counts."""

from dataclasses import replace

import numpy as np
import pytest

from model.case import decide_case
from model.decision import Verdict, decide
from model.quality import QualityIssue
from tests.model.cards import CARD, LABELS

DARK = (QualityIssue.TOO_DARK,)
HERE, NEAR, ELSEWHERE = np.float16([1, 0]), np.float16([0.8, 0.6]), np.float16([0, 1])


def photo(graffiti, road_damage=0.0, quality=()):
    return decide({"graffiti": graffiti, "road_damage": road_damage}, CARD, quality)


def test_looks_at_one_place_are_averaged():
    case = decide_case([photo(0.8), photo(0.5)], CARD, [HERE, NEAR])

    assert case.scores["graffiti"] == pytest.approx(2 / 3, abs=1e-3)  # odds 4 and 1: their geometric mean is 2
    assert case.problems == ("graffiti",)


def test_of_several_places_the_highest_score_counts():
    assert decide_case([photo(0.8), photo(0.1)], CARD, [HERE, ELSEWHERE]).scores["graffiti"] == 0.8
    assert decide_case([photo(0.8), photo(0.1)], CARD).scores["graffiti"] == 0.8  # nobody knows whether they are alike


@pytest.mark.parametrize(("same_scene", "score"), [(0.7, 2 / 3), (0.9, 0.8)])
def test_photos_that_may_be_of_one_place_are_averaged_only_where_they_look_like_one_scene(same_scene, score):
    card = replace(CARD, same_scene=same_scene)

    case = decide_case([photo(0.8), photo(0.5)], card, [HERE, NEAR])  # a cosine of 0.8; one place from 0.5

    assert case.scores["graffiti"] == pytest.approx(score, abs=1e-3)


def test_an_overview_takes_nothing_away_from_two_close_ups():
    case = decide_case([photo(0.8), photo(0.8), photo(0.0)], CARD, [HERE, NEAR, np.float16([0, -1])])

    assert case.scores["graffiti"] == pytest.approx(0.8)


def test_what_one_of_two_alike_photos_shows_alone_is_for_a_person():
    case = decide_case([photo(0.7), photo(0.001)], CARD, [HERE, HERE])

    assert case.scores["graffiti"] < 0.2
    assert case.verdict is Verdict.REVIEW


@pytest.mark.parametrize("score", [0.0, 0.1, 0.6, 0.9, 1.0])
def test_alike_photos_with_one_score_have_that_score_to_the_last_bit(score):
    assert decide_case([photo(score)] * 3, CARD, [HERE] * 3) == photo(score)


@pytest.mark.parametrize("score", [0.0, 0.3, 1.0])
def test_a_photo_alone_keeps_its_scores(score):
    assert decide_case([photo(score)], CARD, [HERE]) == photo(score)


def test_a_case_shows_what_any_of_its_photos_shows():
    normal = decide({"graffiti": 0.0, "road_damage": 0.0}, CARD)
    close_up = decide({"graffiti": 0.1, "road_damage": 0.95}, CARD)

    case = decide_case([normal, close_up], CARD)

    assert case.verdict is Verdict.PROBLEM
    assert case.problems == ("road_damage",)
    assert case.scores == {"graffiti": 0.1, "road_damage": 0.95}


def test_one_unsure_photo_sends_a_case_to_a_person():
    normal = decide({"graffiti": 0.0, "road_damage": 0.0}, CARD)
    unsure = decide({"graffiti": 0.3, "road_damage": 0.0}, CARD)

    assert decide_case([normal, unsure], CARD).verdict is Verdict.REVIEW


def test_a_case_without_a_photo_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="at least one photo"):
        decide_case([], CARD)


@pytest.mark.parametrize(
    ("usable", "verdict"),
    [
        pytest.param((0.0, 0.95), Verdict.PROBLEM, id="found on the usable photo"),
        pytest.param((0.3, 0.0), Verdict.REVIEW, id="unsure on the usable photo"),
        pytest.param((0.0, 0.0), Verdict.REVIEW, id="ruled out on the usable photo, not on the other"),
    ],
)
def test_a_photo_with_an_issue_does_not_count_beside_a_usable_one(usable, verdict):
    dark = decide({"graffiti": 0.9, "road_damage": 0.5}, CARD, DARK)
    other = decide(dict(zip(LABELS, usable, strict=True)), CARD)

    case = decide_case([dark, other, dark], CARD)

    assert (case.verdict, case.quality) == (verdict, ())
    assert (case.problems, case.scores) == (other.problems, other.scores)


def test_a_case_without_a_usable_photo_is_for_a_person_and_says_why():
    dark = decide({"graffiti": 0.9, "road_damage": 0.0}, CARD, DARK)
    bare = decide({"graffiti": 0.1, "road_damage": 0.2}, CARD, (QualityIssue.NO_DETAIL,))

    case = decide_case([dark, bare, dark], CARD)

    assert (case.verdict, case.problems) == (Verdict.REVIEW, ())
    assert case.quality == (QualityIssue.TOO_DARK, QualityIssue.NO_DETAIL)
    assert case.scores == {"graffiti": 0.9, "road_damage": 0.2}


@pytest.mark.parametrize(
    ("scores", "quality", "suspected"),
    [
        pytest.param((0.7, 0.95), (), ("road_damage", "graffiti"), id="what was found"),
        pytest.param((0.1, 0.3), (), ("road_damage",), id="the likeliest, where a person should look"),
        pytest.param((0.7, 0.1), DARK, ("graffiti",), id="the likeliest of a dark photo"),
        pytest.param((0.1, 0.05), (), (), id="nothing, where all is ruled out"),
    ],
)
def test_what_to_look_for(scores, quality, suspected):
    assert decide(dict(zip(LABELS, scores, strict=True)), CARD, quality).suspected == suspected
