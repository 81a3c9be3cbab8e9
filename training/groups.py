"""What is said of photos by where they come from: each source, and each kind they were collected as."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from model.decision import Decision, Verdict
from training.metrics import average_precision, precision_recall_f1, proportion
from training.scoring import DecidedPhotos


def measure_sources(decided: DecidedPhotos, labels: Sequence[str]) -> list[dict[str, Any]]:
    """One entry a kind and source: figures of each problem its photos show, and what is found in them."""
    rows = []
    for kind, source in sorted({(photo.kind, photo.source) for photo in decided.photos}):
        chosen = np.array([(photo.kind, photo.source) == (kind, source) for photo in decided.photos])
        said = [decision for decision, keep in zip(decided.decisions, chosen, strict=True) if keep]
        problems = {}
        for column, label in enumerate(labels):
            truth, found = decided.labels[chosen, column], decided.found[chosen, column]
            positives = int((truth == 1).sum())
            precision, _, f1 = precision_recall_f1(truth, found)
            if positives:
                problems[label] = {
                    "positives": positives,
                    "precision": round_or_null(precision),
                    "recall": proportion(int((found & (truth == 1)).sum()), positives).to_json(),
                    "f1": round_or_null(f1),
                    "average_precision": round_or_null(average_precision(truth, decided.scores[chosen, column])),
                }
        rows.append(
            {
                "kind": kind,
                "source": source,
                "photos": len(said),
                "problems": problems,
                "found": {label: int(decided.found[chosen, column].sum()) for column, label in enumerate(labels)},
                **verdict_shares(said),
            }
        )
    return rows


def count_said(decided: DecidedPhotos, labels: Sequence[str]) -> list[dict[str, Any]]:
    """One entry a kind: how many of its photos each problem is found in, and how many get another verdict.

    A photo in which two problems are found counts for both.
    """
    rows = []
    for kind in sorted({photo.kind for photo in decided.photos}):
        chosen = decided.scored.of_kind(kind)
        verdicts = [decision.verdict for decision, keep in zip(decided.decisions, chosen, strict=True) if keep]
        said = {label: int(decided.found[chosen, column].sum()) for column, label in enumerate(labels)}
        said |= {str(verdict): verdicts.count(verdict) for verdict in Verdict if verdict is not Verdict.PROBLEM}
        rows.append({"kind": kind, "photos": len(verdicts), "said": said})
    return rows


def verdict_shares(decisions: Sequence[Decision]) -> dict[str, Any]:
    """`verdicts`: the share of each."""
    counted = {verdict: sum(decision.verdict is verdict for decision in decisions) for verdict in Verdict}
    return {
        "verdicts": {str(verdict): proportion(count, len(decisions)).to_json() for verdict, count in counted.items()}
    }


def round_or_null(value: float) -> float | None:
    """Four digits; NaN becomes null in JSON."""
    return None if math.isnan(value) else round(value, 4)
