"""How good a model folder is on one split: per problem, per source, on normal photos and on photos of other things.

Every score comes from `model.Classifier`, every "found" from `model.decision`: what is measured is what is served.
"""

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from datasets.manifest import NO_ISSUE, SPLITS, Split, read_manifest
from model.classifier import Classifier
from model.decision import Decision, Verdict
from model.files import replacing, write_json
from training.errors import TrainingError
from training.metrics import (
    Interval,
    average_precision,
    bootstrap,
    expected_calibration_error,
    precision_recall_f1,
    proportion,
)
from training.report import write_report
from training.same_place import measure_same_place
from training.scoring import ScoredPhotos, score_split

log = logging.getLogger(__name__)

EVALUATION_FILE = "evaluation.json"
SCORES_FILE = "scores.csv"


def evaluate(folder: Path, manifest_path: Path, split: Split, out: Path, seed: int = 17) -> dict[str, Any]:
    """Measure a model folder on a split; writes evaluation.json, scores.csv and report.html into `out`.

    Raises:
        TrainingError: the split has no photo; ReleaseError, ManifestError for what is read.
    """
    classifier = Classifier.load(folder)
    manifest = read_manifest(manifest_path)
    if not manifest.split(split):
        raise TrainingError(f"{manifest_path}: split {split} has no photo; choose another of {', '.join(SPLITS)}")
    scored = score_split(classifier, manifest, split)
    outside = score_split(classifier, manifest, "ood")
    evaluation = measure(classifier, scored, seed) | {
        "model": {"name": classifier.card.name, "version": classifier.card.version},
        "card_sha256": classifier.card.fingerprint(),
        "data": {"fingerprint": manifest.fingerprint(), "split": split},
        "seed": seed,
    }
    if outside.photos:
        evaluation["outside_the_problems"] = _verdict_shares(_decide(classifier, outside))
    write_json(evaluation, out / EVALUATION_FILE)
    _write_scores(classifier, scored, out / SCORES_FILE)
    write_report(evaluation, scored.labels, _scores(classifier, scored), classifier.card, out)
    return evaluation


def measure(classifier: Classifier, scored: ScoredPhotos, seed: int) -> dict[str, Any]:
    """All figures of one set of photos, as plain JSON values."""
    labels = classifier.card.labels
    scores = _scores(classifier, scored)
    decisions = _decide(classifier, scored)
    found = np.array([[label in decision.problems for label in labels] for decision in decisions]).reshape(scores.shape)
    problems = {
        label: _measure_problem(scored.labels[:, column], scores[:, column], found[:, column], seed)
        for column, label in enumerate(labels)
    }
    columns = [column for column in range(len(labels)) if (scored.labels[:, column] == 1).any()]

    def macro_f1(rows: npt.NDArray[np.intp]) -> float:
        each = [precision_recall_f1(scored.labels[rows, column], found[rows, column])[2] for column in columns]
        return float(np.nanmean(each)) if columns else math.nan

    return {
        "photos": len(scored.photos),
        "problems": problems,
        "macro_f1": bootstrap(macro_f1, len(scored.photos), seed).to_json(),
        "macro_average_precision": _round(
            _mean([problem["average_precision"]["value"] for problem in problems.values()])
        ),
        "normal_photos": _measure_normal(scored, decisions, labels),
        **_verdict_shares(decisions),
        "answered": _measure_answered(scored, decisions, labels),
        "same_place": measure_same_place(scored, classifier.card.same_place, seed),
        "sources": _measure_sources(scored, scores, found, decisions, labels),
    }


def _scores(classifier: Classifier, scored: ScoredPhotos) -> npt.NDArray[np.float32]:
    return classifier.calibrate(scored.logits)


def _decide(classifier: Classifier, scored: ScoredPhotos) -> list[Decision]:
    return [classifier.decide(row) for row in _scores(classifier, scored)]


