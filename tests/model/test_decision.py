"""The threshold rule: what is said of scores, of one photo and of a case."""

import pytest

from model.card import Calibration, ModelCard, Threshold
from model.decision import Verdict, decide, decide_case
from model.quality import QualityIssue

LABELS = ("graffiti", "road_damage")
CARD = ModelCard(
    name="test",
    version="1.0.0",
    labels=LABELS,
    thresholds={"graffiti": Threshold(lower=0.2, upper=0.6), "road_damage": Threshold(lower=0.1, upper=0.9)},
    calibration={label: Calibration() for label in LABELS},
    input_side=64,
)


@pytest.mark.parametrize(
    ("graffiti", "road_damage", "verdict", "problems"),
    [
        pytest.param(0.60, 0.05, Verdict.PROBLEM, ("graffiti",), id="at its upper threshold: found"),
        pytest.param(0.59, 0.05, Verdict.REVIEW, (), id="just below upper: a person should look"),
        pytest.param(0.20, 0.05, Verdict.REVIEW, (), id="at its lower threshold: a person should look"),
        pytest.param(0.19, 0.09, Verdict.NO_PROBLEM, (), id="both below their own lower threshold"),
        pytest.param(0.00, 0.89, Verdict.REVIEW, (), id="each problem has its own thresholds"),
        pytest.param(0.70, 0.95, Verdict.PROBLEM, ("road_damage", "graffiti"), id="both found, highest first"),
        pytest.param(0.70, 0.50, Verdict.PROBLEM, ("graffiti",), id="one found, one unsure: a problem"),
    ],
)
def test_a_verdict_follows_from_each_problems_own_thresholds(graffiti, road_damage, verdict, problems):
    decision = decide({"graffiti": graffiti, "road_damage": road_damage}, CARD)

    assert decision.verdict is verdict
    assert decision.problems == problems
    assert decision.scores == {"graffiti": graffiti, "road_damage": road_damage}  # never hidden


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


DARK = (QualityIssue.TOO_DARK,)


@pytest.mark.parametrize("road_damage", [0.0, 0.5, 1.0])
def test_a_photo_with_an_issue_is_for_a_person_whatever_it_scores(road_damage):
    decision = decide({"graffiti": 0.0, "road_damage": road_damage}, CARD, DARK)

    assert (decision.verdict, decision.problems, decision.quality) == (Verdict.REVIEW, (), DARK)
    assert decision.scores["road_damage"] == road_damage


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
