"""Figures against values worked out by hand."""

import math

import numpy as np
import pytest

from training.metrics import (
    area_under_roc,
    average_precision,
    between,
    bootstrap,
    calibration_bins,
    count_resamples,
    expected_calibration_error,
    false_positives_at,
    macro_f1,
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


def test_macro_f1_is_the_mean_over_the_problems_that_are_shown():
    labels = np.array([[1, 0, 0], [1, NOBODY, 0], [0, 1, 0]])
    found = np.array([[True, False, True], [False, True, False], [False, True, False]])

    once, last_thrice = macro_f1(labels, found, np.array([[1, 1, 1], [0, 0, 3]]))

    assert once == pytest.approx((2 / 3 + 1) / 2)
    assert last_thrice == 1  # says nothing of the first problem, so the second alone counts


def test_macro_f1_of_resamples_is_the_bootstrap_of_macro_f1():
    rng = np.random.default_rng(0)
    labels = (rng.random((60, 2)) < 0.4).astype(float)
    found = rng.random((60, 2)) < 0.5

    def one_by_one(rows):
        return float(np.mean([precision_recall_f1(labels[rows, column], found[rows, column])[2] for column in (0, 1)]))

    value = float(macro_f1(labels, found, np.ones((1, 60)))[0])
    assert value == pytest.approx(one_by_one(np.arange(60)))
    slow = bootstrap(one_by_one, 60, seed=4)
    fast = between(value, macro_f1(labels, found, count_resamples(60, seed=4)))
    assert (fast.low, fast.high) == pytest.approx((slow.low, slow.high))


def test_macro_f1_without_a_shown_problem_is_nan():
    nothing_shown = macro_f1(np.zeros((3, 2)), np.ones((3, 2), dtype=bool), np.ones((1, 3)))

    assert np.isnan(nothing_shown).all()


@pytest.mark.parametrize(
    ("inside", "outside", "area", "false_positives"),
    [
        pytest.param([0.8, 0.9], [0.1, 0.2], 1.0, 0.0, id="apart"),
        pytest.param([0.1, 0.2], [0.8, 0.9], 0.0, 1.0, id="the wrong way round"),
        pytest.param([0.5, 0.5], [0.5, 0.5], 0.5, 1.0, id="all alike"),
        pytest.param([0.2, 0.9], [0.1, 0.3, 0.4, 0.95], 4 / 8, 3 / 4, id="mixed"),
    ],
)
def test_how_well_two_groups_are_told_apart(inside, outside, area, false_positives):
    inside, outside = np.array(inside), np.array(outside)

    assert area_under_roc(inside, outside) == pytest.approx(area)
    assert false_positives_at(inside, outside) == false_positives


def test_one_in_twenty_may_be_lost():
    inside = np.arange(1, 101) / 100  # 0.06 and more keeps 95 of them

    assert false_positives_at(inside, np.array([0.055, 0.06, 0.5, 0.001])) == 0.5
    assert math.isnan(false_positives_at(inside, np.zeros(0)))
    assert math.isnan(area_under_roc(np.zeros(0), inside))


def test_calibration_bins_hold_the_judged():
    scored, shown, counts = calibration_bins(np.array([[0, 1], [NOBODY, 1]]), np.array([[0.01, 0.99], [0.5, 1.0]]))

    assert scored == pytest.approx([0.01, 0.995])
    assert shown.tolist() == [0, 1]
    assert counts.tolist() == [1, 2]
    assert math.isnan(expected_calibration_error(np.array([NOBODY]), np.array([0.5])))
