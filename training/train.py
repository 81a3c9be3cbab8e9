"""The training loop, in plain sight.

    python -m training fit --manifest ../shared/photos/manifest.csv --out runs/first
    torchrun --nproc-per-node 4 -m training fit ...        the same on several GPUs

A checkpoint after each epoch holds everything the next one needs, and every random draw follows from (seed, epoch),
so a run that was stopped and resumed shows the same photos in the same order as one that was not.
"""

import json
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from datasets.manifest import Manifest, read_manifest
from model.card import WEIGHTS_FILE
from model.files import replacing, write_json
from model.network import Network
from training.augment import build_augmentation
from training.config import RUN_FILE, TrainingConfig, load_run
from training.errors import TrainingError
from training.metrics import average_precision
from training.order import BalancedOrder
from training.packing import pack_photos
from training.photos import TrainingPhotos
from training.start import start_weights

log = logging.getLogger(__name__)

CHECKPOINT_FILE = "checkpoint.pt"
PACKED_FOLDER = "packed"  # inside the run; removed when the run is complete
PACKED_MARGIN = 1.25  # photos are kept this much larger than the last stage takes them, so that crops stay sharp
VALIDATION_BATCH = 64
GRADIENT_NORM = 5.0


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a process of a run computes: one of `world` processes, on its own device."""

    device: torch.device
    rank: int
    world: int


def fit(config: TrainingConfig, run: Path, *, resume: bool = False) -> Path:
    """Train and write `weights.safetensors` (the running average) into the run's folder.

    Raises:
        TrainingError: the run cannot start or go on as asked; ManifestError for the photos' list.
    """
    checkpoint_path = run / CHECKPOINT_FILE
    _check_run(config, run, resume)
    manifest = read_manifest(config.manifest)
    train, val = manifest.split("train"), manifest.split("val")
    if not train or not val:
        raise TrainingError(f"{config.manifest}: found {len(train)} train and {len(val)} val photos, both are needed")
    with _place() as place:
        packed_side = round(config.input_side * PACKED_MARGIN)
        if place.rank == 0:
            write_json({"config": config.to_json(), "data_fingerprint": manifest.fingerprint()}, run / RUN_FILE)
            pack_photos(train, packed_side, run / PACKED_FOLDER)
            pack_photos(val, config.input_side, run / PACKED_FOLDER)
        _wait_for_others(place)
        packed = pack_photos(train, packed_side, run / PACKED_FOLDER)
        packed_val = pack_photos(val, config.input_side, run / PACKED_FOLDER)

        labels = manifest.label_array(train)

        torch.manual_seed(config.seed)
        network = Network(len(manifest.labels))
        start_weights(network, config.start)
        network = network.to(place.device, memory_format=torch.channels_last)
        averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(config.averaging_decay), use_buffers=True)
        order = BalancedOrder(train, config.source_balance, config.seed, place.rank, place.world)
        steps_per_epoch = len(order) // (config.photos_per_step // place.world)
        if steps_per_epoch == 0:
            raise TrainingError(f"{len(train)} train photos are fewer than one step of {config.photos_per_step}")
        optimizer, schedule = _build_optimizer(network, config, steps_per_epoch * config.epochs)
        first_epoch = 0
        if resume:
            state = torch.load(checkpoint_path, map_location=place.device, weights_only=True)
            network.load_state_dict(state["network"])
            averaged.load_state_dict(state["averaged"])
            optimizer.load_state_dict(state["optimizer"])
            schedule.load_state_dict(state["schedule"])
            first_epoch = state["epoch"]
        stepped: nn.Module = nn.parallel.DistributedDataParallel(network) if place.world > 1 else network

        board = SummaryWriter(str(run / "tensorboard"), purge_step=first_epoch * steps_per_epoch)
        bar = tqdm(
            total=steps_per_epoch * config.epochs,
            initial=first_epoch * steps_per_epoch,
            unit="step",
            disable=place.rank != 0,
            smoothing=0.02,
        )
        for epoch in range(first_epoch, config.epochs):
            side = config.side_of(epoch)
            bar.set_description(f"epoch {epoch + 1}/{config.epochs} at {side} px")
            order.epoch = epoch
            epoch_seed = config.seed * 10_007 + epoch
            torch.manual_seed(epoch_seed)  # dropout
            photos = TrainingPhotos(packed, labels, build_augmentation(side, config.seed), epoch_seed)
            loader = DataLoader(
                photos,
                batch_size=config.photos_per_step // place.world,
                sampler=order,
                num_workers=config.workers,
                drop_last=True,
                pin_memory=place.device.type == "cuda",
            )
            losses, seconds_waiting, began = [], 0.0, time.perf_counter()
            asked = began
            network.train()
            for pixels, judged in loader:
                seconds_waiting += time.perf_counter() - asked
                pixels = pixels.to(place.device, non_blocking=True, memory_format=torch.channels_last)
                with torch.autocast(place.device.type, torch.bfloat16):
                    logits = stepped(pixels)
                loss = masked_loss(logits.float(), judged.to(place.device), config.label_smoothing)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM)
                optimizer.step()
                schedule.step()
                averaged.update_parameters(network)
                losses.append(loss.item())
                bar.update()
                bar.set_postfix(loss=f"{np.mean(losses[-50:]):.3f}", refresh=False)
                asked = time.perf_counter()
            seconds = time.perf_counter() - began

            if place.rank == 0:
                precision = _validate(averaged.module, manifest, packed_val, place.device)
                figures = {
                    "loss": float(np.mean(losses)),
                    "photos_per_second": len(losses) * config.photos_per_step / seconds,
                    "waiting_for_photos": seconds_waiting / seconds,
                    "val_macro_average_precision": float(np.nanmean(list(precision.values()))),
                    **{f"val_average_precision/{label}": value for label, value in precision.items()},
                }
                for name, value in figures.items():
                    board.add_scalar(name, value, (epoch + 1) * steps_per_epoch)
                _append_history({"epoch": epoch + 1, "side": side, "seconds": seconds, **figures}, run, epoch)
                log.info(
                    "epoch %d: loss %.3f, val macro AP %.4f, %.0f photos/s, %.0f %% of the time waiting for photos",
                    epoch + 1,
                    figures["loss"],
                    figures["val_macro_average_precision"],
                    figures["photos_per_second"],
                    100 * figures["waiting_for_photos"],
                )
                with replacing(checkpoint_path) as temporary:
                    state = {
                        "network": network.state_dict(),
                        "averaged": averaged.state_dict(),
                        "optimizer": optimizer.state_dict(),
                        "schedule": schedule.state_dict(),
                        "epoch": epoch + 1,
                    }
                    torch.save(state, temporary)
            _wait_for_others(place)
        bar.close()
        board.close()
        weights = run / WEIGHTS_FILE
        if place.rank == 0:
            with replacing(weights) as temporary:
                save_file(
                    {name: value.contiguous().cpu() for name, value in averaged.module.state_dict().items()}, temporary
                )
            shutil.rmtree(run / PACKED_FOLDER)
    return weights


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


def _check_run(config: TrainingConfig, run: Path, resume: bool) -> None:
    checkpoint_path = run / CHECKPOINT_FILE
    if not resume:
        if checkpoint_path.exists():
            raise TrainingError(f"{run}: holds a run already; continue it with --resume, or name another --out")
        return
    if not checkpoint_path.exists():
        raise TrainingError(f"{run}: holds no {CHECKPOINT_FILE}, so there is nothing to resume; leave --resume out")
    if (before := load_run(run)) != config:
        changed = [name for name, value in before.to_json().items() if config.to_json()[name] != value]
        raise TrainingError(f"{run}: was started with other {', '.join(changed)}; resume it with the same settings")


@contextmanager
def _place() -> Iterator[Place]:
    """This process's device; joins the others when started by torchrun."""
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if cuda else torch.device("cpu")
    if world > 1:
        torch.distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Place(device=device, rank=rank, world=world)
    finally:
        if world > 1:
            torch.distributed.destroy_process_group()


