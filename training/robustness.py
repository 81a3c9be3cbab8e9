"""How a model folder holds up on worse photos, and whether it says the same of the same photo sent or framed otherwise.

Every changed photo becomes a file again and goes the whole road of serving: bytes, `Classifier.classify`, decision.
Photos longer than GRAIN_SIDE pixels are reduced to that first, so that a set of large photos takes no longer.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from datasets.manifest import NO_ISSUE, LabelledPhoto, Split, read_manifest
from datasets.photos import for_each_photo
from model.card import ModelCard
from model.classifier import Classifier
from model.decision import Decision, Verdict
from model.errors import PhotoError
from model.files import write_json
from model.preprocessing import read_photo
from training.corruptions import CORRUPTIONS, grain_dimensions
from training.errors import TrainingError
from training.metrics import Floats, Interval, between, count_resamples, macro_f1, proportion
from training.retakes import ENCODINGS, FRAMINGS, encode_exactly
from training.scoring import check_labels, found_array, unreadable

ROBUSTNESS_FILE = "robustness.json"

Change = tuple[str, int]
"""Name of a corruption and its severity; of a retake, or of nothing at all, and 0."""
UNCHANGED: Change = ("unchanged", 0)


def measure_robustness(
    folder: Path, manifest_path: Path, split: Split, severities: Sequence[int], out: Path, seed: int = 17
) -> dict[str, Any]:
    """Measure a model folder on changed photos of a split; writes robustness.json into `out`.

    Raises:
        TrainingError: the split has no photo, or one that cannot be read; ReleaseError, ManifestError for what is read.
    """
    classifier = Classifier.load(folder)
    manifest = read_manifest(manifest_path)
    check_labels(classifier, manifest)
    photos = manifest.split(split)
    if not photos:
        raise TrainingError(f"{manifest_path}: split {split} has no photo to change; choose another")

    def decide(numbered: tuple[int, LabelledPhoto]) -> dict[Change, Decision]:
        number, photo = numbered
        try:
            image = read_photo(photo.path.read_bytes())
        except (OSError, PhotoError) as error:
            raise unreadable(photo, error) from error
        return _decide_changed(classifier, image, severities, (seed, number))

    rows = for_each_photo(decide, list(enumerate(photos)), "changing")
    decisions = {change: [row[change] for row in rows] for change in rows[0]}
    normal = np.array([photo.kind == NO_ISSUE for photo in photos])
    robustness = {
        "model": {"name": classifier.card.name, "version": classifier.card.version},
        "card_sha256": classifier.card.fingerprint(),
        "precision": classifier.precision,
        "data": {"fingerprint": manifest.fingerprint(), "split": split},
        "seed": seed,
        "photos": len(photos),
        **_measure_corruptions(decisions, manifest.label_array(photos), manifest.labels, normal, seed),
        "stability": {
            name: _measure_stability(decisions, list(retakes))
            for name, retakes in (("encodings", ENCODINGS), ("framings", FRAMINGS))
        },
    }
    write_json(robustness, out / ROBUSTNESS_FILE)
    return robustness


def load_robustness(path: Path, card: ModelCard, data_fingerprint: str) -> dict[str, Any]:
    """What `measure_robustness` wrote, if it is of this model and these photos.

    Raises:
        TrainingError: it is missing, or of another model or other photos.
    """
    if not path.is_file():
        raise TrainingError(f"{path} is missing; make it first: python -m training robustness")
    robustness: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if robustness["card_sha256"] != card.fingerprint():
        raise TrainingError(
            f"{path}: is of another model folder or from before calibration; run robustness again, or remove it"
        )
    if robustness["data"]["fingerprint"] != data_fingerprint:
        raise TrainingError(f"{path}: is of other photos; run robustness again with this manifest, or remove it")
    return robustness


def _decide_changed(
    classifier: Classifier, image: Image.Image, severities: Sequence[int], seed: tuple[int, int]
) -> dict[Change, Decision]:
    """What is said of one photo, of each corruption of it and of each retake."""
    if image.size != grain_dimensions(image):
        image = image.resize(grain_dimensions(image), Image.Resampling.LANCZOS)
    files = {UNCHANGED: encode_exactly(image)}
    for place, (name, corruption) in enumerate(CORRUPTIONS.items()):
        for severity in severities:
            rng = np.random.default_rng([*seed, place])  # the same for each severity
            files[name, severity] = encode_exactly(corruption(image, severity, rng))
    files |= {(name, 0): retake(image) for name, retake in (ENCODINGS | FRAMINGS).items()}
    return {change: classifier.classify([file])[0].decision for change, file in files.items()}


def _measure_corruptions(
    decisions: Mapping[Change, Sequence[Decision]],
    truth: npt.NDArray[np.float32],
    labels: tuple[str, ...],
    normal: npt.NDArray[np.bool_],
    seed: int,
) -> dict[str, Any]:
    """Macro F1 and its share of the unchanged photos' in the same resamples; what is said of normal photos."""
    times = np.concatenate([np.ones((1, len(truth))), count_resamples(len(truth), seed)])  # first: each photo once
    f1 = {
        change: macro_f1(truth, found_array(said, labels), times)
        for change, said in decisions.items()
        if change == UNCHANGED or change[0] in CORRUPTIONS
    }
    clean = f1.pop(UNCHANGED)
    share = {
        change: np.divide(value, clean, out=np.full_like(value, np.nan), where=clean > 0)
        for change, value in f1.items()
    }
    corruptions: dict[str, dict[str, Any]] = {name: {} for name in CORRUPTIONS}
    for (name, severity), value in f1.items():
        corruptions[name][str(severity)] = {
            "macro_f1": _first_between(value).to_json(),
            "share_of_unchanged": _first_between(share[name, severity]).to_json(),
            **_measure_verdicts(decisions[name, severity], normal),
        }
    severities = sorted({severity for _, severity in f1})
    return {
        "unchanged": {"macro_f1": _first_between(clean).to_json(), **_measure_verdicts(decisions[UNCHANGED], normal)},
        "corruptions": corruptions,
        "mean": {
            str(severity): {
                name: _first_between(
                    np.mean([values[corruption, severity] for corruption in CORRUPTIONS], axis=0)
                ).to_json()
                for name, values in (("macro_f1", f1), ("share_of_unchanged", share))
            }
            for severity in severities
        },
    }


