"""A released model at work: photo bytes in, decisions out. The one home of onnxruntime."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import onnxruntime

from model.card import NETWORK_FILE, QUANTIZED_FILE, ModelCard, Precision, check_files, load_card
from model.decision import Decision, decide
from model.errors import CardInvalid, LabelMismatch
from model.likeness import SIDE, signatures
from model.preprocessing import PreparedPhoto, prepare_photo, shrink
from model.problems import PROBLEMS_FILE, load_problems

RELEASED_FOLDER = Path(__file__).with_name("released")
CURRENT_FILE = RELEASED_FOLDER / "current"
"""Holds the version in use: going back to an earlier model is a change of this one line."""

FEATURES_OUTPUT = "features"
"""Second output of a network, which those exported before 1.1.0 lack."""


@dataclass(frozen=True, kw_only=True)
class ClassifiedPhoto:
    """What is said of one photo, and its upright dimensions; when described, also what it looks like."""

    decision: Decision
    width: int
    height: int
    signature: npt.NDArray[np.float32] | None = field(default=None, compare=False)
    """(FREQUENCIES²,) float32 of the whole photo, see model/likeness.py; None unless described."""
    features: npt.NDArray[np.float16] | None = field(default=None, compare=False)
    """(1280,) float16, what the network saw before it scored; None unless described, or if the network hides it."""
    decode_seconds: float = field(default=0.0, compare=False)
    """What it took to make the network's input of the file; 0 where nobody measured."""
    infer_seconds: float = field(default=0.0, compare=False)
    """What it took from there to the decision."""


def current_release() -> Path:
    """The folder of the model in use, `released/<version named in released/current>`.

    Raises:
        CardInvalid: no version is named.
    """
    version = CURRENT_FILE.read_text(encoding="utf-8").strip() if CURRENT_FILE.is_file() else ""
    if not version:
        raise CardInvalid(str(CURRENT_FILE), "names no version", "write the name of a folder beside it into this file")
    return RELEASED_FOLDER / version


