"""The README of the release in use is what its card says, and says how the left-out figures came about."""

from dataclasses import replace

import pytest

from model.card import load_card
from model.classifier import current_release
from training.model_card import write_model_card


@pytest.fixture(scope="module")
def card():
    return load_card(current_release())


def test_the_readme_in_use_is_made_of_its_card(card):
    assert (current_release() / "README.md").read_text(encoding="utf-8") == write_model_card(card)


@pytest.mark.parametrize(
    ("refit", "weak_labels", "said"),
    [
        (True, "", "this model, its last layer fitted anew, trained"),
        (True, "weak.toml", "this model, its last layer fitted anew, but not to weak labels (`weak.toml`), trained"),
        (False, "", "this model, trained"),
    ],
)
def test_how_the_last_layer_was_fitted_is_said_of_the_runs_that_left_places_out(card, refit, weak_labels, said):
    left_out = dict(card.evaluation["left_out"]) | {"refit": refit, "weak_labels": weak_labels}
    text = write_model_card(replace(card, evaluation=dict(card.evaluation) | {"left_out": left_out}))

    assert said in text


def test_the_calibration_error_on_places_left_out_is_said(card):
    errors = {"graffiti": 0.1, "road_damage": 0.02}
    left_out = dict(card.evaluation["left_out"]) | {"expected_calibration_error": errors}
    text = write_model_card(replace(card, evaluation=dict(card.evaluation) | {"left_out": left_out}))

    assert "graffiti 0.100, road_damage 0.020; mean 0.060" in text
