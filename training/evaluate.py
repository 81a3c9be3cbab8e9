"""How good a model folder is on one split: per problem, per source, on normal photos and on photos of other things.

Every score and every "found" is what `model.Classifier` says of the photo file: what is measured is what is served.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from datasets.manifest import NO_ISSUE, SPLITS, Split, read_manifest
from model.card import ModelCard
from model.classifier import Classifier
from model.decision import Verdict
from model.files import replacing, write_json
from training.cases import measure_cases
from training.confidence import confidence, measure_coverage
from training.errors import TrainingError
from training.groups import count_said, measure_sources, round_or_null, verdict_shares
from training.metrics import (
    Interval,
    area_under_roc,
    average_precision,
    between,
    bootstrap,
    count_resamples,
    expected_calibration_error,
    false_positives_at,
    macro_f1,
    precision_recall_f1,
    proportion,
)
from training.mistakes import group_mistakes, wrong_labels
from training.report import write_report
from training.robustness import ROBUSTNESS_FILE, load_robustness
from training.same_place import measure_same_place
from training.scoring import DecidedPhotos, decide_photos, score_split

EVALUATION_FILE = "evaluation.json"
SCORES_FILE = "scores.csv"

Familiarity = Callable[[DecidedPhotos], npt.NDArray[np.floating]]
"""Photos → (photos,) how much each looks like one of the problems, on any scale."""


def highest_score(decided: DecidedPhotos) -> npt.NDArray[np.floating]:
    """(photos,) the highest calibrated score among the problems."""
    return decided.scores.max(axis=1)


def evaluate(
    folder: Path,
    manifest_path: Path,
    split: Split,
    out: Path,
    seed: int = 17,
    *,
    robustness: Path | None = None,
    familiarity: Familiarity = highest_score,
) -> dict[str, Any]:
    """Measure a model folder on a split; writes evaluation.json, scores.csv, evaluation.svg and report.html into `out`.

    Args:
        robustness: what `python -m training robustness` wrote; by default the one in `out`, where there is one.
        familiarity: by which photos that show a problem are told from photos outside the problems.

    Raises:
        TrainingError: the split has no photo, or `robustness` is of another model or other photos; ReleaseError,
            ManifestError for what is read.
    """
    classifier = Classifier.load(folder)
    card = classifier.card
    manifest = read_manifest(manifest_path)
    if not manifest.split(split):
        raise TrainingError(f"{manifest_path}: split {split} has no photo; choose another of {', '.join(SPLITS)}")
    if robustness is None and (out / ROBUSTNESS_FILE).is_file():
        robustness = out / ROBUSTNESS_FILE
    disturbed = load_robustness(robustness, card, manifest.fingerprint()) if robustness else None
    decided = decide_photos(classifier, score_split(classifier, manifest, split))
    outside = decide_photos(classifier, score_split(classifier, manifest, "ood"))
    evaluation = measure(card, decided, seed) | {
        "model": {"name": card.name, "version": card.version},
        "card_sha256": card.fingerprint(),
        "data": {"fingerprint": manifest.fingerprint(), "split": split},
        "seed": seed,
    }
    if outside.photos:
        evaluation["outside_the_problems"] = _measure_outside(decided, outside, card.labels, familiarity, seed)
    if disturbed:
        evaluation["robustness"] = disturbed
    write_json(evaluation, out / EVALUATION_FILE)
    _write_scores(decided, card.labels, out / SCORES_FILE)
    write_report(evaluation, decided, card, out)
    return evaluation


def measure(card: ModelCard, decided: DecidedPhotos, seed: int) -> dict[str, Any]:
    """All figures of one set of photos, as plain JSON values."""
    labels = card.labels
    photos = len(decided.photos)
    problems = {
        label: _measure_problem(decided.labels[:, column], decided.scores[:, column], decided.found[:, column], seed)
        for column, label in enumerate(labels)
    }
    all_f1 = macro_f1(decided.labels, decided.found, count_resamples(photos, seed))
    right = ~wrong_labels(decided.labels, decided.found).any(axis=1)
    sure = confidence(decided.scores, [card.thresholds[label].upper for label in labels])
    sure[[bool(getattr(decision, "quality", ())) for decision in decided.decisions]] = 0  # nothing can be read there
    return {
        "photos": photos,
        "problems": problems,
        "macro_f1": between(float(macro_f1(decided.labels, decided.found, np.ones((1, photos)))[0]), all_f1).to_json(),
        "macro_average_precision": round_or_null(
            _mean([problem["average_precision"]["value"] for problem in problems.values()])
        ),
        "expected_calibration_error": _measure_calibration(decided.labels, decided.scores, seed),
        "normal_photos": _measure_normal(decided, labels),
        **verdict_shares(decided.decisions),
        "answered": _measure_answered(decided, right),
        "coverage": measure_coverage(right, sure, seed),
        "same_place": measure_same_place(decided.scored, card.same_place, seed),
        "cases": measure_cases(decided, card, seed),
        "kinds": count_said(decided, labels),
        "mistakes": group_mistakes(decided, labels),
        "sources": measure_sources(decided, labels),
    }


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
        "expected_calibration_error": _measure_calibration(labels, scores, seed),
    }


def _measure_calibration(
    labels: npt.NDArray[np.floating], scores: npt.NDArray[np.floating], seed: int
) -> dict[str, float | None]:
    return bootstrap(lambda rows: expected_calibration_error(labels[rows], scores[rows]), len(labels), seed).to_json()


def _measure_normal(decided: DecidedPhotos, labels: tuple[str, ...]) -> dict[str, Any]:
    """What is said of photos that were collected as showing none of the problems."""
    said = [
        decision for photo, decision in zip(decided.photos, decided.decisions, strict=True) if photo.kind == NO_ISSUE
    ]
    return {
        "photos": len(said),
        "false_alarms": proportion(sum(d.verdict is Verdict.PROBLEM for d in said), len(said)).to_json(),
        "review": proportion(sum(d.verdict is Verdict.REVIEW for d in said), len(said)).to_json(),
        "false_alarms_by_problem": {label: sum(label in d.problems for d in said) for label in labels},
    }


def _measure_answered(decided: DecidedPhotos, right: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Of the photos not left to a person: how often everything said about the judged problems is right."""
    answered = np.array([decision.verdict is not Verdict.REVIEW for decision in decided.decisions], dtype=bool)
    photos = int(answered.sum())
    return {"photos": photos, "exactly_right": proportion(int(right[answered].sum()), photos).to_json()}


