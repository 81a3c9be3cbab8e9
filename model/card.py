"""The card of a released model: everything a program must know to use the ONNX file beside it.

`labels` in their order are the network's outputs in their order; that order is written down nowhere else.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from model.errors import CardInvalid, ReleaseFileChanged, ReleaseFileMissing
from model.files import write_json
from model.preprocessing import RESIZE_RULE

CARD_FORMAT = 1
CARD_FILE = "card.json"
NETWORK_FILE = "model.onnx"
QUANTIZED_FILE = "model.int8.onnx"
WEIGHTS_FILE = "weights.safetensors"
README_FILE = "README.md"

Precision = Literal["fp32", "int8"]
"""Which of the two networks of a folder scores: model.onnx or model.int8.onnx."""


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """Scores from `upper` up are found, from `lower` up to it a person should look, below `lower` is not found."""

    lower: float
    upper: float

    def __post_init__(self) -> None:
        if not 0 <= self.lower <= self.upper <= 1:
            raise ValueError(f"need 0 <= lower <= upper <= 1, found lower {self.lower}, upper {self.upper}")


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """score = sigmoid(scale * logit + offset): Platt scaling (Platt 1999), fitted on the validation split."""

    scale: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.scale) and math.isfinite(self.offset) and self.scale > 0):
            raise ValueError(f"need a finite scale > 0 and a finite offset, found {self.scale}, {self.offset}")

    def scores(self, logits: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Logits of any shape → scores 0-1."""
        return np.asarray(0.5 + 0.5 * np.tanh(0.5 * (self.scale * logits + self.offset)))  # exp would overflow


