"""The threshold rule: what is said of scores, of one photo and of a case."""

import pytest

from model.decision import Verdict, decide
from model.quality import QualityIssue
from tests.model.cards import CARD


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


DARK = (QualityIssue.TOO_DARK,)


@pytest.mark.parametrize("road_damage", [0.0, 0.5, 1.0])
def test_a_photo_with_an_issue_is_for_a_person_whatever_it_scores(road_damage):
    decision = decide({"graffiti": 0.0, "road_damage": road_damage}, CARD, DARK)

    assert (decision.verdict, decision.problems, decision.quality) == (Verdict.REVIEW, (), DARK)
    assert decision.scores["road_damage"] == road_damage
