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
from model.familiarity import PROTOTYPES_FILE, Prototypes
from model.likeness import SIDE, signatures
from model.preprocessing import PreparedPhoto, prepare_photo, shrink
from model.problems import PROBLEMS_FILE, load_problems
from model.quality import QualityIssue, find_issues

RELEASED_FOLDER = Path(__file__).with_name("released")
CURRENT_FILE = RELEASED_FOLDER / "current"
"""Holds the version in use: going back to an earlier model is a change of this one line."""

LOGITS_OUTPUT = "logits"
FEATURES_OUTPUT = "features"
"""Second output of a network, which those exported before 1.1.0 lack."""
EVIDENCE_OUTPUT = "evidence"
"""Third output of a network, which 1.1.0 and those before it lack."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class ClassifiedPhoto:
    """What is said of one photo, and its upright dimensions; where asked for, what it looks like and the evidence."""

    decision: Decision
    width: int
    height: int
    signature: Floats | None = field(default=None, compare=False)
    """(FREQUENCIES²,) float32 of the whole photo, see model/likeness.py; None unless described."""
    features: npt.NDArray[np.float16] | None = field(default=None, compare=False)
    """(1280,) float16, what the network saw before it scored; None if the network hides it."""
    evidence: Mapping[str, Floats] | None = field(default=None, compare=False)
    """Problem key → (rows, columns) float32, 7 x 7 for 224 pixels: which cells of the upright photo speak for the
    problem, by the class activation map (Zhou et al. 2016). Each is the score 0-1 of a photo whose cells were all like
    this one; the mean of the cells' logits is the photo's logit. Cell (row, column) is centred at row / rows of the
    height and column / columns of the width, the first one thus on the corner, as the network pads its layers. None
    unless asked for, or if the network gives none."""
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

    def __init__(
        self,
        card: ModelCard,
        session: onnxruntime.InferenceSession,
        precision: Precision,
        prototypes: Prototypes | None = None,
    ) -> None:
        self.card = card
        self.precision = precision
        self._prototypes = prototypes
        self._session = session
        self._outputs = frozenset(given.name for given in session.get_outputs())
        self._likeness_weights = tuple(
            np.array([weights.get(label, 0.0) for label in card.labels], dtype=np.float32)
            for weights in (card.likeness, card.nearness)
        )

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
        prototypes = Prototypes.load(folder / PROTOTYPES_FILE) if PROTOTYPES_FILE in card.sha256 else None
        if (card.likeness or card.nearness) and (prototypes is None or prototypes.shown is None):
            raise CardInvalid(str(folder), f"weighs likeness to prototypes that {PROTOTYPES_FILE} does not have")
        return cls(card, session, chosen, prototypes)

    def judged_by(self, card: ModelCard, prototypes: Prototypes | None) -> "Classifier":
        """The same network under another card."""
        return Classifier(card, self._session, self.precision, prototypes)

    def prepare(self, photo: bytes) -> PreparedPhoto:
        """Photo bytes → this model's input.

        Raises:
            PhotoError: the bytes are not a usable photo.
        """
        return prepare_photo(photo, self.card.input_side)

    @property
    def gives_evidence(self) -> bool:
        """Whether the network says which cells of a photo its scores come from."""
        return EVIDENCE_OUTPUT in self._outputs

    def logits(self, pixels: npt.NDArray[np.uint8]) -> Floats:
        """(photos, 3, side, side) uint8 RGB → (photos, labels) float32, likeness included, before calibration."""
        return self._run(pixels, LOGITS_OUTPUT)[LOGITS_OUTPUT]

    def look(self, pixels: npt.NDArray[np.uint8]) -> tuple[Floats, Floats | None]:
        """(photos, 3, side, side) uint8 RGB → logits as above, and (photos, 1280) float32 features if it shows them."""
        seen = self._run(pixels, LOGITS_OUTPUT, FEATURES_OUTPUT)
        return seen[LOGITS_OUTPUT], seen.get(FEATURES_OUTPUT)

    def likeness(self, features: Floats | None) -> Floats:
        """(photos, 1280) float32 features → what is added to the network's logits, (photos, labels) float32.

        Of one row of zeros where the model has no prototypes, weighs them nothing, or shows no features.
        """
        likeness, nearness = self._likeness_weights
        if self._prototypes is None or features is None or not (likeness.any() or nearness.any()):
            return np.zeros((1, len(likeness)), dtype=np.float32)
        like, near = self._prototypes.compare(features, len(likeness))
        return likeness * like + nearness * near

    def evidence(self, pixels: npt.NDArray[np.uint8]) -> Floats | None:
        """(photos, 3, side, side) uint8 RGB → (photos, labels, side / 32, side / 32) float32 logits of each cell.

        Their mean over the cells is the photo's logits. None if the network gives no evidence.
        """
        return self._run(pixels, EVIDENCE_OUTPUT).get(EVIDENCE_OUTPUT)

    def calibrate(self, logits: Floats) -> Floats:
        """(photos, labels, …) logits → float32 probabilities 0-1 of the same shape, labels in the order of the card."""
        columns = [self.card.calibration[label].scores(logits[:, i]) for i, label in enumerate(self.card.labels)]
        return np.stack(columns, axis=1).astype(np.float32)

    def scores(self, pixels: npt.NDArray[np.uint8]) -> Floats:
        """(photos, 3, side, side) uint8 RGB → (photos, labels) float32 probabilities 0-1, in the order of the card."""
        return self.calibrate(self.logits(pixels))

    def decide(self, scores: Floats, quality: Sequence[QualityIssue] = ()) -> Decision:
        """(labels,) scores of one photo, and its issues → what is said of it."""
        by_label: Mapping[str, float] = dict(zip(self.card.labels, scores.tolist(), strict=True))
        return decide(by_label, self.card, quality)

    def classify(self, photos: Sequence[bytes], *, evidence: bool = False) -> list[ClassifiedPhoto]:
        """Photo files → one answer each, in order. One photo at a time: batches gain nothing on CPU.

        Args:
            evidence: with it, where the network gives it.

        Raises:
            PhotoError: one of them is not a usable photo.
        """
        return [self._see(photo, evidence=evidence) for photo in photos]

    def describe(self, photos: Sequence[bytes], *, evidence: bool = False) -> list[ClassifiedPhoto]:
        """Like `classify`, with signature and features: what a case keeps to be compared with later photos.

        Raises:
            PhotoError: one of them is not a usable photo.
        """
        return [self._see(photo, described=True, evidence=evidence) for photo in photos]

    def _run(self, pixels: npt.NDArray[np.uint8], *wanted: str) -> dict[str, Floats]:
        """Those of the wanted outputs that the network has, and its features; likeness is in logits and evidence."""
        names = [name for name in dict.fromkeys((*wanted, FEATURES_OUTPUT)) if name in self._outputs]
        given = self._session.run(names, {"pixels": pixels}) if names else []
        seen = {name: np.asarray(array, dtype=np.float32) for name, array in zip(names, given, strict=True)}
        added = self.likeness(seen.get(FEATURES_OUTPUT))
        if LOGITS_OUTPUT in seen:
            seen[LOGITS_OUTPUT] = seen[LOGITS_OUTPUT] + added
        if EVIDENCE_OUTPUT in seen:
            seen[EVIDENCE_OUTPUT] = seen[EVIDENCE_OUTPUT] + added[:, :, None, None]
        return seen

    def _see(self, photo: bytes, *, described: bool = False, evidence: bool = False) -> ClassifiedPhoto:
        started = time.perf_counter()
        prepared = self.prepare(photo)
        decoded = time.perf_counter()
        wanted = [LOGITS_OUTPUT, FEATURES_OUTPUT, *([EVIDENCE_OUTPUT] if evidence else [])]
        seen = self._run(prepared.pixels[None], *wanted)
        scores = self.calibrate(seen[LOGITS_OUTPUT])[0]
        features = seen[FEATURES_OUTPUT][0] if FEATURES_OUTPUT in seen else None
        cells = seen.get(EVIDENCE_OUTPUT)
        issues = find_issues(prepared.pixels) or self._find_strangeness(scores, features)
        return ClassifiedPhoto(
            decision=self.decide(scores, issues),
            width=prepared.width,
            height=prepared.height,
            signature=signatures(shrink(prepared.pixels, SIDE))[0] if described else None,
            features=None if features is None else features.astype(np.float16),
            evidence=None if cells is None else dict(zip(self.card.labels, self.calibrate(cells)[0], strict=True)),
            decode_seconds=decoded - started,
            infer_seconds=time.perf_counter() - decoded,
        )

    def familiarity(self, features: npt.NDArray[np.floating]) -> tuple[float, float]:
        """Cosine of a photo's (1280,) features and the nearest prototype of a problem, and of any photo.

        (1, 1) where the model has no prototypes: everything is familiar then.
        """
        return (1.0, 1.0) if self._prototypes is None else self._prototypes.nearest(features)

    def _find_strangeness(self, scores: Floats, features: Floats | None) -> tuple[QualityIssue, ...]:
        familiar = self.card.familiar
        if familiar is None or features is None:
            return ()
        problem, anything = self.familiarity(features)
        if anything < familiar.street or (self._prototypes is not None and self._prototypes.is_page(features)):
            return (QualityIssue.NOT_A_STREET,)
        worth = familiar.discount(scores, np.full(len(scores), problem)).astype(np.float32)
        doubted = self.decide(scores).problems and not self.decide(worth).problems
        return (QualityIssue.UNFAMILIAR,) if doubted else ()


def _check_signature(network: Path, card: ModelCard, session: onnxruntime.InferenceSession) -> None:
    inputs = {given.name: (given.type, given.shape[1:]) for given in session.get_inputs()}
    expected = {"pixels": ("tensor(uint8)", [3, card.input_side, card.input_side])}
    if inputs != expected:
        raise CardInvalid(str(network), f"takes {inputs}, card.json expects {expected}")
    outputs = {given.name: given.shape for given in session.get_outputs()}
    if LOGITS_OUTPUT not in outputs:
        raise CardInvalid(str(network), f"gives {sorted(outputs)}, expected {LOGITS_OUTPUT}")
    if outputs[LOGITS_OUTPUT][1] != len(card.labels):
        raise LabelMismatch(network, outputs[LOGITS_OUTPUT][1], card.labels)
    recorded = session.get_modelmeta().custom_metadata_map.get("labels", "")
    if recorded != ",".join(card.labels):
        raise CardInvalid(str(network), f"was exported for labels {recorded!r}, card.json has {card.labels}")
