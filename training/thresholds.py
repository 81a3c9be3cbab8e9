"""From which score a problem is found, and from which a person should look.

- `upper`, from which a problem is found. What a threshold is worth is its F1 less FALSE_ALARM_WEIGHT times the share of
  normal photos that would be called this problem, as the mean over resamples of the photos, so that no single photo
  decides. It is the threshold that is worth most; where several are, the middle one.
- `lower`, from which a person should look: the highest score that leaves at most MOST_MISSED of the photos that show
  the problem below it, and no more than half of `upper`, so that there is always room for doubt.
"""

import numpy as np
import numpy.typing as npt

FALSE_ALARM_WEIGHT = 4.0  # in F1: calling 1 % of the normal streets a problem must win 0.04 of it
MOST_MISSED = 0.02  # of the photos that show the problem
RESAMPLES = 200
CANDIDATES = np.linspace(0.02, 0.98, 97)


def choose_upper(
    labels: npt.NDArray[np.floating],
    scores: npt.NDArray[np.floating],
    normal: npt.NDArray[np.bool_],
    weights: npt.NDArray[np.floating],
    seed: int,
) -> float:
    """From which score a problem is found, by the rule above.

    Args:
        labels: (photos,) 1 or 0.
        scores: (photos,) calibrated.
        normal: (photos,) which of them show no problem at all.
        weights: (photos,) how much each counts.
    """
    rng = np.random.default_rng(seed)
    found = scores[:, None] >= CANDIDATES  # (photos, candidates)
    hits, wrong = found & (labels[:, None] == 1), found & (labels[:, None] == 0)
    worth = np.zeros((RESAMPLES, len(CANDIDATES)))
    for resample in range(RESAMPLES):
        times = rng.multinomial(len(labels), weights / weights.sum())
        counted_hits, counted_wrong = times @ hits, times @ wrong
        worth[resample] = 2 * counted_hits / np.maximum(1, counted_hits + counted_wrong + times @ (labels == 1))
    if normal.any():
        worth -= FALSE_ALARM_WEIGHT * np.average(found[normal], axis=0, weights=weights[normal])
    mean = worth.mean(axis=0)
    return round(float(np.median(CANDIDATES[mean >= mean.max() - 1e-9])), 4)


def choose_lower(shown_scores: npt.NDArray[np.floating], upper: float) -> float:
    """From which score a person should look, by the rule above.

    Args:
        shown_scores: (photos that show the problem,) calibrated.
    """
    lower = float(np.quantile(shown_scores, MOST_MISSED, method="lower"))
    return round(min(lower, upper / 2), 4)
