"""Calibration and thresholds: the rule in numbers."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from datasets.manifest import LabelledPhoto
from model.card import Familiar
from model.classifier import Classifier
from model.familiarity import PROTOTYPES_FILE, Prototypes
from tests.colour_model import make_colour_model
from training.calibrate import (
    IN_DOUBT,
    LEAST_SCALE,
    MOST_MISSED,
    choose_doubt,
    choose_lower,
    choose_upper,
    discounted,
    fit_calibration,
)
from training.scoring import ScoredPhotos, join_scored

RNG = np.random.default_rng(11)


def test_calibration_finds_the_scale_and_offset_that_were_there():
    logits = RNG.normal(0, 3, 20_000)
    labels = (RNG.random(20_000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))).astype(float)

    calibration = fit_calibration(labels, logits, np.ones(len(labels)))

    assert calibration.scale == pytest.approx(0.5, abs=0.03)
    assert calibration.offset == pytest.approx(-1, abs=0.06)


def test_logits_that_rank_photos_backwards_keep_nothing_but_the_share():
    logits = RNG.normal(0, 3, 2_000)
    labels = (RNG.random(2_000) < 1 / (1 + np.exp(logits))).astype(float)

    calibration = fit_calibration(labels, logits, np.ones(len(labels)))

    assert calibration.scale == LEAST_SCALE


def test_what_counts_little_changes_little():
    logits, labels = np.array([-2.0, -1, 1, 2] * 50), np.array([0.0, 0, 1, 1] * 50)
    backwards = np.concatenate([labels, 1 - labels])
    weights = np.repeat([1.0, 0.01], 200)

    scale, without = (
        fit_calibration(*parts).scale
        for parts in ((backwards, np.tile(logits, 2), weights), (labels, logits, weights[:200]))
    )

    assert 0 < scale < without
    assert scale > 20 * fit_calibration(backwards, np.tile(logits, 2), np.ones(400)).scale


def test_a_problem_is_found_from_the_score_that_parts_it_best():
    labels = np.repeat([1.0, 0.0], 200)
    scores = np.concatenate([RNG.uniform(0.6, 1.0, 200), RNG.uniform(0.0, 0.4, 200)])

    assert 0.40 <= choose_upper(labels, scores, labels == 0, np.ones(400), seed=1) <= 0.62


def test_in_doubt_is_what_scores_neither_low_nor_high_by_the_first_look(monkeypatch):
    monkeypatch.setattr("training.calibrate.IN_DOUBT", IN_DOUBT)
    logits = RNG.normal(0, 3, 20_000)
    labels = (RNG.random(20_000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))).astype(np.float32)
    scored = ScoredPhotos(
        photos=(), labels=np.stack([labels, np.zeros(20_000)], 1), logits=np.stack([logits] * 2, 1), features=None
    )

    doubt = choose_doubt(scored, ("graffiti", "never seen"))

    assert list(doubt) == ["graffiti"]
    ends = 0.5 * np.array([doubt["graffiti"].lower, doubt["graffiti"].upper]) - 1
    assert 1 / (1 + np.exp(-ends)) == pytest.approx(IN_DOUBT, abs=0.02)


def test_of_two_thresholds_worth_about_the_same_neither_is_taken():
    shown, others = np.repeat([0.9, 0.4], [100, 10]), np.repeat([0.5, 0.1], [11, 200])
    labels, scores = np.repeat([1.0, 0.0], [110, 211]), np.concatenate([shown, others])

    upper = choose_upper(labels, scores, np.zeros(321, dtype=bool), np.ones(321), seed=1)

    assert 0.35 < upper < 0.6  # the middles of what parts either best are 0.25 and 0.7


def test_false_alarms_hold_the_upper_threshold_up():
    labels = np.repeat([1.0, 0.0, 0.0], 200)
    scores = np.concatenate([RNG.uniform(0.3, 1.0, 200), RNG.uniform(0.0, 0.4, 200), RNG.uniform(0.0, 0.6, 200)])
    normal = np.arange(600) >= 400

    upper = choose_upper(labels, scores, normal, np.ones(600), seed=1)

    without = choose_upper(labels, scores, np.zeros(600, dtype=bool), np.ones(600), seed=1)
    assert upper > without
    assert (scores[normal] >= upper).mean() < 0.5 * (scores[normal] >= without).mean()


def test_photos_that_count_more_move_the_upper_threshold():
    labels = np.tile(np.repeat([1.0, 0.0], 200), 2)
    near, far = RNG.uniform(0.7, 1.0, 200), RNG.uniform(0.3, 0.6, 200)
    scores = np.concatenate([near, RNG.uniform(0.0, 0.65, 200), far, RNG.uniform(0.0, 0.25, 200)])
    is_far = np.arange(800) >= 400

    little, much = (
        choose_upper(labels, scores, np.zeros(800, dtype=bool), np.where(is_far, weight, 1.0), seed=1)
        for weight in (0.01, 10.0)
    )

    assert much < 0.4 < little


def test_few_photos_that_show_the_problem_lie_below_the_lower_threshold():
    shown = RNG.beta(4, 2, 500)

    lower = choose_lower(shown, upper=0.9)

    assert 0 < (shown < lower).mean() <= MOST_MISSED
    assert choose_lower(np.ones(50), upper=0.9) == 0.45  # there is always room for doubt


def test_photos_are_joined_with_their_features_unless_one_has_none():
    photo = LabelledPhoto(file="a", path=None, labels=MappingProxyType({}), split="val", kind="graffiti")
    one = ScoredPhotos(photos=(photo,), labels=np.ones((1, 5)), logits=np.zeros((1, 5)), features=np.ones((1, 3)))
    none = ScoredPhotos(photos=(), labels=np.ones((0, 5)), logits=np.zeros((0, 5)), features=None)

    assert join_scored(one, one).features.shape == (2, 3)
    assert join_scored(one, none).features.shape == (1, 3)  # no street to set a photo into: nothing farther
    assert join_scored(one, replace(one, features=None)).features is None


def test_thresholds_are_set_on_what_scores_are_worth_as_served(tmp_path):
    """Red is familiar to the colour model, violet less so, and more is asked of it."""
    classifier = Classifier.load(make_colour_model(tmp_path / "model", with_prototypes=True))
    card = replace(classifier.card, familiar=Familiar(problem=0.9, street=0.1, demand=10))
    features = np.float32([[1, 0, 0], [1, 0, 1]])
    seen = ScoredPhotos(photos=(), labels=np.zeros((2, 5)), logits=np.zeros((2, 5)), features=features)

    worth = discounted(classifier.judged_by(replace(card, familiar=None), None), seen)(np.array([0.8, 0.8]))
    assert worth.tolist() == [0.8, 0.8]

    judged = classifier.judged_by(card, Prototypes.load(tmp_path / "model" / PROTOTYPES_FILE))
    familiar, less = discounted(judged, seen)(np.array([0.8, 0.8]))
    assert familiar == pytest.approx(0.8)
    assert less == pytest.approx(1 / (1 + 0.25 * np.exp(10 * (0.9 - 0.7071))), abs=1e-3)