@dataclass(frozen=True, kw_only=True)
class Familiar:
    """From which cosine with the nearest prototype a photo is like those the model learned from."""

    problem: float
    """With a prototype of a problem: below it more is asked of a score before a problem is found, see `demand`."""
    street: float
    """With any prototype: below it the photo does not seem to show a street."""
    demand: float | None = None
    """By how many logits more a score must lie above its threshold for each unit of cosine that a photo falls short of
    `problem`; None, before 1.10.0: no score is enough, a person should look."""

    def __post_init__(self) -> None:
        if not (-1 <= self.problem <= 1 and -1 <= self.street <= 1):
            raise ValueError(f"familiar needs two cosines, found {self.problem} and {self.street}")
        if self.demand is not None and not 0 <= self.demand < math.inf:
            raise ValueError(f"familiar needs a demand of 0 or more logits, or null, found {self.demand}")

    def discount(self, scores: npt.NDArray[np.floating], cosines: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """(photos,) scores 0-1 and cosines with the nearest prototype of a problem → (photos,) what they are worth.

        What is to be found must be worth as much as its threshold says.
        """
        short = np.maximum(0.0, self.problem - cosines)
        if self.demand is None:
            return np.where(short > 0, 0.0, scores)
        share = np.exp(-self.demand * short)  # of the odds: as many logits less
        return np.asarray(scores * share / (1 - scores + scores * share))


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What a released model is. Checks itself on construction."""

    name: str
    version: str
    labels: tuple[str, ...]
    thresholds: Mapping[str, Threshold]
    calibration: Mapping[str, Calibration]
    input_side: int  # pixels; the network takes (photos, 3, side, side) uint8 RGB
    resize_rule: str = RESIZE_RULE
    precision: Precision = "fp32"  # what is served unless the operator says otherwise
    same_place: float | None = None  # cosine of two photos' features from which they may show the same kind of place
    same_scene: float | None = None  # from which they are two looks at one scene; None: as same_place
    familiar: Familiar | None = None  # needs prototypes.npz; None: every photo counts as familiar
    likeness: Mapping[str, float] = field(default_factory=dict)  # problem key → logits that one of likeness adds
    nearness: Mapping[str, float] = field(default_factory=dict)  # problem key → logits that one of nearness adds
    quantization: Mapping[str, Any] = field(default_factory=dict)  # figures that decided the precision
    data: Mapping[str, Any] = field(default_factory=dict)  # fingerprint of the photos it learned from
    evaluation: Mapping[str, Any] = field(default_factory=dict)  # figures measured on photos it never saw
    sha256: Mapping[str, str] = field(default_factory=dict)  # file name → SHA-256, for model.onnx and the weights

    def __post_init__(self) -> None:
        if not self.labels or len(set(self.labels)) != len(self.labels):
            raise ValueError(f"labels must be distinct and at least one, found {list(self.labels)}")
        for name, per_label in (("thresholds", self.thresholds), ("calibration", self.calibration)):
            if set(per_label) != set(self.labels):
                raise ValueError(f"{name} are for {sorted(per_label)}, the labels are {sorted(self.labels)}")
        for name, weights in (("likeness", self.likeness), ("nearness", self.nearness)):
            if not (set(weights) <= set(self.labels) and all(0 <= weight < math.inf for weight in weights.values())):
                raise ValueError(f"{name} needs a weight of 0 or more for labels, found {dict(weights)}")
        if self.input_side < 32:
            raise ValueError(f"input_side must be at least 32 pixels, found {self.input_side}")
        if self.resize_rule != RESIZE_RULE:
            raise ValueError(f"resize_rule is {self.resize_rule!r}, this version prepares photos by {RESIZE_RULE!r}")
        if self.precision not in ("fp32", "int8"):
            raise ValueError(f"precision must be fp32 or int8, found {self.precision!r}")
        for name, least in (("same_place", self.same_place), ("same_scene", self.same_scene)):
            if least is not None and not 0 < least <= 1:
                raise ValueError(f"{name} must be a cosine above 0 and at most 1, or null, found {least}")

    def fingerprint(self) -> str:
        """Hex SHA-256 of all that decides an answer: the network, calibration, thresholds and input."""
        decisive = {
            key: value
            for key, value in asdict(self).items()
            if key not in ("version", "data", "evaluation", "quantization") and value != {}  # empty: of older cards
        }
        if self.familiar is not None and self.familiar.demand is None:  # an older card
            del decisive["familiar"]["demand"]
        if self.same_scene is None:  # an older card
            del decisive["same_scene"]
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def load_card(folder: Path) -> ModelCard:
    """Read `card.json` of a model folder.

    Raises:
        ReleaseFileMissing: there is none.
        CardInvalid: it is from another version or contradicts itself.
    """
    path = folder / CARD_FILE
    if not path.is_file():
        raise ReleaseFileMissing(folder, CARD_FILE, (CARD_FILE, NETWORK_FILE, WEIGHTS_FILE, README_FILE))
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CardInvalid(str(path), f"is not JSON ({error})", "copy the whole folder again") from error
    found = content.pop("card_format", None) if isinstance(content, dict) else None
    if found != CARD_FORMAT:
        cure = "use the model folder that came with this version of the software"
        raise CardInvalid(str(path), f"card_format is {found}, this version reads {CARD_FORMAT}", cure)
    try:
        content["labels"] = tuple(content["labels"])
        content["thresholds"] = {key: Threshold(**value) for key, value in content["thresholds"].items()}
        content["calibration"] = {key: Calibration(**value) for key, value in content["calibration"].items()}
        if content.get("familiar") is not None:
            content["familiar"] = Familiar(**content["familiar"])
        return ModelCard(**content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CardInvalid(str(path), f"{type(error).__name__}: {error}") from error


def save_card(card: ModelCard, folder: Path) -> Path:
    """Write `card.json`, whole or not at all."""
    path = folder / CARD_FILE
    write_json({"card_format": CARD_FORMAT, **asdict(card)}, path)
    return path


def check_files(card: ModelCard, folder: Path) -> None:
    """Hold each file the card names against its hash.

    Raises:
        ReleaseFileMissing, ReleaseFileChanged, CardInvalid: with the file and the cure.
    """
    if NETWORK_FILE not in card.sha256:
        raise CardInvalid(str(folder / CARD_FILE), f"sha256 names {sorted(card.sha256)}, not {NETWORK_FILE}")
    for name, expected in card.sha256.items():
        path = folder / name
        if not path.is_file():
            raise ReleaseFileMissing(folder, name, (CARD_FILE, *card.sha256))
        if (found := file_sha256(path)) != expected:
            raise ReleaseFileChanged(path, expected, found)


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