def _first_between(values: Floats) -> Interval:
    """(1 + resamples,) the figure itself, then that of each resample."""
    return between(float(values[0]), values[1:])


def _measure_verdicts(said: Sequence[Decision], normal: npt.NDArray[np.bool_]) -> dict[str, Any]:
    alarms = sum(d.verdict is Verdict.PROBLEM for d, is_normal in zip(said, normal, strict=True) if is_normal)
    return {
        "review": proportion(sum(d.verdict is Verdict.REVIEW for d in said), len(said)).to_json(),
        "false_alarms": proportion(alarms, int(normal.sum())).to_json(),
    }


def _measure_stability(decisions: Mapping[Change, Sequence[Decision]], retakes: Sequence[str]) -> dict[str, Any]:
    """Of each retake, and of all: the share of photos with the same verdict, and with the same problems in it too."""
    verdict, problems = {}, {}
    for name in retakes:
        pairs = list(zip(decisions[UNCHANGED], decisions[name, 0], strict=True))
        verdict[name] = [one.verdict is other.verdict for one, other in pairs]
        problems[name] = [
            one.verdict is other.verdict and set(one.problems) == set(other.problems) for one, other in pairs
        ]
    for same in (verdict, problems):
        same["all"] = [all(each) for each in zip(*same.values(), strict=True)]
    return {
        name: {
            "verdict": proportion(sum(verdict[name]), len(verdict[name])).to_json(),
            "verdict_and_problems": proportion(sum(problems[name]), len(problems[name])).to_json(),
        }
        for name in verdict
    }