def _measure_problem(
    labels: npt.NDArray[np.floating], scores: npt.NDArray[np.floating], found: npt.NDArray[np.bool_], seed: int
) -> dict[str, Any]:
    def part(index: int) -> Interval:
        return bootstrap(lambda rows: precision_recall_f1(labels[rows], found[rows])[index], len(labels), seed)

    return {
        "positives": int((labels == 1).sum()),
        "judged": int((~np.isnan(labels)).sum()),
        "precision": part(0).to_json(),
        "recall": part(1).to_json(),
        "f1": part(2).to_json(),
        "average_precision": bootstrap(
            lambda rows: average_precision(labels[rows], scores[rows]), len(labels), seed
        ).to_json(),
        "expected_calibration_error": _round(expected_calibration_error(labels, scores)),
    }


def _measure_normal(scored: ScoredPhotos, decisions: list[Decision], labels: tuple[str, ...]) -> dict[str, Any]:
    """What is said of photos that were collected as showing none of the problems."""
    said = [decision for photo, decision in zip(scored.photos, decisions, strict=True) if photo.kind == NO_ISSUE]
    return {
        "photos": len(said),
        "false_alarms": proportion(sum(d.verdict is Verdict.PROBLEM for d in said), len(said)).to_json(),
        "review": proportion(sum(d.verdict is Verdict.REVIEW for d in said), len(said)).to_json(),
        "false_alarms_by_problem": {label: sum(label in d.problems for d in said) for label in labels},
    }


def _measure_answered(scored: ScoredPhotos, decisions: list[Decision], labels: tuple[str, ...]) -> dict[str, Any]:
    """Of the photos not left to a person: how often everything said about the judged problems is right."""
    right = answered = 0
    for row, decision in zip(scored.labels, decisions, strict=True):
        if decision.verdict is Verdict.REVIEW:
            continue
        answered += 1
        right += all(
            math.isnan(truth) or (truth == 1) == (label in decision.problems)
            for label, truth in zip(labels, row, strict=True)
        )
    return {"photos": answered, "exactly_right": proportion(right, answered).to_json()}


def _measure_sources(
    scored: ScoredPhotos,
    scores: npt.NDArray[np.floating],
    found: npt.NDArray[np.bool_],
    decisions: list[Decision],
    labels: tuple[str, ...],
) -> list[dict[str, Any]]:
    rows = []
    for kind, source in sorted({(photo.kind, photo.source) for photo in scored.photos}):
        chosen = np.array([(photo.kind, photo.source) == (kind, source) for photo in scored.photos])
        said = [decision for decision, keep in zip(decisions, chosen, strict=True) if keep]
        problems = {}
        for column, label in enumerate(labels):
            truth = scored.labels[chosen, column]
            positives = int((truth == 1).sum())
            precision, _, f1 = precision_recall_f1(truth, found[chosen, column])
            if positives:
                hits = int((found[chosen, column] & (truth == 1)).sum())
                problems[label] = {
                    "positives": positives,
                    "precision": _round(precision),
                    "recall": proportion(hits, positives).to_json(),
                    "f1": _round(f1),
                    "average_precision": _round(average_precision(truth, scores[chosen, column])),
                }
        rows.append(
            {
                "kind": kind,
                "source": source,
                "photos": len(said),
                "problems": problems,
                "found": {label: int(found[chosen, column].sum()) for column, label in enumerate(labels)},
                **_verdict_shares(said),
            }
        )
    return rows


def _verdict_shares(decisions: list[Decision]) -> dict[str, Any]:
    counted = {verdict: sum(decision.verdict is verdict for decision in decisions) for verdict in Verdict}
    return {
        "verdicts": {str(verdict): proportion(count, len(decisions)).to_json() for verdict, count in counted.items()}
    }


def _write_scores(classifier: Classifier, scored: ScoredPhotos, path: Path) -> None:
    """One row a photo: what was judged and what was scored, to look for mistakes in a table program."""
    labels = classifier.card.labels
    header = ["file", "source", *(f"{label}_label" for label in labels), *(f"{label}_score" for label in labels)]
    lines = [",".join(header)]
    for photo, truth, row in zip(scored.photos, scored.labels, _scores(classifier, scored), strict=True):
        judged = ["" if math.isnan(value) else str(int(value)) for value in truth]
        lines.append(",".join([photo.file, photo.source, *judged, *(f"{score:.4f}" for score in row)]))
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _mean(values: list[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else math.nan


def _round(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