def _wait_for_others(place: Place) -> None:
    if place.world > 1:
        torch.distributed.barrier()


def _build_optimizer(
    network: Network, config: TrainingConfig, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    head = list(network.classify.parameters())
    body = [parameter for name, parameter in network.named_parameters() if not name.startswith("classify")]
    filters = [parameter for parameter in body if parameter.ndim > 1]
    norms = [parameter for parameter in body if parameter.ndim <= 1]
    peak = config.peak_learning_rate
    optimizer = torch.optim.AdamW(
        [
            {"params": filters, "lr": peak},
            {"params": norms, "lr": peak, "weight_decay": 0.0},
            {"params": head, "lr": peak * config.head_learning_rate_factor},
        ],
        weight_decay=config.weight_decay,
    )
    warmup = max(1, round(steps * config.warmup_fraction))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + float(np.cos(np.pi * (step - warmup) / max(1, steps - warmup))))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def _validate(network: nn.Module, manifest: Manifest, packed: Any, device: torch.device) -> dict[str, float]:
    """Average precision of each problem on the validation photos; NaN where none shows it."""
    network.eval()
    logits = []
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
        for start in range(0, len(packed), VALIDATION_BATCH):
            pixels = torch.from_numpy(packed[start : start + VALIDATION_BATCH].copy())
            pixels = pixels.to(device, memory_format=torch.channels_last)
            logits.append(network(pixels).float().cpu())
    scores = torch.cat(logits).numpy()
    truth = manifest.label_array(manifest.split("val"))
    return {
        label: average_precision(truth[:, column], scores[:, column]) for column, label in enumerate(manifest.labels)
    }


def _append_history(figures: dict[str, Any], run: Path, epoch: int) -> None:
    path = run / "history.jsonl"
    before = path.read_text(encoding="utf-8").splitlines()[:epoch] if path.exists() else []
    with replacing(path) as temporary:
        temporary.write_text("\n".join([*before, json.dumps(figures)]) + "\n", encoding="utf-8")
