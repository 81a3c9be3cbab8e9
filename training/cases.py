"""Whether two photos of one case say more than one: the rule of `model.case.decide_case`, measured.

The photos hold no cases, so two stand-ins are measured, each case against its best single photo:

- same scene: two photos that follow each other in one source and have the same labels, as two shots of one place do.
  The best single photo is that place in the pair which does better over all pairs.
- overview and close-up: a photo that shows a problem beside a normal one, as an overview on which it is too small to be
  seen; and pairs of normal photos beside them, so that two chances to be wrong count.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from datasets.manifest import NO_ISSUE
from model.card import ModelCard
from model.case import decide_case
from training.metrics import between, count_resamples, macro_f1
from training.same_place import consecutive_pairs
from training.scoring import DecidedPhotos, found_array

Pairs = Sequence[tuple[int, int]]


def measure_cases(decided: DecidedPhotos, card: ModelCard, seed: int) -> dict[str, Any]:
    """For both stand-ins: pairs, macro F1 of the cases, of the best single photo, and how much is gained."""
    labels = np.nan_to_num(decided.labels, nan=-1)
    alike = [(one, other) for one, other in consecutive_pairs(decided.photos) if (labels[one] == labels[other]).all()]
    measured = {"same_scene": _measure(alike, decided, card, seed)}
    rng = np.random.default_rng(seed)
    normal = np.flatnonzero(decided.scored.of_kind(NO_ISSUE))
    if len(normal):
        shown = [*np.flatnonzero((decided.labels == 1).any(axis=1)).tolist(), *normal.tolist()]
        beside = [(index, int(other)) for index, other in zip(shown, rng.choice(normal, len(shown)), strict=True)]
        measured["overview_and_close_up"] = _measure(beside, decided, card, seed)
    return measured


def _measure(pairs: Pairs, decided: DecidedPhotos, card: ModelCard, seed: int) -> dict[str, Any]:
    if not pairs:
        return {"pairs": 0}
    first, second = np.array(pairs).T
    labels = decided.labels[first]
    features = decided.scored.features
    cases = [
        decide_case(
            [decided.decisions[index] for index in pair],
            card,
            () if features is None else [features[index] for index in pair],
        )
        for pair in pairs
    ]
    each = (found_array(cases, card.labels), decided.found[first], decided.found[second])
    times = np.concatenate([np.ones((1, len(pairs))), count_resamples(len(pairs), seed)])
    case, *single = (macro_f1(labels, found, times) for found in each)
    best = max(single, key=lambda resampled: np.nan_to_num(resampled[0]))
    figures = {"macro_f1": case, "best_single_photo": best, "gain": case - best}
    return {
        "pairs": len(pairs),
        **{name: between(float(all_of[0]), all_of[1:]).to_json() for name, all_of in figures.items()},
    }
