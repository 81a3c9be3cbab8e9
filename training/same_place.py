"""From which cosine of their features two photos may show the same place, and from which they show one scene.

A check of after-photos rests on the first; the second says which photos of a case are averaged (model/case.py). If as
little were asked there, many an overview would take something away from its close-up (docs/experiments.md).

The photos hold no place before and after the work, so two stand-ins are measured:

- elsewhere: a photo that shows a problem and a normal photo of another origin (of the same one, where there is only
  one). The threshold is the lowest cosine that at most MOST_ELSEWHERE of these pairs on the validation split reach, of
  one scene MOST_OTHER_SCENE.
- alike: two photos that follow each other in one source, as a series of one street does. Many sources are no series,
  so the share of these that passes is the least to expect.

It is a sanity check. It tells a wall from a road, not one wall from another; and whether the features of a place stay
alike when its problem is gone was never measured.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from datasets.manifest import NO_ISSUE, LabelledPhoto
from model.decision import cosine
from training.metrics import proportion
from training.scoring import ScoredPhotos

MOST_ELSEWHERE = 0.05
MOST_OTHER_SCENE = 0.01
PARTNERS = 20  # normal photos drawn for each photo that shows a problem, to choose the threshold


def choose_same_place(scored: ScoredPhotos, seed: int, most_elsewhere: float = MOST_ELSEWHERE) -> float | None:
    """The threshold; None where the network shows no features, or there is no pair to choose it by."""
    pairs = _elsewhere(scored.photos, PARTNERS, seed)
    if scored.features is None or not pairs:
        return None
    chosen = float(np.quantile(_cosines(scored.features, pairs), 1 - most_elsewhere))
    return round(min(max(chosen, 0.01), 1.0), 3)


def measure_same_place(scored: ScoredPhotos, threshold: float | None, seed: int) -> dict[str, Any] | None:
    """The shares of both kinds of pairs that reach the threshold; no photo that shows a problem is in two pairs."""
    if scored.features is None or threshold is None:
        return None
    shares: dict[str, Any] = {"threshold": threshold}
    for name, pairs in (("elsewhere", _elsewhere(scored.photos, 1, seed)), ("alike", consecutive_pairs(scored.photos))):
        passed = int((_cosines(scored.features, pairs) >= threshold).sum())
        shares[name] = {"pairs": len(pairs), "passed": proportion(passed, len(pairs)).to_json()}
    return shares


def _elsewhere(photos: tuple[LabelledPhoto, ...], partners: int, seed: int) -> list[tuple[int, int]]:
    rng = np.random.default_rng(seed)
    normal = [index for index, photo in enumerate(photos) if photo.kind == NO_ISSUE]
    pairs = []
    for index, photo in enumerate(photos):
        if not any(photo.labels.values()):
            continue
        others = [other for other in normal if photos[other].origin != photo.origin] or normal
        pairs += [(index, int(other)) for other in rng.choice(others, size=partners if others else 0)]
    return pairs


def consecutive_pairs(photos: tuple[LabelledPhoto, ...]) -> list[tuple[int, int]]:
    """Indices of photos that follow each other in one source; no photo is in two pairs."""
    by_source: dict[tuple[str, str], list[int]] = {}
    for index, photo in enumerate(photos):
        by_source.setdefault((photo.source, photo.kind), []).append(index)
    pairs = []
    for indices in by_source.values():
        indices.sort(key=lambda index: photos[index].original_path or photos[index].file)
        pairs += list(zip(indices[::2], indices[1::2], strict=False))
    return pairs


def _cosines(features: npt.NDArray[np.float32], pairs: list[tuple[int, int]]) -> npt.NDArray[np.float64]:
    return np.array([cosine(features[one], features[other]) for one, other in pairs])
