"""The card of a model folder: what it holds on to, and what it refuses."""

import json
from dataclasses import replace

import numpy as np
import pytest

from model.card import CARD_FILE, Calibration, ModelCard, Threshold, load_card, save_card
from model.classifier import RELEASED_FOLDER
from model.errors import CardInvalid, ReleaseFileMissing

LABELS = ("graffiti", "road_damage")
CARD = ModelCard(
    name="test",
    version="1.0.0",
    labels=LABELS,
    thresholds={"graffiti": Threshold(lower=0.2, upper=0.6), "road_damage": Threshold(lower=0.1, upper=0.9)},
    calibration={"graffiti": Calibration(scale=1.5, offset=-0.25), "road_damage": Calibration()},
    input_side=64,
    sha256={"model.onnx": "0" * 64},
)


def test_a_card_comes_back_as_it_was_saved(tmp_path):
    save_card(CARD, tmp_path)

    assert load_card(tmp_path) == CARD
    assert [path.name for path in tmp_path.iterdir()] == [CARD_FILE]


def test_calibration_turns_logits_into_probabilities():
    scores = Calibration(scale=2.0, offset=-1.0).scores(np.array([0.5, 0.0, -1e6, 1e6]))

    assert scores == pytest.approx([0.5, 1 / (1 + np.e), 0, 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"labels": ("graffiti", "graffiti")}, "distinct", id="a label twice"),
        pytest.param({"labels": ("graffiti",)}, "thresholds are for", id="thresholds of a label that is not there"),
        pytest.param({"input_side": 16}, "at least 32", id="too small an input"),
        pytest.param({"precision": "int4"}, "precision must be", id="a precision nobody wrote"),
        pytest.param({"same_place": 1.5}, "cosine above 0", id="no cosine"),
        pytest.param({"same_place": 0.0}, "cosine above 0", id="a cosine that everything passes"),
        pytest.param({"same_scene": 0.0}, "same_scene must be a cosine above 0", id="the same for a scene"),
        pytest.param({"likeness": {"litter": 1.0}}, "weight of 0 or more", id="a weight of a label that is not there"),
        pytest.param({"likeness": {"graffiti": -1.0}}, "weight of 0 or more", id="a weight below zero"),
        pytest.param({"likeness": {"graffiti": float("nan")}}, "weight of 0 or more", id="a weight that is no number"),
        pytest.param({"nearness": {"litter": 1.0}}, "nearness needs a weight", id="nearness to what is not there"),
        pytest.param({"resize_rule": "crop"}, "prepares photos by", id="another way to prepare photos"),
    ],
)
def test_a_card_that_contradicts_itself_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(CARD, **change)


@pytest.mark.parametrize(("lower", "upper"), [(0.7, 0.6), (-0.1, 0.5), (0.5, 1.1), (float("nan"), 0.5)])
def test_thresholds_must_be_in_order(lower, upper):
    with pytest.raises(ValueError, match="lower <= upper"):
        Threshold(lower=lower, upper=upper)


@pytest.mark.parametrize(("scale", "offset"), [(0.0, 0.0), (-1.0, 0.0), (float("inf"), 0.0), (1.0, float("nan"))])
def test_calibration_must_keep_the_order_of_scores(scale, offset):
    with pytest.raises(ValueError, match="scale > 0"):
        Calibration(scale=scale, offset=offset)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("{", "is not JSON", id="cut off"),
        pytest.param("[]", "card_format is None", id="not an object"),
        pytest.param('{"card_format": 99}', "card_format is 99, this version reads 1", id="from another version"),
        pytest.param('{"card_format": 1}', "KeyError: 'labels'", id="without labels"),
    ],
)
def test_a_card_that_cannot_be_read_says_why_and_what_to_do(tmp_path, text, message):
    (tmp_path / CARD_FILE).write_text(text, encoding="utf-8")

    with pytest.raises(CardInvalid, match=message) as refused:
        load_card(tmp_path)
    assert str(tmp_path / CARD_FILE) in str(refused.value)


def test_an_unknown_field_is_not_passed_over(tmp_path):
    save_card(CARD, tmp_path)
    content = json.loads((tmp_path / CARD_FILE).read_text(encoding="utf-8")) | {"threshold": 0.5}
    (tmp_path / CARD_FILE).write_text(json.dumps(content), encoding="utf-8")

    with pytest.raises(CardInvalid, match="threshold"):
        load_card(tmp_path)


def test_a_folder_without_a_card_says_what_belongs_there(tmp_path):
    with pytest.raises(ReleaseFileMissing, match=r"card\.json is missing.*model\.onnx, weights\.safetensors"):
        load_card(tmp_path)


def test_the_fingerprint_changes_with_what_decides_an_answer_and_with_nothing_else():
    same = replace(CARD, version="2.0.0", evaluation={"macro_f1": 1})
    other = replace(CARD, thresholds={**CARD.thresholds, "graffiti": Threshold(lower=0.2, upper=0.61)})

    assert same.fingerprint() == CARD.fingerprint()
    assert replace(CARD, same_place=0.5).fingerprint() != CARD.fingerprint()
    assert replace(CARD, same_scene=0.5).fingerprint() != CARD.fingerprint()
    assert other.fingerprint() != CARD.fingerprint()


@pytest.mark.parametrize(
    ("version", "begins"),
    [
        ("1.0.0", "160d17e88d2b7fd2"),
        ("1.8.0", "bc70a05cac238ce3"),
        ("1.9.0", "1e7267edbb49f745"),
        ("1.10.0", "15d9efc27c60d80e"),
    ],
)
def test_older_cards_keep_their_fingerprints(version, begins):
    """Cases hold features of the model with this fingerprint, to compare after-photos with."""
    assert load_card(RELEASED_FOLDER / version).fingerprint().startswith(begins)
