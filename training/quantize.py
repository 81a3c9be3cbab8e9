"""The network in 8-bit integers, beside the one in floating point, and which of the two is served.

Integers take half the time and a quarter of the memory. They are served where the gate holds: on the validation
photos macro F1 falls by at most MOST_F1_LOST. A processor that is slow with integers serves the same model in floating
point, so calibration and thresholds are fitted to what both networks say of these photos, not to one of them.
"""

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from datasets.manifest import read_manifest
from datasets.weak import read_weak_labels, without_weak
from model.card import NETWORK_FILE, QUANTIZED_FILE, ModelCard, Precision, file_sha256, save_card
from model.classifier import EVIDENCE_OUTPUT, Classifier
from model.files import replacing
from training.calibrate import discounted, fit_scores
from training.errors import TrainingError
from training.farther import score_farther
from training.metrics import precision_recall_f1
from training.scoring import ScoredPhotos, join_scored, score_split

log = logging.getLogger(__name__)

MOST_F1_LOST = 0.01
RANGE_PHOTOS = 256  # of the training split; they set the range of each activation
_PHOTOS_AT_ONCE = 8


def quantize(folder: Path, manifest_path: Path, seed: int = 17, weak_labels: Path | None = None) -> Precision:
    """Add model.int8.onnx to a calibrated model folder; set in its card which one is served, and thresholds for both.

    Args:
        weak_labels: a file of labels that scores and thresholds are not fitted to.

    Raises:
        TrainingError: no training photo; ReleaseError, ManifestError, WeakLabelsInvalid for what is read.
    """
    manifest = read_manifest(manifest_path)
    weak = read_weak_labels(weak_labels, manifest) if weak_labels else ()
    exact = Classifier.load(folder, precision="fp32")
    train = manifest.split("train")
    if not train:
        raise TrainingError(f"{manifest_path}: split train has no photo; quantisation needs some to measure ranges")
    order = np.random.default_rng(seed).permutation(len(train))[:RANGE_PHOTOS]
    photos = [exact.prepare(train[index].path.read_bytes()).pixels for index in order]
    with replacing(folder / QUANTIZED_FILE) as temporary:
        _quantize(folder / NETWORK_FILE, photos, temporary)
    sha256 = {**exact.card.sha256, QUANTIZED_FILE: file_sha256(folder / QUANTIZED_FILE)}
    save_card(replace(exact.card, sha256=sha256, precision="fp32"), folder)

    networks = {"fp32": exact, "int8": Classifier.load(folder, precision="int8")}
    sure = replace(manifest, photos=without_weak(manifest.photos, weak))
    scored = {name: score_split(network, sure, "val") for name, network in networks.items()}
    farther = {name: score_farther(network, sure, seed) for name, network in networks.items()}
    where = f"{manifest_path}: split val"
    alone = fit_scores(exact, scored["fp32"], farther["fp32"], where, seed)
    both = fit_scores(exact, join_scored(*scored.values()), join_scored(*farther.values()), where, seed)
    f1 = {"fp32": _macro_f1(exact, alone, scored["fp32"]), "int8": _macro_f1(exact, both, scored["int8"])}
    precision: Precision = "int8" if f1["fp32"] - f1["int8"] <= MOST_F1_LOST else "fp32"
    card = both if precision == "int8" else alone
    gate = {"val_macro_f1": f1, "most_f1_lost": MOST_F1_LOST}
    save_card(replace(card, sha256=sha256, precision=precision, quantization=gate), folder)
    log.info("val macro F1 %.4f in fp32, %.4f in int8: %s is served", f1["fp32"], f1["int8"], precision)
    return precision


class _Photos(CalibrationDataReader):  # type: ignore[misc]
    """Hands photos to onnxruntime, a few at a time."""

    def __init__(self, photos: list[npt.NDArray[np.uint8]]) -> None:
        self._batches: Iterator[dict[str, Any]] = (
            {"pixels": np.stack(photos[start : start + _PHOTOS_AT_ONCE])}
            for start in range(0, len(photos), _PHOTOS_AT_ONCE)
        )

    def get_next(self) -> dict[str, Any] | None:
        return next(self._batches, None)


def _quantize(network: Path, photos: list[npt.NDArray[np.uint8]], target: Path) -> None:
    """Static quantisation: weights per channel in int8, activations in uint8 by the range that the photos show.

    Evidence is computed in floating point from the quantised features: the cells of a photo reach much further than
    their mean, and 256 steps over that range would be coarse.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folded = Path(scratch) / "folded.onnx"  # batch normalisation inside the convolutions
        quant_pre_process(str(network), str(folded), skip_symbolic_shape=True)
        nodes = onnx.load(folded).graph.node
        quantize_static(
            str(folded),
            str(target),
            _Photos(photos),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[node.name for node in nodes if EVIDENCE_OUTPUT in node.output],
        )


def _macro_f1(classifier: Classifier, card: ModelCard, scored: ScoredPhotos) -> float:
    each, worth = [], discounted(classifier, scored)
    for column, label in enumerate(card.labels):
        scores = card.calibration[label].scores(scored.logits[:, column])
        found = worth(scores) >= card.thresholds[label].upper
        each.append(precision_recall_f1(scored.labels[:, column], found)[2])
    return round(float(np.nanmean(each)), 4)
