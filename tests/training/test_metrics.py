"""Figures against values worked out by hand."""

import math

import numpy as np
import pytest

from training.metrics import (
    average_precision,
    bootstrap,
    expected_calibration_error,
    precision_recall_f1,
    proportion,
)

NOBODY = math.nan


def test_what_nobody_judged_counts_nowhere():
    labels = np.array([1, 1, 0, 0, NOBODY, NOBODY])
    found = np.array([True, False, True, False, True, False])

    assert precision_recall_f1(labels, found) == (0.5, 0.5, 0.5)


def test_figures_that_cannot_be_measured_are_nan():
    precision, recall, f1 = precision_recall_f1(np.array([0.0, 0.0]), np.array([False, False]))

    assert all(math.isnan(value) for value in (precision, recall, f1))
    assert math.isnan(average_precision(np.array([0.0, NOBODY]), np.array([0.3, 0.9])))


def test_average_precision_of_a_known_ranking():
    # positives at ranks 1 and 3: (1/1 + 2/3) / 2
    assert average_precision(np.array([1, 0, 1, NOBODY]), np.array([0.9, 0.8, 0.7, 1.0])) == pytest.approx(5 / 6)


def test_calibration_error_is_the_gap_between_score_and_share():
    labels = np.array([1, 1, 1, 0] * 25)

    assert expected_calibration_error(labels, np.full(100, 0.75)) == pytest.approx(0)
    assert expected_calibration_error(labels, np.full(100, 0.95)) == pytest.approx(0.20)


@pytest.mark.parametrize(
    ("hits", "photos", "low", "high"),
    [(0, 100, 0.0, 0.0370), (5, 100, 0.0215, 0.1118), (100, 100, 0.9630, 1.0)],
)
def test_wilson_intervals_as_published(hits, photos, low, high):
    share = proportion(hits, photos)

    assert (share.value, share.low, share.high) == pytest.approx((hits / photos, low, high), abs=5e-4)


def test_a_bootstrap_interval_holds_the_figure_and_narrows_with_photos():
    rng = np.random.default_rng(0)
    few, many = rng.random(50), rng.random(5000)

    narrow = bootstrap(lambda rows: float(many[rows].mean()), 5000, seed=1)
    wide = bootstrap(lambda rows: float(few[rows].mean()), 50, seed=1)

    assert narrow.low < many.mean() < narrow.high
    assert wide.high - wide.low == pytest.approx(2 * 1.96 * few.std() / math.sqrt(50), rel=0.15)
    assert wide.high - wide.low > 5 * (narrow.high - narrow.low)
    assert bootstrap(lambda rows: float(many[rows].mean()), 5000, seed=1) == narrow


def test_nothing_to_measure_gives_null_in_json():
    assert proportion(0, 0).to_json() == {"value": None, "low": None, "high": None}
