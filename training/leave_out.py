"""Leave-origins-out: what the released recipe gives on places it never saw.

Each fold trains, exports and calibrates without the origins of that fold, as a district's first model would be made,
then answers the photos of just those origins. The test split stays out of it, so recipes may be compared by it.

    python -m training leave-out --manifest ../shared/photos/manifest.csv --out runs/left-out --stages 160:5
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from datasets.folds import Fold, read_folds
from datasets.manifest import NO_ISSUE, Manifest, read_manifest
from model.card import WEIGHTS_FILE, file_sha256
from model.classifier import Classifier
from model.files import write_json
from training.calibrate import calibrate
from training.config import TrainingConfig, read_run
from training.export import export
from training.metrics import (
    area_under_roc,
    average_precision,
    bootstrap,
    expected_calibration_error,
    false_positives_at,
    precision_recall_f1,
    proportion,
)
from training.refit import refit
from training.scoring import DecidedPhotos, decide_photos, score_split
from training.soup import soup
from training.train import CHECKPOINT_FILE, fit, regions_sha256

LEFT_OUT_FILE = "left_out.json"
SCORES_FILE = "left_out.npz"  # of one fold: names of the photos and their logits, to try other thresholds
RECALL = 0.9  # at which the false alarms on normal photos are counted, whatever the threshold
LEAST_POSITIVES = 20  # left-out photos that show a problem; an F1 of fewer says nothing


def leave_out(
    config: TrainingConfig,
    folds_path: Path,
    out: Path,
    members: Sequence[float] = (),
    *,
    refitted: bool = False,
    weak_labels: Path | None = None,
) -> dict[str, Any]:
    """Train once a fold and measure each model on the origins it did not see; writes left_out.json into `out`.

    A run that was stopped goes on where it was.

    Args:
        members: share of mosaics of each run of a soup, the first with the seed of `config`, the next with the next;
            by default one run as `config` says.
        refitted: whether the last layer is fitted anew, see refit.py.
        weak_labels: a file of labels that neither a last layer that is fitted anew nor scores and thresholds are
            fitted to; they are measured with all the same.

    Raises:
        FoldsInvalid, ManifestError, WeakLabelsInvalid, TrainingError: for what is read and trained.
    """
    manifest = read_manifest(config.manifest)
    seen = tuple(photo for photo in manifest.photos if photo.split in ("train", "val"))
    folds = read_folds(folds_path, seen)
    answered = {}
    for fold in folds:
        fold_config = replace(config, leave_out=fold.origins)
        each = [replace(fold_config, mosaics=share, seed=config.seed + place) for place, share in enumerate(members)]
        classifier = _classifier_of(each or [fold_config], out / fold.name, refitted, weak_labels)
        left = tuple(replace(photo, split="val") for photo in seen if fold.holds(photo))
        scored = score_split(classifier, replace(manifest, photos=left), "val")
        answered[fold] = decide_photos(classifier, scored)
        np.savez(out / fold.name / SCORES_FILE, files=[photo.file for photo in left], logits=scored.logits)
    settings = {"members": list(members), "refit": refitted, "weak_labels": weak_labels.name if weak_labels else ""}
    figures = _measure(answered, config, manifest) | settings
    write_json(figures, out / LEFT_OUT_FILE)
    return figures


def _classifier_of(
    members: Sequence[TrainingConfig], run: Path, refitted: bool, weak_labels: Path | None
) -> Classifier:
    runs = [run / f"seed-{member.seed}" for member in members]
    for member, place in zip(members, runs, strict=True):
        if not (place / WEIGHTS_FILE).is_file():
            fit(member, place, resume=(place / CHECKPOINT_FILE).is_file())
    made = read_run(run) if (run / "model").is_dir() else None
    fitted_to = regions_sha256(members[0]) if refitted else ""
    fitted_without = file_sha256(weak_labels) if refitted and weak_labels else ""
    wanted = (tuple(members), refitted, fitted_to, fitted_without)
    if made is None or (made.members, bool(made.refit), made.regions_sha256, made.weak_labels_sha256) != wanted:
        soup(runs, run)
        if refitted:
            refit(run, run, weak_labels)
        export(run, run / "model")
    calibrate(run / "model", members[0].manifest, leave_out=members[0].leave_out, weak_labels=weak_labels)
    return Classifier.load(run / "model", precision="fp32")


def _measure(answered: Mapping[Fold, DecidedPhotos], config: TrainingConfig, manifest: Manifest) -> dict[str, Any]:
    folds = [
        _measure_fold(fold, left, replace(config, leave_out=fold.origins), manifest) for fold, left in answered.items()
    ]
    values = [fold["macro_f1"]["value"] for fold in folds]
    problems = [problem for fold in folds for problem in fold["problems"].values()]
    counted = [fold["false_alarms"] for fold in folds]
    return {
        "config": config.told(),
        "data_fingerprint": manifest.fingerprint(),
        "macro_f1_mean": round(float(np.mean(values)), 4),
        "macro_f1_worst": min(values),
        "false_alarms": proportion(sum(c["found"] for c in counted), sum(c["photos"] for c in counted)).to_json(),
        "recall": RECALL,
        **{name: _mean(problem[name] for problem in problems) for name in ("auroc", "false_alarms_at_recall")},
        "expected_calibration_error": _calibration_errors(answered, config, manifest),
        "folds": folds,
    }


def _measure_fold(fold: Fold, left: DecidedPhotos, config: TrainingConfig, manifest: Manifest) -> dict[str, Any]:
    columns = [column for column in _learned(config, manifest) if _positives(left, column) >= LEAST_POSITIVES]
    normal = left.scored.of_kind(NO_ISSUE)
    found = int(left.found[normal][:, _learned(config, manifest)].any(axis=1).sum())

    def macro_f1(rows: npt.NDArray[np.intp]) -> float:
        each = [precision_recall_f1(left.labels[rows, column], left.found[rows, column])[2] for column in columns]
        return float(np.nanmean(each)) if each else math.nan

    return {
        "name": fold.name,
        "macro_f1": bootstrap(macro_f1, len(left.photos), config.seed).to_json(),
        "false_alarms": {"photos": int(normal.sum()), "found": found, **proportion(found, int(normal.sum())).to_json()},
        "problems": {manifest.labels[column]: _measure_problem(left, column) for column in columns},
    }


def _measure_problem(left: DecidedPhotos, column: int) -> dict[str, Any]:
    """Of the left-out photos; `auroc` and `false_alarms_at_recall` compare with normal photos, by logits."""
    labels, found = left.labels[:, column], left.found[:, column]
    logits = left.scored.logits[:, column]
    shown, normal = logits[labels == 1], logits[left.scored.of_kind(NO_ISSUE)]
    precision, recall, f1 = precision_recall_f1(labels, found)
    figures = {"precision": precision, "recall": recall, "f1": f1}
    figures["average_precision"] = average_precision(labels, left.scores[:, column])
    figures["auroc"] = area_under_roc(shown, normal)
    figures["false_alarms_at_recall"] = false_positives_at(shown, normal, RECALL)
    known = {name: None if math.isnan(value) else round(value, 4) for name, value in figures.items()}
    return {"positives": _positives(left, column)} | known


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(float(np.mean(known)), 4) if known else None


def _learned(config: TrainingConfig, manifest: Manifest) -> list[int]:
    """Columns of the problems that some photo which is learned from shows."""
    labels = manifest.label_array(config.learned_from(manifest.split("train")))
    return [column for column in range(len(manifest.labels)) if (labels[:, column] == 1).any()]


def _positives(left: DecidedPhotos, column: int) -> int:
    return int((left.labels[:, column] == 1).sum())


def _calibration_errors(
    answered: Mapping[Fold, DecidedPhotos], config: TrainingConfig, manifest: Manifest
) -> dict[str, float]:
    """Of each problem, over the left-out photos of all folds that learned it."""
    errors = {}
    for column, label in enumerate(manifest.labels):
        judged = [
            left
            for fold, left in answered.items()
            if column in _learned(replace(config, leave_out=fold.origins), manifest)
        ]
        labels = np.concatenate([left.labels[:, column] for left in judged])
        scores = np.concatenate([left.scores[:, column] for left in judged])
        errors[label] = round(expected_calibration_error(labels, scores), 4)
    return errors
