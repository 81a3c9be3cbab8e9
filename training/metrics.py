"""Numbers from labels and scores, each with how far chance alone could move it.

Labels are 1, 0 or NaN (nobody judged); NaN counts nowhere.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, roc_auc_score

Floats = npt.NDArray[np.floating]

RESAMPLES = 1000
CONFIDENCE = 0.95
CALIBRATION_BINS = 15


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A figure and the 95 % interval around it; NaN where nothing could be measured."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        """Rounded to four digits; NaN becomes null."""
        return {
            name: None if math.isnan(number) else round(number, 4)
            for name, number in (("value", self.value), ("low", self.low), ("high", self.high))
        }


def average_precision(labels: Floats, scores: Floats) -> float:
    """Area under precision against recall; NaN without a positive."""
    judged = ~np.isnan(labels)
    if not (labels[judged] == 1).any():
        return math.nan
    return float(average_precision_score(labels[judged], scores[judged]))


def precision_recall_f1(labels: Floats, found: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
    """Of the judged photos; NaN where there is nothing to divide by."""
    hits = float(np.sum(found & (labels == 1)))
    wrong = float(np.sum(found & (labels == 0)))
    missed = float(np.sum(~found & (labels == 1)))
    return _ratio(hits, hits + wrong), _ratio(hits, hits + missed), _ratio(2 * hits, 2 * hits + wrong + missed)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def macro_f1(labels: Floats, found: npt.NDArray[np.bool_], times: Floats) -> Floats:
    """(resamples,) mean F1 over the problems that some photo shows; NaN without one.

    Args:
        labels, found: (photos, labels).
        times: (resamples, photos), how often each photo counts; see `count_resamples`.
    """
    shown = (labels == 1).any(axis=0)
    labels, found = labels[:, shown], found[:, shown]
    hits, wrong, missed = (
        times @ part.astype(np.float64)
        for part in (found & (labels == 1), found & (labels == 0), ~found & (labels == 1))
    )
    whole = 2 * hits + wrong + missed  # (resamples, problems); 0 where a resample says nothing of a problem
    measured = (whole > 0).sum(axis=1)
    total = (2 * hits / np.where(whole > 0, whole, 1)).sum(axis=1)
    return np.where(measured > 0, total / np.maximum(1, measured), math.nan)


def area_under_roc(inside: Floats, outside: Floats) -> float:
    """How often a photo of `inside` scores higher than one of `outside`, ties by half; NaN if one has no photo."""
    if not len(inside) or not len(outside):
        return math.nan
    return float(roc_auc_score(np.repeat([1, 0], [len(inside), len(outside)]), np.concatenate([inside, outside])))


def false_positives_at(inside: Floats, outside: Floats, kept: float = 0.95) -> float:
    """Share of `outside` from the highest score up that keeps this share of `inside` (FPR at 95 % TPR).

    Hendrycks & Gimpel 2017 and Liang et al. 2018 measure so; NaN if one has no photo.
    """
    if not len(inside) or not len(outside):
        return math.nan
    threshold = np.sort(inside)[math.floor((1 - kept) * len(inside) + 1e-9)]
    return float((outside >= threshold).mean())


def bootstrap(figure: Callable[[npt.NDArray[np.intp]], float], photos: int, seed: int) -> Interval:
    """Percentile bootstrap over photos (Efron 1979).

    Args:
        figure: indices of photos → the figure on those photos.
        photos: how many there are.
    """
    value = figure(np.arange(photos))
    if photos == 0 or math.isnan(value):
        return Interval(value=math.nan, low=math.nan, high=math.nan)
    return between(value, np.array([figure(rows) for rows in resample(photos, seed)]))


def resample(photos: int, seed: int) -> Iterator[npt.NDArray[np.intp]]:
    """RESAMPLES times the indices of as many photos, drawn with replacement."""
    rng = np.random.default_rng(seed)
    for _ in range(RESAMPLES):
        yield rng.integers(photos, size=photos)


def count_resamples(photos: int, seed: int) -> Floats:
    """(RESAMPLES, photos) how often each photo is in each of these resamples: figures that share them are paired."""
    return np.array([np.bincount(rows, minlength=photos) for rows in resample(photos, seed)], dtype=np.float64)


def between(value: float, resampled: Floats) -> Interval:
    """A figure with the interval between the outer percentiles of its (resamples,) values; NaN counts nowhere."""
    if math.isnan(value):
        return Interval(value=math.nan, low=math.nan, high=math.nan)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.nanpercentile(resampled, [tail, 100 - tail])
    return Interval(value=value, low=float(low), high=float(high))


def proportion(hits: int, photos: int) -> Interval:
    """A share with its Wilson (1927) interval, which stays honest near 0 and 1."""
    if photos == 0:
        return Interval(value=math.nan, low=math.nan, high=math.nan)
    z = 1.959964
    share = hits / photos
    centre = (share + z * z / (2 * photos)) / (1 + z * z / photos)
    half = z / (1 + z * z / photos) * math.sqrt(share * (1 - share) / photos + z * z / (4 * photos * photos))
    return Interval(value=share, low=max(0.0, centre - half), high=min(1.0, centre + half))


def calibration_bins(labels: Floats, scores: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean score, share of positives and number of the judged, for each of CALIBRATION_BINS equal bins that has any.

    Args:
        labels, scores: of one shape, any.
    """
    judged = ~np.isnan(labels)
    labels, scores = labels[judged], scores[judged]
    bin_of = np.minimum((scores * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    counts, shown, scored = (
        np.bincount(bin_of, weights=weights, minlength=CALIBRATION_BINS) for weights in (None, labels, scores)
    )
    filled = counts > 0
    return scored[filled] / counts[filled], shown[filled] / counts[filled], counts[filled].astype(np.float64)


def expected_calibration_error(labels: Floats, scores: Floats) -> float:
    """Mean distance between score and share of positives, over bins weighted by their photos (Naeini et al. 2015).

    Few photos in a bin part the two by chance alone, so it errs high, and its interval more so.
    """
    scored, shown, counts = calibration_bins(labels, scores)
    return float(np.average(np.abs(scored - shown), weights=counts)) if len(counts) else math.nan
