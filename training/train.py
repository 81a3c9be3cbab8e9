"""The training loop, in plain sight.

    python -m training fit --manifest ../shared/photos/manifest.csv --out runs/first
    torchrun --nproc-per-node 4 -m training fit ...        the same on several GPUs

A checkpoint after each epoch holds everything the next one needs, and every random draw follows from (seed, epoch),
so a run that was stopped and resumed shows the same photos in the same order as one that was not.
"""

import json
import logging
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from datasets.manifest import NO_ISSUE, Manifest, read_manifest
from datasets.regions import read_regions
from model.card import WEIGHTS_FILE, file_sha256
from model.files import replacing
from training.augment import Augmentation
from training.config import Run, TrainingConfig, read_run, write_run
from training.errors import TrainingError
from training.learner import Learner
from training.metrics import average_precision
from training.order import BalancedOrder
from training.packing import pack_photos
from training.pages import draw_pages
from training.photos import TrainingPhotos
from training.place import join_run
from training.probe import fit_last_layer
from training.start import IMAGENET

log = logging.getLogger(__name__)

CHECKPOINT_FILE = "checkpoint.pt"
PACKED_FOLDER = "packed"  # inside the run; removed when the run is complete
PACKED_MARGIN = 1.25  # photos are kept this much larger than the last stage takes them, so that crops stay sharp
PAGES = 200  # drawn for a run, of which each appears again and again, cropped and changed like the photos
VALIDATION_BATCH = 64
GRADIENT_NORM = 5.0


def fit(config: TrainingConfig, run: Path, *, resume: bool = False) -> Path:
    """Train and write `weights.safetensors` (the running average) into the run's folder.

    Raises:
        TrainingError: the run cannot start or go on as asked; ManifestError for the photos' list.
    """
    manifest = read_manifest(config.manifest)
    _check_run(config, manifest, run, resume)
    regions = read_regions(Path(config.regions), manifest) if config.regions else ()
    train = config.learned_from([*manifest.split("train"), *regions])
    val = config.learned_from(manifest.split("val"))
    with join_run() as place:
        order = BalancedOrder(train, config.source_balance, config.seed, place.rank, place.world)
        photos_per_process = config.photos_per_step // place.world
        steps_per_epoch = len(order) // max(1, photos_per_process)
        if not val or not steps_per_epoch:
            raise TrainingError(
                f"{config.manifest}: found {len(train)} train and {len(val)} val photos, needed are at least "
                f"{config.photos_per_step} (one step) and 1; add photos or lower --photos-per-step"
            )
        packed_side = round(config.input_side * PACKED_MARGIN)
        if place.leads:
            fingerprints = {"data_fingerprint": manifest.fingerprint(), "regions_sha256": regions_sha256(config)}
            write_run(Run(config=config, **fingerprints), run)
            pack_photos(train, packed_side, run / PACKED_FOLDER)
            pack_photos(val, config.input_side, run / PACKED_FOLDER)
        place.wait_for_others()
        packed = pack_photos(train, packed_side, run / PACKED_FOLDER)
        packed_val = pack_photos(val, config.input_side, run / PACKED_FOLDER)
        normal = np.array([photo.kind == NO_ISSUE and photo.region is None for photo in train])
        pages = (draw_pages(PAGES, packed_side, config.seed), config.pages) if config.pages else None
        labels, labels_val = manifest.label_array(train), manifest.label_array(val)

        learner = Learner(config, len(manifest.labels), steps_per_epoch * config.epochs, place.device)
        finished = learner.load_checkpoint(run / CHECKPOINT_FILE, place.device) if resume else 0
        if config.probe and config.start == IMAGENET and not resume:  # a model folder brings its own last layer
            fit_last_layer(learner.network, packed, labels, config.input_side, [config.probe])
        network: nn.Module = learner.network
        if place.world > 1:
            network = nn.parallel.DistributedDataParallel(network)
        bar = tqdm(
            total=steps_per_epoch * config.epochs,
            initial=steps_per_epoch * finished,
            unit="step",
            disable=None if place.leads else True,  # None: shown on a terminal only
            smoothing=0.02,
        )
        for epoch in range(finished, config.epochs):
            side = config.side_of(epoch)
            bar.set_description(f"epoch {epoch + 1}/{config.epochs} at {side} px")
            order.epoch = epoch
            epoch_seed = config.seed * 10_007 + epoch
            torch.manual_seed(epoch_seed)  # dropout
            loader = DataLoader(
                TrainingPhotos(
                    packed,
                    labels,
                    Augmentation(side, config.seed),
                    epoch_seed,
                    normal=normal,
                    mosaics=config.mosaics,
                    pages=pages,
                ),
                batch_size=photos_per_process,
                sampler=order,
                num_workers=config.workers,
                drop_last=True,
                pin_memory=place.device.type == "cuda",
            )
            losses: list[float] = []
            seconds_waiting, began = 0.0, time.perf_counter()
            asked = began
            learner.train()
            for pixels, judged in loader:
                seconds_waiting += time.perf_counter() - asked
                pixels = pixels.to(place.device, non_blocking=True, memory_format=torch.channels_last)
                with torch.autocast(place.device.type, torch.bfloat16):
                    logits = network(pixels)
                loss = masked_loss(logits.float(), judged.to(place.device), config.label_smoothing)
                learner.optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM)
                learner.step()
                losses.append(loss.item())
                bar.update()
                bar.set_postfix(loss=f"{np.mean(losses[-50:]):.3f}", refresh=False)
                asked = time.perf_counter()
            seconds = time.perf_counter() - began

            if place.leads:
                figures = {
                    "loss": float(np.mean(losses)),
                    "photos_per_second": len(losses) * config.photos_per_step / seconds,
                    "waiting_for_photos": seconds_waiting / seconds,
                    **_validate(learner.averaged.module, manifest.labels, labels_val, packed_val, place.device),
                }
                _record({"epoch": epoch + 1, "side": side, "seconds": seconds, **figures}, run, steps_per_epoch)
                learner.save_checkpoint(run / CHECKPOINT_FILE, epoch + 1)
            place.wait_for_others()
        bar.close()
        if place.leads:
            learner.save_weights(run / WEIGHTS_FILE)
            shutil.rmtree(run / PACKED_FOLDER)
    return run / WEIGHTS_FILE


