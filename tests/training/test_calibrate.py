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
from training.calibrate import LEAST_SCALE, discounted, fit_calibration
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
