"""Numbers from labels and scores, each with how far chance alone could move it.

Labels are 1, 0 or NaN (nobody judged); NaN counts nowhere.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score

Floats = npt.NDArray[np.floating]

RESAMPLES = 1000
CONFIDENCE = 0.95


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


def bootstrap(figure: Callable[[npt.NDArray[np.intp]], float], photos: int, seed: int) -> Interval:
    """Percentile bootstrap over photos (Efron 1979).

    Args:
        figure: indices of photos → the figure on those photos.
        photos: how many there are.
    """
    rng = np.random.default_rng(seed)
    value = figure(np.arange(photos))
    if photos == 0 or math.isnan(value):
        return Interval(value=math.nan, low=math.nan, high=math.nan)
    resampled = np.array([figure(rng.integers(photos, size=photos)) for _ in range(RESAMPLES)])
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


def expected_calibration_error(labels: Floats, scores: Floats, bins: int = 15) -> float:
    """Mean distance between score and share of positives, over equally wide bins weighted by their photos."""
    judged = ~np.isnan(labels)
    labels, scores = labels[judged], scores[judged]
    if not len(labels):
        return math.nan
    bin_of = np.minimum((scores * bins).astype(int), bins - 1)
    gaps = [
        abs(labels[bin_of == index].mean() - scores[bin_of == index].mean()) * (bin_of == index).sum()
        for index in range(bins)
        if (bin_of == index).any()
    ]
    return float(sum(gaps) / len(labels))
