"""Thresholds: the rule in numbers."""

import numpy as np

from training.thresholds import MOST_MISSED, choose_lower, choose_upper

RNG = np.random.default_rng(11)


def test_a_problem_is_found_from_the_score_that_parts_it_best():
    labels = np.repeat([1.0, 0.0], 200)
    scores = np.concatenate([RNG.uniform(0.6, 1.0, 200), RNG.uniform(0.0, 0.4, 200)])

    assert 0.40 <= choose_upper(labels, scores, labels == 0, np.ones(400), seed=1) <= 0.62


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
