"""Prototypes of the photos a model learned from, and from which cosine a photo counts as familiar.

Both thresholds come from the validation split, whose photos are familiar by definition: the cosine that all but
LESS_FAMILIAR of the photos that show a problem reach, below which more is asked of a score, and the one that all but
MOST_FOREIGN of all photos reach, below which a photo is no street.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from datasets.manifest import NO_ISSUE
from model.card import Familiar
from model.familiarity import UNSURE, Prototypes
from training.scoring import ScoredPhotos

PER_PROBLEM = 32  # prototypes; docs/experiments.md has what 8 to 256, and all photos, give
OF_NORMAL = 64
OF_PAGES = 16
LESS_FAMILIAR = 0.1
DEMAND = 0.5  # logits for each standard deviation of cosine that is missing
MOST_FOREIGN = 0.002
ADDED_SHARE = 0.5  # of the spread of a problem's logits; more gives up known places for new ones
NEARNESS = 1.0  # beside one of likeness; docs/experiments.md has what 0 to 2 give

Features = npt.NDArray[np.float32]


def choose_prototypes(
    learned: ScoredPhotos, sure: npt.NDArray[np.float32], pages: Features | None, seed: int
) -> Prototypes | None:
    """Centres of k-means (Lloyd 1982) over the features of each problem and of normal photos; None without features.

    Args:
        learned: the photos the network learned from.
        sure: (photos, labels) their labels without weak ones.
        pages: (pages, 1280) float32 of drawn pages, screens and charts, where the network learned from such.
    """
    if learned.features is None:
        return None
    features = _unit(learned.features)
    weak = (np.isnan(sure) & (learned.labels == 1)).any(axis=1)
    groups = {label: sure[:, label] == 1 for label in range(sure.shape[1])} | {UNSURE: weak}
    problems = {shown: _centres(features[group], PER_PROBLEM, seed) for shown, group in groups.items()}
    normal = _centres(features[learned.of_kind(NO_ISSUE)], OF_NORMAL, seed)
    return Prototypes(
        problems=np.concatenate(list(problems.values())),
        shown=np.repeat(list(problems), [len(centres) for centres in problems.values()]),
        normal=normal,
        pages=None if pages is None else _centres(_unit(pages), OF_PAGES, seed),
    )


def weigh_likeness(
    prototypes: Prototypes, scored: ScoredPhotos, labels: Sequence[str]
) -> tuple[dict[str, float], dict[str, float]]:
    """For each problem with prototypes, logits that one of likeness and one of nearness add.

    NEARNESS says which counts how much; what both add together spreads ADDED_SHARE as much as the problem's logits.
    """
    if scored.features is None:
        return {}, {}
    likeness, nearness = prototypes.compare(scored.features, len(labels))
    spread = (likeness + NEARNESS * nearness).std(axis=0)
    each = ADDED_SHARE * scored.logits.std(axis=0) / np.where(spread > 0, spread, np.inf)
    weights = {label: round(float(weight), 4) for label, weight in zip(labels, each, strict=True) if weight > 0}
    return weights, {label: round(NEARNESS * weight, 4) for label, weight in weights.items()}


def choose_familiar(prototypes: Prototypes, scored: ScoredPhotos) -> Familiar | None:
    """The thresholds; None where no photo shows a problem, or none has features."""
    shown = (scored.labels == 1).any(axis=1)
    if scored.features is None or not shown.any():
        return None
    problem, anything = np.array([prototypes.nearest(row) for row in scored.features]).T
    spread = float(problem[shown].std())
    return Familiar(
        problem=round(float(np.quantile(problem[shown], LESS_FAMILIAR)), 4),
        street=round(float(np.quantile(anything, MOST_FOREIGN)), 4),
        demand=round(DEMAND / spread, 4) if spread > 0 else 0.0,
    )


def _centres(features: npt.NDArray[np.float32], count: int, seed: int) -> npt.NDArray[np.float32]:
    if not len(features):
        return features
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct photos than prototypes: some are the same
        means = KMeans(min(count, len(features)), random_state=seed, n_init=4).fit(features).cluster_centers_
    return _unit(means).astype(np.float16).astype(np.float32)  # as they are stored


def _unit(rows: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-9)).astype(np.float32)
