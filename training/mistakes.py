"""Where a model is wrong: which photos, in which groups, and which of its mistakes it was surest of."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from model.card import ModelCard
from model.decision import Decision, Verdict
from training.confidence import margins
from training.metrics import proportion
from training.scoring import DecidedPhotos

LARGEST_GROUPS = 10
WORST = 24  # photos


def wrong_labels(labels: npt.NDArray[np.floating], found: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """(photos, labels) where what was judged and what is said differ; what nobody judged is never wrong."""
    return ~np.isnan(labels) & ((labels == 1) != found)


def group_mistakes(decided: DecidedPhotos, labels: Sequence[str]) -> dict[str, Any]:
    """How many photos are wrong, and the largest groups of them by source, what they show and what is said.

    A photo left to a person counts as wrong here where it shows a problem: the problem was not found. Each group comes
    with its share of the photos that have this source and show this.
    """
    wrong = wrong_labels(decided.labels, decided.found).any(axis=1)
    shown = [_shown(truth, labels) for truth in decided.labels]
    groups = Counter(
        (photo.source, true, said_of(decision))
        for photo, true, decision, is_wrong in zip(decided.photos, shown, decided.decisions, wrong, strict=True)
        if is_wrong
    )
    alike = Counter((photo.source, true) for photo, true in zip(decided.photos, shown, strict=True))
    return {
        "photos": int(wrong.sum()),
        "groups": [
            {
                "source": source,
                "shown": true,
                "said": said,
                "photos": count,
                "of": alike[source, true],
                "share": proportion(count, alike[source, true]).to_json(),
            }
            for (source, true, said), count in sorted(groups.items(), key=lambda group: (-group[1], group[0]))
        ][:LARGEST_GROUPS],
    }


def worst_mistakes(decided: DecidedPhotos, card: ModelCard) -> list[int]:
    """Rows of at most WORST photos with a wrong answer, the surest mistake first.

    Photos left to a person are none of them: nothing was answered.
    """
    upper = [card.thresholds[label].upper for label in card.labels]
    wrong = wrong_labels(decided.labels, decided.found)
    sureness = np.where(wrong, margins(decided.scores, upper), -1).max(axis=1, initial=-1)
    answered = np.array([decision.verdict is not Verdict.REVIEW for decision in decided.decisions], dtype=bool)
    rows = np.flatnonzero(wrong.any(axis=1) & answered)
    return [int(row) for row in rows[np.argsort(-sureness[rows], kind="stable")]][:WORST]


def said_of(decision: Decision) -> str:
    """What is said in words: the problems found in the order of their keys, else the verdict."""
    return "+".join(sorted(decision.problems)) or str(decision.verdict)


def _shown(truth: npt.NDArray[np.floating], labels: Sequence[str]) -> str:
    return "+".join(sorted(label for label, value in zip(labels, truth, strict=True) if value == 1)) or "none"