def _measure_outside(
    decided: DecidedPhotos, outside: DecidedPhotos, labels: tuple[str, ...], familiarity: Familiarity, seed: int
) -> dict[str, Any]:
    """What is said of photos outside the problems, and how well they are told from those that show a problem."""
    shown = (decided.labels == 1).any(axis=1)
    scores = np.concatenate([familiarity(decided)[shown], familiarity(outside)])
    inside = int(shown.sum())

    def told(figure: Callable[[Any, Any], float]) -> Interval:
        return bootstrap(
            lambda rows: figure(scores[rows[rows < inside]], scores[rows[rows >= inside]]), len(scores), seed
        )

    return {
        "photos": len(outside.photos),
        **verdict_shares(outside.decisions),
        "told_by": familiarity.__name__,
        "auroc": told(area_under_roc).to_json(),
        "false_positives_at_95": told(false_positives_at).to_json(),
        "kinds": count_said(outside, labels),
    }


def _write_scores(decided: DecidedPhotos, labels: tuple[str, ...], path: Path) -> None:
    """One row a photo: what was judged and what was scored, to look for mistakes in a table program."""
    header = ["file", "source", *(f"{label}_label" for label in labels), *(f"{label}_score" for label in labels)]
    lines = [",".join(header)]
    for photo, truth, row in zip(decided.photos, decided.labels, decided.scores, strict=True):
        judged = ["" if math.isnan(value) else str(int(value)) for value in truth]
        lines.append(",".join([photo.file, photo.source, *judged, *(f"{score:.4f}" for score in row)]))
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _mean(values: list[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else math.nan
