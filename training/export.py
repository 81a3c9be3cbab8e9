"""A run's weights → a model folder (`model.onnx`, `weights.safetensors`, `card.json`), refused unless both roads agree.

The folder works at once, with neutral thresholds; `calibrate` sets them, `release` gives it its place.
"""

import logging
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from datasets.manifest import LabelledPhoto, Manifest, read_manifest
from model.card import NETWORK_FILE, WEIGHTS_FILE, Calibration, ModelCard, Threshold, file_sha256, save_card
from model.classifier import EVIDENCE_OUTPUT, FEATURES_OUTPUT, LOGITS_OUTPUT, Classifier
from model.files import replacing
from model.network import Network
from model.preprocessing import prepare_photo
from training.config import Run, TrainingConfig, finished_weights, read_run
from training.errors import TrainingError

log = logging.getLogger(__name__)

MODEL_NAME = "xuntu-lite0"
UNRELEASED = "unreleased"
MOST_DIFFERENCE = 1e-3  # between the scores of torch and onnxruntime
COMPARED_PHOTOS = 32
OPSET = 20


def export(run: Path, folder: Path) -> Path:
    """Write a model folder from a finished run.

    Raises:
        TrainingError: the run is not finished, or torch and onnxruntime disagree by more than MOST_DIFFERENCE; nothing
            is written then.
    """
    started = read_run(run)
    config = started.config
    weights = finished_weights(run)
    manifest = read_manifest(config.manifest)
    network = Network(len(manifest.labels))
    network.load_state_dict(load_file(weights))
    network.eval()
    with replacing(folder) as temporary:
        temporary.mkdir(parents=True)
        shutil.copyfile(weights, temporary / WEIGHTS_FILE)
        _write_onnx(network, manifest.labels, config.input_side, temporary / NETWORK_FILE)
        save_card(_first_card(started, manifest, temporary), temporary)
        _compare(network, Classifier.load(temporary), _real_and_random(manifest, config))
    return folder


class _Shown(nn.Module):
    """What the ONNX gives: the logits, the features they come from, and in which cells of the photo these lie."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(batch, 3, side, side) uint8 → logits, features and evidence.

        Shapes: (batch, labels), (batch, FEATURES) and (batch, labels, side / 32, side / 32). Evidence is the class
        activation map (Zhou et al. 2016): the logits of each cell by itself, whose mean is the photo's logits.
        """
        classify = self.network.classify
        cells = self.network.feature_map(pixels)
        features = torch.mean(cells, dim=(2, 3))
        evidence = nn.functional.conv2d(cells, classify.weight[:, :, None, None], classify.bias)
        return classify(features), features, evidence


def _write_onnx(network: Network, labels: Sequence[str], side: int, path: Path) -> None:
    example = torch.zeros(2, 3, side, side, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns about its own internals
        torch.onnx.export(
            _Shown(network).eval(),
            (example,),
            str(path),
            input_names=["pixels"],
            output_names=[LOGITS_OUTPUT, FEATURES_OUTPUT, EVIDENCE_OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("photos")},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    model = onnx.load(path)
    model.producer_name = MODEL_NAME
    for node in model.graph.node:  # drop the exporter's notes: they hold paths of the machine that exported
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    model.graph.ClearField("metadata_props")
    onnx.helper.set_model_props(model, {"labels": ",".join(labels)})
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _first_card(run: Run, manifest: Manifest, folder: Path) -> ModelCard:
    labels = manifest.labels
    return ModelCard(
        name=MODEL_NAME,
        version=UNRELEASED,
        labels=labels,
        thresholds={label: Threshold(lower=0.5, upper=0.5) for label in labels},
        calibration={label: Calibration() for label in labels},
        input_side=run.config.input_side,
        data={
            "fingerprint": manifest.fingerprint(),
            "photos": {split: len(manifest.split(split)) for split in ("train", "val", "test", "ood")},
            "training": run.config.told(),
            **({"members": [member.told() for member in run.members]} if run.members else {}),
            **({"refit": run.refit} if run.refit else {}),
            **({"weak_labels_sha256": run.weak_labels_sha256} if run.weak_labels_sha256 else {}),
        },
        sha256={name: file_sha256(folder / name) for name in (NETWORK_FILE, WEIGHTS_FILE)},
    )


def _real_and_random(manifest: Manifest, config: TrainingConfig) -> npt.NDArray[np.uint8]:
    side = config.input_side
    rng = np.random.default_rng(config.seed)
    photos = manifest.split("val")
    real: list[LabelledPhoto] = [photos[index] for index in rng.permutation(len(photos))[:COMPARED_PHOTOS]]
    prepared = [prepare_photo(photo.path.read_bytes(), side).pixels for photo in real]
    noise = rng.integers(0, 256, size=(4, 3, side, side), dtype=np.uint8)
    return np.concatenate([np.stack(prepared), noise])


def _compare(network: Network, classifier: Classifier, pixels: npt.NDArray[np.uint8]) -> None:
    with torch.inference_mode():
        logits, _, evidence = (given.sigmoid().numpy() for given in _Shown(network)(torch.from_numpy(pixels)))
    difference = max(
        float(np.abs(logits - classifier.scores(pixels)).max()),
        float(np.abs(evidence - classifier.calibrate(classifier.evidence(pixels))).max()),
    )
    if not difference <= MOST_DIFFERENCE:
        raise TrainingError(
            f"torch and onnxruntime differ by {difference:.2g} on {len(pixels)} photos, at most {MOST_DIFFERENCE} is "
            "accepted; nothing was written. Pin torch, onnx and onnxruntime to the versions in requirements/dev.txt"
        )
    log.info("torch and onnxruntime agree within %.1g on %d photos", difference, len(pixels))