def has_vnni(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this processor adds 8-bit products in 32 bits, as far as the system tells (Linux does)."""
    return cpuinfo.is_file() and "vnni" in cpuinfo.read_text(encoding="utf-8", errors="replace")


class Classifier:
    """Classifies photos by one model folder. Threads may share it: a call keeps no state and releases the GIL."""

    def __init__(self, card: ModelCard, session: onnxruntime.InferenceSession, precision: Precision) -> None:
        self.card = card
        self.precision = precision
        self._session = session
        self._shows_features = any(given.name == FEATURES_OUTPUT for given in session.get_outputs())

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1, precision: Precision | None = None) -> Self:
        """Load a model folder and check all of it.

        Args:
            threads: used within one call; with several callers at once 1 gives the most photos a second.
            precision: of the network; by default the one that the card says is served, but fp32 on a processor
                without VNNI: there 8-bit products are added up in 16 bits, overflow, and change the scores.

        Raises:
            ReleaseError: one of its kinds, saying what is wrong with the folder and what to do.
        """
        card = load_card(folder)
        check_files(card, folder)
        if unknown := [label for label in card.labels if label not in load_problems()]:
            cure = "add a table for it, or use the model folder that came with this version"
            raise CardInvalid(str(folder), f"label {unknown[0]!r} is no problem of {PROBLEMS_FILE.name}", cure)
        chosen = precision or (card.precision if has_vnni() else "fp32")
        network = folder / (QUANTIZED_FILE if chosen == "int8" else NETWORK_FILE)
        if network.name not in card.sha256:
            cure = "use fp32, or add it: python -m training quantize"
            raise CardInvalid(str(folder), f"has no network in int8 ({network.name})", cure)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # spinning costs 5-20 % CPU a photo
        try:
            session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own exception types share no public base
            raise CardInvalid(str(network), f"cannot be loaded by onnxruntime ({error})") from error
        _check_signature(network, card, session)
        return cls(card, session, chosen)

    def prepare(self, photo: bytes) -> PreparedPhoto:
        """Photo bytes → this model's input.

        Raises:
            PhotoError: the bytes are not a usable photo.
        """
        return prepare_photo(photo, self.card.input_side)

    def logits(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(photos, 3, side, side) uint8 RGB → (photos, labels) float32, before calibration."""
        (logits,) = self._session.run(["logits"], {"pixels": pixels})
        return np.asarray(logits, dtype=np.float32)

    def look(self, pixels: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
        """(photos, 3, side, side) uint8 RGB → logits as above, and (photos, 1280) float32 features if it shows them."""
        if not self._shows_features:
            return self.logits(pixels), None
        logits, features = self._session.run(["logits", FEATURES_OUTPUT], {"pixels": pixels})
        return np.asarray(logits, dtype=np.float32), np.asarray(features, dtype=np.float32)

    def calibrate(self, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(photos, labels) logits → (photos, labels) float32 probabilities 0-1, in the order of the card."""
        columns = [self.card.calibration[label].scores(logits[:, i]) for i, label in enumerate(self.card.labels)]
        return np.stack(columns, axis=1).astype(np.float32)

    def scores(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(photos, 3, side, side) uint8 RGB → (photos, labels) float32 probabilities 0-1, in the order of the card."""
        return self.calibrate(self.logits(pixels))

    def decide(self, scores: npt.NDArray[np.float32]) -> Decision:
        """(labels,) scores of one photo → what is said of it."""
        by_label: Mapping[str, float] = dict(zip(self.card.labels, scores.tolist(), strict=True))
        return decide(by_label, self.card)

    def classify(self, photos: Sequence[bytes]) -> list[ClassifiedPhoto]:
        """Photo files → one answer each, in order. One photo at a time: batches gain nothing on CPU.

        Raises:
            PhotoError: one of them is not a usable photo.
        """
        return [self._classify_one(photo) for photo in photos]

    def describe(self, photos: Sequence[bytes]) -> list[ClassifiedPhoto]:
        """Like `classify`, with signature and features: what a case keeps to be compared with later photos.

        Raises:
            PhotoError: one of them is not a usable photo.
        """
        return [self._describe_one(photo) for photo in photos]

    def _classify_one(self, photo: bytes) -> ClassifiedPhoto:
        started = time.perf_counter()
        prepared = self.prepare(photo)
        decoded = time.perf_counter()
        return ClassifiedPhoto(
            decision=self.decide(self.scores(prepared.pixels[None])[0]),
            width=prepared.width,
            height=prepared.height,
            decode_seconds=decoded - started,
            infer_seconds=time.perf_counter() - decoded,
        )

    def _describe_one(self, photo: bytes) -> ClassifiedPhoto:
        started = time.perf_counter()
        prepared = self.prepare(photo)
        decoded = time.perf_counter()
        logits, features = self.look(prepared.pixels[None])
        return ClassifiedPhoto(
            decision=self.decide(self.calibrate(logits)[0]),
            width=prepared.width,
            height=prepared.height,
            signature=signatures(shrink(prepared.pixels, SIDE))[0],
            features=None if features is None else features[0].astype(np.float16),
            decode_seconds=decoded - started,
            infer_seconds=time.perf_counter() - decoded,
        )


def _check_signature(network: Path, card: ModelCard, session: onnxruntime.InferenceSession) -> None:
    inputs = {given.name: (given.type, given.shape[1:]) for given in session.get_inputs()}
    expected = {"pixels": ("tensor(uint8)", [3, card.input_side, card.input_side])}
    if inputs != expected:
        raise CardInvalid(str(network), f"takes {inputs}, card.json expects {expected}")
    outputs = {given.name: given.shape for given in session.get_outputs()}
    if "logits" not in outputs:
        raise CardInvalid(str(network), f"gives {sorted(outputs)}, expected logits")
    if outputs["logits"][1] != len(card.labels):
        raise LabelMismatch(network, outputs["logits"][1], card.labels)
    recorded = session.get_modelmeta().custom_metadata_map.get("labels", "")
    if recorded != ",".join(card.labels):
        raise CardInvalid(str(network), f"was exported for labels {recorded!r}, card.json has {card.labels}")
