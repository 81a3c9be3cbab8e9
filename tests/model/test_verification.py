"""From after-photos to an outcome: what it takes to call a case resolved, and what never does."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.decision import Decision, Outcome, Reason, cosine, decide, decide_verification
from model.quality import QualityIssue
from tests.model.cards import CARD, LABELS

WALL = np.array([1, 0, 0, 0], dtype=np.float16)
ROAD = np.array([0, 1, 0, 0], dtype=np.float16)
NEAR_WALL = np.array([3, 4, 0, 0], dtype=np.float16)  # cosine 0.6 to the wall, 0.8 to the road


@dataclass(frozen=True, kw_only=True)
class Photo:
    decision: Decision
    features: np.ndarray | None
    signature: np.ndarray | None = None


def photo(graffiti=0.0, road_damage=0.0, features=WALL, signature=None, quality=()):
    decision = decide({"graffiti": graffiti, "road_damage": road_damage}, CARD, quality)
    return Photo(decision=decision, features=features, signature=signature)


def check(*after, problems=("graffiti",), before=(WALL,), card=CARD, fingerprint=None):
    return decide_verification(problems, before, after, card, before_fingerprint=fingerprint or card.fingerprint())


@pytest.mark.parametrize(
    ("after", "outcome", "reason"),
    [
        pytest.param([photo()], Outcome.RESOLVED, Reason.PROBLEM_GONE, id="gone, and the same wall"),
        pytest.param([photo(0.19)], Outcome.RESOLVED, Reason.PROBLEM_GONE, id="just below lower"),
        pytest.param([photo(0.2)], Outcome.CANNOT_TELL, Reason.SCORE_BETWEEN_THRESHOLDS, id="at lower"),
        pytest.param([photo(0.59)], Outcome.CANNOT_TELL, Reason.SCORE_BETWEEN_THRESHOLDS, id="just below upper"),
        pytest.param([photo(0.6)], Outcome.STILL_PRESENT, Reason.PROBLEM_FOUND, id="at upper"),
        pytest.param([photo(), photo(0.6)], Outcome.STILL_PRESENT, Reason.PROBLEM_FOUND, id="on one of two photos"),
        pytest.param([photo(0.6, features=ROAD)], Outcome.STILL_PRESENT, Reason.PROBLEM_FOUND, id="wherever it is"),
        pytest.param([photo(0, 0.95)], Outcome.RESOLVED, Reason.PROBLEM_GONE, id="another problem is another case"),
        pytest.param([photo(features=ROAD)], Outcome.CANNOT_TELL, Reason.OTHER_PLACE, id="a road instead of the wall"),
        pytest.param([photo(features=np.zeros(4))], Outcome.CANNOT_TELL, Reason.OTHER_PLACE, id="nothing seen"),
        pytest.param(
            [photo(signature=np.zeros(4))], Outcome.CANNOT_TELL, Reason.OTHER_PLACE, id="a frame of one colour"
        ),
        pytest.param([photo(signature=np.eye(4)[0])], Outcome.RESOLVED, Reason.PROBLEM_GONE, id="a frame of something"),
        pytest.param([photo(), photo(features=ROAD)], Outcome.RESOLVED, Reason.PROBLEM_GONE, id="overview, close-up"),
        pytest.param(
            [photo(), photo(features=ROAD), photo(features=ROAD)],
            Outcome.CANNOT_TELL,
            Reason.OTHER_PLACE,
            id="one lucky photo among three",
        ),
        pytest.param(
            [photo(), photo(features=None), photo(features=None)],
            Outcome.CANNOT_TELL,
            Reason.OTHER_PLACE,
            id="photos without features count as elsewhere",
        ),
        pytest.param([photo(features=None)], Outcome.CANNOT_TELL, Reason.NOTHING_TO_COMPARE, id="no features"),
    ],
)
def test_an_outcome_follows_from_scores_and_place(after, outcome, reason):
    decision = check(*after)

    assert (decision.outcome, decision.reason) == (outcome, reason)
    assert decision.scores == {label: max(seen.decision.scores[label] for seen in after) for label in LABELS}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"before": ()}, id="no photo of the report"),
        pytest.param({"before": (None, None)}, id="no features kept"),
        pytest.param({"fingerprint": "another"}, id="seen by another model"),
        pytest.param({"card": replace(CARD, same_place=None)}, id="a model without a rule"),
    ],
)
def test_without_anything_to_compare_nothing_is_resolved(change):
    decision = check(photo(), **change)

    assert (decision.outcome, decision.reason) == (Outcome.CANNOT_TELL, Reason.NOTHING_TO_COMPARE)
    assert check(photo(0.9), **change).outcome is Outcome.STILL_PRESENT


def test_every_problem_of_the_case_must_be_gone():
    both = ("graffiti", "road_damage")

    assert check(photo(0, 0.5), problems=both).reason is Reason.SCORE_BETWEEN_THRESHOLDS
    assert check(photo(0.1, 0.95), problems=both).reason is Reason.PROBLEM_FOUND
    assert check(photo(), problems=(*both, "illegal_parking")).reason is Reason.PROBLEM_NOT_SCORED
    assert check(photo(0.9), problems=(*both, "illegal_parking")).reason is Reason.PROBLEM_FOUND


def test_the_place_is_that_of_the_most_similar_photo_of_the_report():
    decision = check(photo(features=NEAR_WALL), photo(features=None), before=(WALL, None, ROAD))

    assert decision.places == (pytest.approx(0.8), None)
    assert cosine(NEAR_WALL, np.zeros(4, dtype=np.float16)) == 0


def dark(graffiti=0.0, features=WALL):
    return photo(graffiti, features=features, quality=(QualityIssue.TOO_DARK,))


@pytest.mark.parametrize("graffiti", [0.0, 0.3, 1.0])
def test_after_photos_that_show_too_little_resolve_nothing_and_find_nothing(graffiti):
    decision = check(dark(graffiti), dark())

    assert (decision.outcome, decision.reason) == (Outcome.CANNOT_TELL, Reason.PHOTOS_UNUSABLE)
    assert decision.scores["graffiti"] == graffiti
    assert decision.places == (None, None)


@pytest.mark.parametrize(
    ("usable", "reason"),
    [
        pytest.param(photo(), Reason.PROBLEM_GONE, id="gone"),
        pytest.param(photo(0.3), Reason.SCORE_BETWEEN_THRESHOLDS, id="unsure"),
        pytest.param(photo(0.7), Reason.PROBLEM_FOUND, id="found"),
        pytest.param(photo(features=ROAD), Reason.OTHER_PLACE, id="another place"),
    ],
)
def test_the_usable_after_photo_decides_alone(usable, reason):
    decision = check(dark(0.9), usable, dark(0.3, features=ROAD), dark())

    assert decision.reason is reason
    assert decision.scores == usable.decision.scores
    assert decision.places == (None, *check(usable).places, None, None)


@pytest.mark.parametrize(("problems", "after"), [((), [photo()]), (("graffiti",), [])])
def test_a_check_of_nothing_is_a_mistake_of_the_caller(problems, after):
    with pytest.raises(ValueError, match="needs a problem and an after-photo"):
        check(*after, problems=problems)


SCORES = st.floats(0, 1, width=32)
PLACES = st.sampled_from([WALL, ROAD, NEAR_WALL, None])
AFTER = st.lists(st.tuples(SCORES, SCORES, PLACES), min_size=1, max_size=9)
PROBLEMS = st.lists(st.sampled_from(LABELS), min_size=1, unique=True)
ORDER = (Outcome.RESOLVED, Outcome.CANNOT_TELL, Outcome.STILL_PRESENT)


@given(after=AFTER, problems=PROBLEMS, data=st.data())
def test_a_higher_score_never_leads_towards_resolved(after, problems, data):
    place = data.draw(st.integers(0, len(after) - 1))
    graffiti, road_damage, features = after[place]
    raised = list(after)
    raised[place] = (data.draw(st.floats(graffiti, 1)), data.draw(st.floats(road_damage, 1)), features)

    before, later = (check(*(photo(*seen) for seen in photos), problems=problems) for photos in (after, raised))

    assert ORDER.index(later.outcome) >= ORDER.index(before.outcome)


@given(after=AFTER, problems=PROBLEMS, data=st.data())
def test_a_photo_of_elsewhere_never_leads_to_resolved(after, problems, data):
    place = data.draw(st.integers(0, len(after) - 1))
    moved = list(after)
    moved[place] = (*after[place][:2], None)

    before, later = (check(*(photo(*seen) for seen in photos), problems=problems) for photos in (after, moved))

    assert later.outcome is not Outcome.RESOLVED or before.outcome is Outcome.RESOLVED


@given(after=AFTER, problems=PROBLEMS, data=st.data())
def test_a_photo_that_shows_too_little_never_leads_to_resolved(after, problems, data):
    place = data.draw(st.integers(0, len(after)))
    seen = [photo(*one) for one in after]

    before, later = check(*seen, problems=problems), check(*seen[:place], dark(), *seen[place:], problems=problems)

    assert (later.outcome, later.reason) == (before.outcome, before.reason)


@given(after=AFTER, problems=PROBLEMS)
def test_resolved_means_that_no_photo_leaves_room_for_a_problem_of_the_case(after, problems):
    decision = check(*(photo(*seen) for seen in after), problems=problems)

    if decision.outcome is Outcome.RESOLVED:
        assert all(decision.scores[key] < CARD.thresholds[key].lower for key in problems)
        assert 2 * sum((cosine(WALL, seen[2]) if seen[2] is not None else 0) >= 0.5 for seen in after) >= len(after)
