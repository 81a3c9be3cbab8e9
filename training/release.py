"""A measured model folder → `model/released/<version>/`: the gate, the folder and its README.

A model is released with the figures it was measured with; the gate refuses one that is worse than the model in use.
"""

import json
import logging
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from model.card import README_FILE, ModelCard, load_card, save_card
from model.classifier import RELEASED_FOLDER, Classifier
from model.files import replacing
from training.errors import TrainingError
from training.evaluate import EVALUATION_FILE
from training.model_card import write_model_card
from training.report import PLOT_FILE
from training.tables import interval_text

log = logging.getLogger(__name__)

_VERSION = re.compile(r"\d+\.\d+\.\d+")


def release(
    folder: Path,
    evaluation_folder: Path,
    version: str,
    released: Path = RELEASED_FOLDER,
    *,
    left_out: Path | None = None,
) -> Path:
    """Copy a model folder to its place, with its figures, and make it the model in use.

    Args:
        evaluation_folder: what `python -m training evaluate` wrote for this very folder on the test split.
        left_out: what `python -m training leave-out` wrote for the same recipe and photos.
        released: where released models stand, with the file `current` that names the one in use.

    Raises:
        TrainingError: the version exists, the evaluation is of other photos or another model, or the gate refuses.
    """
    target = released / version
    if not _VERSION.fullmatch(version):
        raise TrainingError(f"version {version!r} must be three numbers with dots, such as 1.0.0")
    if target.exists():
        raise TrainingError(f"{target}: exists already; a released model never changes, choose the next version")
    card = Classifier.load(folder).card
    evaluation = _load_evaluation(evaluation_folder, card)
    _hold_gate(evaluation, released)
    if left_out is not None:
        evaluation["left_out"] = _load_left_out(left_out, card)
    card = replace(
        card, version=version, evaluation={key: value for key, value in evaluation.items() if key != "model"}
    )
    with replacing(target) as temporary:
        temporary.mkdir(parents=True)
        for name in card.sha256:
            shutil.copyfile(folder / name, temporary / name)
        shutil.copyfile(evaluation_folder / PLOT_FILE, temporary / PLOT_FILE)
        save_card(card, temporary)
        (temporary / README_FILE).write_text(write_model_card(card), encoding="utf-8")
        Classifier.load(temporary)
    with replacing(released / "current") as temporary:
        temporary.write_text(version + "\n", encoding="utf-8")
    log.info("%s is released and in use; to go back, write the earlier version into %s", target, released / "current")
    return target


def _load_evaluation(folder: Path, card: ModelCard) -> dict[str, Any]:
    path = folder / EVALUATION_FILE
    if not path.is_file():
        raise TrainingError(f"{path} is missing; make it first: python -m training evaluate")
    evaluation: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if evaluation["data"]["split"] != "test":
        raise TrainingError(f"{path}: is of split {evaluation['data']['split']}, a release needs the test split")
    if evaluation["card_sha256"] != card.fingerprint():
        raise TrainingError(f"{path}: is of another model folder or from before calibration; run evaluate again")
    return evaluation


def _load_left_out(path: Path, card: ModelCard) -> dict[str, Any]:
    try:
        figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path}: cannot be read ({error}); make it: python -m training leave-out") from error
    if figures["data_fingerprint"] != card.data["fingerprint"]:
        raise TrainingError(
            f"{path}: is of other photos than {card.name} learned from; run leave-out on the same manifest"
        )
    return figures


def _hold_gate(evaluation: Mapping[str, Any], released: Path) -> None:
    """Refuse a model worse than the interval of the one in use, on the same photos, in macro F1 or false alarms."""
    current = released / "current"
    if not current.is_file():
        return
    before = load_card(released / current.read_text(encoding="utf-8").strip()).evaluation
    if before.get("data") != evaluation["data"]:
        log.warning("the model in use was measured on other photos, so the two are not compared")
        return
    if evaluation["macro_f1"]["value"] < before["macro_f1"]["low"]:
        raise TrainingError(
            f"macro F1 {evaluation['macro_f1']['value']} lies below the interval of the model in use "
            f"({interval_text(before['macro_f1'])}); it is not released"
        )
    alarms, known = (measured["normal_photos"]["false_alarms"] for measured in (evaluation, before))
    if alarms["value"] > known["high"]:
        raise TrainingError(
            f"false alarms on normal photos {alarms['value']} lie above the interval of the model in use "
            f"({interval_text(known)}); it is not released"
        )