def masked_loss(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Mean binary cross-entropy over the labels somebody judged.

    Args:
        logits: (batch, labels) float.
        labels: (batch, labels) 1, 0, or NaN where nobody judged.
        smoothing: how far targets are moved from 0 and 1 towards the middle.
    """
    judged = ~labels.isnan()
    targets = torch.where(judged, labels, 0.0) * (1 - 2 * smoothing) + smoothing
    losses = binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (losses * judged).sum() / judged.sum().clamp_min(1)


def _check_run(config: TrainingConfig, manifest: Manifest, run: Path, resume: bool) -> None:
    checkpoint_path = run / CHECKPOINT_FILE
    if not resume:
        if checkpoint_path.exists():
            raise TrainingError(f"{run}: holds a run already; continue it with --resume, or name another --out")
        return
    if not checkpoint_path.exists():
        raise TrainingError(f"{run}: holds no {CHECKPOINT_FILE}, so there is nothing to resume; leave --resume out")
    before = read_run(run)
    if before.config != config:
        changed = [name for name, value in before.config.to_json().items() if config.to_json()[name] != value]
        raise TrainingError(f"{run}: was started with other {', '.join(changed)}; resume it with the same settings")
    if before.data_fingerprint != manifest.fingerprint():
        raise TrainingError(f"{run}: photos or labels of {config.manifest} have changed since; start another run")
    if before.regions_sha256 != regions_sha256(config):
        raise TrainingError(f"{run}: {config.regions} has changed since; start another run")


def regions_sha256(config: TrainingConfig) -> str:
    """Of the file of regions that a run learns from; empty without one."""
    return file_sha256(Path(config.regions)) if config.regions else ""


def _validate(
    network: nn.Module,
    labels: Sequence[str],
    truth: npt.NDArray[np.float32],
    packed: npt.NDArray[np.uint8],
    device: torch.device,
) -> dict[str, float]:
    """Average precision on the validation photos, of each problem and their mean; NaN where none shows it."""
    network.eval()
    logits = []
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
        for start in range(0, len(packed), VALIDATION_BATCH):
            pixels = torch.from_numpy(packed[start : start + VALIDATION_BATCH].copy())
            logits.append(network(pixels.to(device, memory_format=torch.channels_last)).float().cpu())
    scores = torch.cat(logits).numpy()
    each = {label: average_precision(truth[:, i], scores[:, i]) for i, label in enumerate(labels)}
    known = [value for value in each.values() if not np.isnan(value)]
    return {
        "val_macro_average_precision": float(np.mean(known)) if known else float("nan"),
        **{f"val_average_precision/{label}": value for label, value in each.items()},
    }


def _record(figures: dict[str, Any], run: Path, steps_per_epoch: int) -> None:
    """Say what an epoch gave, in history.jsonl, to TensorBoard and to whoever watches."""
    path, epoch = run / "history.jsonl", figures["epoch"]
    before = path.read_text(encoding="utf-8").splitlines()[: epoch - 1] if path.exists() else []
    with replacing(path) as temporary:
        temporary.write_text("\n".join([*before, json.dumps(figures)]) + "\n", encoding="utf-8")
    with SummaryWriter(str(run / "tensorboard"), purge_step=epoch * steps_per_epoch) as board:
        for name, value in figures.items():
            board.add_scalar(name, value, epoch * steps_per_epoch)
    log.info(
        "epoch %d: loss %.3f, val macro AP %.4f, %.0f photos/s, %.1f %% of the time waiting for photos",
        epoch,
        figures["loss"],
        figures["val_macro_average_precision"],
        figures["photos_per_second"],
        100 * figures["waiting_for_photos"],
    )
