"""A run's last layer, fitted anew as a regression on its own features: it ranks photos of places never seen better.

A regression that is held small spreads its weight over all features that tell, where fine-tuning may lean on the few
that told its last photos apart (after Kirichenko et al. 2023, who refit the last layer alone; docs/experiments.md has
what it gave).
"""

import logging
import math
import shutil
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from datasets.manifest import read_manifest
from datasets.regions import read_regions
from datasets.weak import read_weak_labels, without_weak
from model.card import WEIGHTS_FILE, file_sha256
from model.files import replacing
from model.network import Network
from training.config import finished_weights, read_run, write_run
from training.errors import TrainingError
from training.packing import pack_photos
from training.pages import draw_pages
from training.probe import fit_last_layer
from training.train import PACKED_FOLDER, regions_sha256

log = logging.getLogger(__name__)

STRENGTHS = (0.6, 1.7, 6.0, 17.0, 60.0)
"""Inverse regularisation of the regression beside the mean over its photos: a lower one ranks places never seen better,
a higher one those that are known. Each problem takes the lowest that ranks its validation photos almost as well as any;
so few photos, or a problem that is hard to tell, are not held too small."""


def refit(run: Path, out: Path, weak_labels: Path | None = None) -> Path:
    """Write a finished run into `out` with its last layer fitted to the photos that the run learned from.

    Of regions those are taken that stand in the run's file now, so that new ones need no new run.

    Args:
        weak_labels: a file of labels that it is not fitted to.

    Raises:
        TrainingError: the run is not finished, or its photos or labels have changed since; ManifestError,
            WeakLabelsInvalid for what is read.
    """
    started = read_run(run)
    config = started.config
    weights = load_file(finished_weights(run))
    manifest = read_manifest(config.manifest)
    if started.data_fingerprint != manifest.fingerprint():
        raise TrainingError(f"{run}: photos or labels of {config.manifest} have changed since; start another run")
    regions = read_regions(Path(config.regions), manifest) if config.regions else ()
    weak = read_weak_labels(weak_labels, manifest) if weak_labels else ()
    photos = without_weak(config.learned_from([*manifest.split("train"), *regions]), weak)
    held_out = without_weak(config.learned_from(manifest.split("val")), weak)
    network = Network(len(manifest.labels))
    network.load_state_dict(weights)
    network.to(device="cuda" if torch.cuda.is_available() else "cpu", memory_format=torch.channels_last)
    packed, packed_held_out = (pack_photos(some, config.input_side, out / PACKED_FOLDER) for some in (photos, held_out))
    pages = draw_pages(math.ceil(config.pages * len(photos)), config.input_side, config.seed) if config.pages else None
    taken = fit_last_layer(
        network,
        packed,
        manifest.label_array(photos),
        config.input_side,
        [strength / len(photos) for strength in STRENGTHS],
        pages=pages,
        held_out=(packed_held_out, manifest.label_array(held_out)),
    )
    strengths = tuple(round(strength * len(photos), 3) for strength in taken)
    log.info("strength of %s", ", ".join(map("{} {}".format, manifest.labels, strengths)))
    with replacing(out / WEIGHTS_FILE) as temporary:
        save_file({name: value.contiguous().cpu() for name, value in network.state_dict().items()}, temporary)
    fingerprints = {
        "regions_sha256": regions_sha256(config),
        "weak_labels_sha256": file_sha256(weak_labels) if weak_labels else "",
    }
    write_run(replace(started, refit=strengths, **fingerprints), out)
    shutil.rmtree(out / PACKED_FOLDER)
    return out / WEIGHTS_FILE
