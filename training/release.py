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
from model.problems import load_problems
from training.errors import TrainingError
from training.evaluate import EVALUATION_FILE
from training.report import PLOT_FILE, interval_text, problem_table, source_table

log = logging.getLogger(__name__)

_VERSION = re.compile(r"\d+\.\d+\.\d+")


def release(folder: Path, evaluation_folder: Path, version: str, released: Path = RELEASED_FOLDER) -> Path:
    """Copy a model folder to its place, with its figures, and make it the model in use.

    Args:
        evaluation_folder: what `python -m training evaluate` wrote for this very folder on the test split.
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
    card = replace(
        card, version=version, evaluation={key: value for key, value in evaluation.items() if key != "model"}
    )
    with replacing(target) as temporary:
        temporary.mkdir(parents=True)
        for name in card.sha256:
            shutil.copyfile(folder / name, temporary / name)
        shutil.copyfile(evaluation_folder / PLOT_FILE, temporary / PLOT_FILE)
        save_card(card, temporary)
        (temporary / README_FILE).write_text(_readme(card), encoding="utf-8")
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


def _hold_gate(evaluation: Mapping[str, Any], released: Path) -> None:
    """Refuse a model whose macro F1 lies below the interval of the one in use, measured on the same photos."""
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


def _readme(card: ModelCard) -> str:
    evaluation, problems = card.evaluation, load_problems()
    normal = evaluation["normal_photos"]
    thresholds = [["problem", "a person looks from", "found from"]] + [
        [
            f"{problems[label].name_zh} `{label}`",
            f"{card.thresholds[label].lower:.3f}",
            f"{card.thresholds[label].upper:.3f}",
        ]
        for label in card.labels
    ]
    outside = evaluation.get("outside_the_problems")
    outside_line = (
        f"- photos of other problems (outside the {len(card.labels)}): "
        f"{interval_text(outside['verdicts']['problem'])} called a problem, "
        f"{interval_text(outside['verdicts']['review'])} left to a person\n"
        if outside
        else ""
    )
    same = evaluation.get("same_place")
    same_line = (
        f"- a check of after-photos takes two photos for one place from a cosine of {same['threshold']}: "
        f"{interval_text(same['elsewhere']['passed'])} of {same['elsewhere']['pairs']} pairs from different places, "
        f"{interval_text(same['alike']['passed'])} of {same['alike']['pairs']} pairs that follow each other in a "
        "source. No place was seen before and after the work, so nobody knows how often a cleaned place still passes\n"
        if same
        else ""
    )
    return f"""# {card.name} {card.version}

EfficientNet-Lite0, {card.input_side}x{card.input_side} px, one independent score a problem: {", ".join(card.labels)}.
Served and measured in {card.precision}{_gate_line(card)}.
Written by `python -m training release`; every figure is of the test split ({evaluation["photos"]} photos).
In brackets: 95 % intervals (bootstrap over photos, seed {evaluation["seed"]}; Wilson for shares).

- macro F1 {interval_text(evaluation["macro_f1"])}
- false alarms on {normal["photos"]} normal photos: {interval_text(normal["false_alarms"])};
  left to a person: {interval_text(normal["review"])}
- of all photos, left to a person: {interval_text(evaluation["verdicts"]["review"])}; of the others exactly right:
  {interval_text(evaluation["answered"]["exactly_right"])}
{outside_line}{same_line}
{_markdown(problem_table(evaluation))}

![F1, precision and recall, calibration, sources]({PLOT_FILE})

## What is said from which score

{_markdown(thresholds)}

## Per source

The test photos come from the same collections as the training photos, so a district should expect less on its own
streets until it has trained with its own photos. `datasets/README.md` says what each source is and how it biases.

{_markdown(source_table(evaluation))}
"""


def _gate_line(card: ModelCard) -> str:
    if not card.quantization:
        return " (not quantised)"
    f1 = card.quantization["val_macro_f1"]
    allowed = card.quantization["most_f1_lost"]
    return (
        f": macro F1 on the validation split {f1['int8']:.4f} in int8, {f1['fp32']:.4f} in fp32, {allowed} may be lost"
    )


def _markdown(rows: list[list[str]]) -> str:
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + " --- |" * len(rows[0]), *body])
