"""How sure an answer is, and how often the surest answers are right (risk and coverage, El-Yaniv & Wiener 2010).

An answer is as sure as its least sure label: how far that label's score is from its `upper` threshold, in parts of the
way from there to 1 or to 0. The rule needs scores and thresholds only, so any model can be measured by it.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from training.metrics import between, resample

Floats = npt.NDArray[np.floating]

REPORTED_COVERAGE = 0.8
COVERAGES = tuple(step / 20 for step in range(1, 21))


def margins(scores: Floats, upper: Sequence[float]) -> Floats:
    """How sure each label's answer is, found or not: 0 at its threshold, 1 at score 0 and at score 1.

    Args:
        scores: (photos, labels) 0-1, calibrated.
        upper: (labels,) thresholds 0-1.

    Returns:
        (photos, labels).
    """
    thresholds = np.asarray(upper, dtype=np.float64)
    above = (scores - thresholds) / np.maximum(1 - thresholds, 1e-9)
    below = (thresholds - scores) / np.maximum(thresholds, 1e-9)
    return np.where(scores >= thresholds, above, below)


def confidence(scores: Floats, upper: Sequence[float]) -> Floats:
    """(photos,) how sure the answer to each photo is, 0-1: that of its least sure label."""
    return margins(scores, upper).min(axis=1)


def measure_coverage(right: npt.NDArray[np.bool_], confidences: Floats, seed: int) -> dict[str, Any]:
    """Accuracy of the surest photos, for each share of all photos in COVERAGES.

    Args:
        right: (photos,) whether the answer is right.
        confidences: (photos,).

    Returns:
        `at` REPORTED_COVERAGE and its accuracy, and the `curve` of them, each with its interval by bootstrap.
    """
    photos = len(right)
    if not photos:
        return {"at": {}, "curve": []}
    resampled = np.array([_accuracies(right[rows], confidences[rows]) for rows in resample(photos, seed)])
    curve = [
        {"coverage": coverage, "accuracy": between(float(accuracy), resampled[:, place]).to_json()}
        for place, (coverage, accuracy) in enumerate(zip(COVERAGES, _accuracies(right, confidences), strict=True))
    ]
    return {"at": curve[COVERAGES.index(REPORTED_COVERAGE)], "curve": curve}


def _accuracies(right: npt.NDArray[np.bool_], confidences: Floats) -> Floats:
    surest_first = right[np.argsort(-confidences, kind="stable")]
    counted = [max(1, math.floor(coverage * len(right) + 0.5)) for coverage in COVERAGES]
    return np.cumsum(surest_first)[np.array(counted) - 1] / counted
