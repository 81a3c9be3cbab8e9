"""How sure an answer is, and what is left to a person first."""

import numpy as np
import pytest

from training.confidence import confidence, margins, measure_coverage


def test_a_margin_is_measured_in_parts_of_the_way_from_the_threshold():
    scores = np.array([[0.5, 0.8], [1.0, 1.0], [0.0, 0.0], [0.75, 0.4]])

    assert margins(scores, [0.5, 0.8]) == pytest.approx(np.array([[0, 0], [1, 1], [1, 1], [0.5, 0.5]]))


def test_the_least_sure_label_decides():
    assert confidence(np.array([[0.99, 0.45], [0.01, 0.02]]), [0.5, 0.5]) == pytest.approx([0.1, 0.96])


def test_accuracy_of_a_known_arrangement():
    confidences = np.arange(100) / 100
    right = confidences >= 0.1  # the ten least sure are wrong

    coverage = measure_coverage(right, confidences, seed=3)

    curve = {point["coverage"]: point["accuracy"]["value"] for point in coverage["curve"]}
    assert curve[0.05] == curve[0.8] == curve[0.9] == 1
    assert curve[0.95] == pytest.approx(90 / 95, abs=1e-4)
    assert curve[1.0] == 0.9
    assert coverage["at"] == {"coverage": 0.8, "accuracy": {"value": 1.0, "low": 1.0, "high": 1.0}}


def test_the_curve_is_as_wide_as_chance():
    rng = np.random.default_rng(0)
    right = rng.random(1000) < 0.9

    whole = measure_coverage(right, rng.random(1000), seed=3)["curve"][-1]["accuracy"]

    assert whole["high"] - whole["low"] == pytest.approx(2 * 1.96 * np.sqrt(0.9 * 0.1 / 1000), rel=0.2)
    assert whole["low"] < right.mean() < whole["high"]


def test_no_photo_gives_no_curve():
    assert measure_coverage(np.zeros(0, dtype=bool), np.zeros(0), seed=3) == {"at": {}, "curve": []}
