"""Calibration and thresholds: the rule in numbers."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from PIL import Image

from datasets.manifest import NO_ISSUE, LabelledPhoto, Manifest, write_manifest
from model.card import Doubt, Familiar
from model.classifier import Classifier
from model.familiarity import PROTOTYPES_FILE, Prototypes
from tests.colour_model import LABELS, draw_quarters, make_colour_model
from tests.model.test_classifier import encode
from training.calibrate import (
    IN_DOUBT,
    LEAST_SCALE,
    calibrate,
    choose_doubt,
    discounted,
    find_doubt,
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


def test_in_doubt_is_what_scores_neither_low_nor_high_by_the_first_look(monkeypatch):
    monkeypatch.setattr("training.calibrate.IN_DOUBT", IN_DOUBT)
    logits = RNG.normal(0, 3, 20_000)
    labels = (RNG.random(20_000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))).astype(np.float32)
    scored = ScoredPhotos(
        photos=(), labels=np.stack([labels, np.zeros(20_000)], 1), logits=np.stack([logits] * 2, 1), features=None
    )

    doubt = find_doubt(scored, ("graffiti", "never seen"))

    assert list(doubt) == ["graffiti"]
    ends = 0.5 * np.array([doubt["graffiti"].lower, doubt["graffiti"].upper]) - 1
    assert 1 / (1 + np.exp(-ends)) == pytest.approx(IN_DOUBT, abs=0.02)


@pytest.mark.parametrize(
    ("looks", "earned"),
    [
        pytest.param([-1.0, 1.0], ["graffiti"], id="they part what the first look did not"),
        pytest.param([0.0, 0.0], [], id="they say nothing new"),
        pytest.param([1.0, -1.0], [], id="they mislead"),
    ],
)
def test_a_problem_gets_closer_looks_only_where_these_tell_it_better(looks, earned):
    labels = np.float32([[0], [0], [0], [1], [1], [np.nan]])
    first = np.float32([[-9], [0], [0.2], [0.1], [9], [0]])
    closer = np.float32([[99], [looks[0]], [looks[0]], [looks[1]], [-99], [0]])  # what is clear stays as it was
    scored = ScoredPhotos(photos=(), labels=labels, logits=first, features=None)
    bands = {"graffiti": Doubt(lower=-2, upper=2)}

    doubt = choose_doubt(scored, replace(scored, logits=closer), ("graffiti",), bands)

    assert list(doubt) == earned


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


def test_where_closer_looks_part_what_the_first_does_not_they_are_taken_and_served(tmp_path, monkeypatch):
    """A quarter of red and a photo of pale red score the same at first sight; close by only the quarter is red."""
    monkeypatch.setattr("training.calibrate.IN_DOUBT", IN_DOUBT)
    folder = make_colour_model(tmp_path / "model")
    quarters, pale = [draw_quarters(colours) for colours in ("rggg", "grgg")], Image.new("RGB", (160, 120), "#c18080")
    drawn = {"road_damage": [*quarters, draw_quarters("rrrr")], NO_ISSUE: [pale, draw_quarters("gggg")]}
    photos = []
    for kind, pictures in drawn.items():
        for number, picture in enumerate(pictures * 6):
            path = tmp_path / f"{kind}-{number}.png"
            picture.save(path)
            labels = {label: label == kind for label in LABELS}
            photos.append(LabelledPhoto(file=path.name, path=path, labels=labels, split="val", kind=kind))
    manifest = Manifest(path=tmp_path / "manifest.csv", labels=LABELS, photos=tuple(photos))

    calibrate(folder, write_manifest(manifest, manifest.path), leave_out=("other problems",))

    classifier = Classifier.load(folder)
    quarter, uniform = classifier.classify([encode(quarters[0]), encode(pale)])
    assert list(classifier.card.doubt) == ["road_damage"]
    assert (quarter.decision.problems, uniform.decision.problems) == (("road_damage",), ())
