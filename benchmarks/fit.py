"""How fast training learns beside the bare network: photos/s of a real `fit` over those of forward + backward alone.

    python -m benchmarks.fit [--side 160 --side 224] [--turns 3] [--workers N]

Both take turns, on drawn photos; the first epoch of each fit, in which libraries warm up, is not counted.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.processes import ROOT
from datasets.drawn import draw_set
from model.network import Network
from training.train import masked_loss

PHOTOS_PER_STEP = 32
_PHOTOS_PER_KIND = 130
_BARE_SECONDS = 8
_LABELS = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line a side: photos/s of both, the ratio of each turn, and the time that fit waited for photos."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit", description="Measure the training loop.")
    parser.add_argument("--side", type=int, action="append", help="pixels; by default 160 and 224")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--workers", type=int, default=0, help="processes that prepare photos")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        manifest = draw_set(Path(name) / "photos", photos_per_kind=_PHOTOS_PER_KIND, seed=17)
        for side in given.side or (160, 224):
            ratios, fitted, bare, waited = [], [], [], []
            for turn in range(given.turns):
                before = measure_bare(side)
                epoch = _fit_two_epochs(manifest, Path(name) / f"{side}-{turn}", side, given.workers)
                beside = (before + measure_bare(side)) / 2
                ratios.append(epoch["photos_per_second"] / beside)
                fitted.append(epoch["photos_per_second"])
                bare.append(beside)
                waited.append(epoch["waiting_for_photos"])
            print(
                f"{side} px: fit {statistics.median(fitted):.1f} photos/s, bare {statistics.median(bare):.1f}, "
                f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}), "
                f"{100 * statistics.median(waited):.1f} % of the time waiting for photos",
                flush=True,
            )
    return 0


def measure_bare(side: int) -> float:
    """Photos/s of forward + backward of the network on one batch that is there already, as fit computes them."""
    torch.manual_seed(17)
    network = Network(_LABELS).to(memory_format=torch.channels_last).train()
    pixels = torch.randint(0, 256, (PHOTOS_PER_STEP, 3, side, side), dtype=torch.uint8)
    pixels = pixels.to(memory_format=torch.channels_last)
    labels = torch.randint(0, 2, (PHOTOS_PER_STEP, _LABELS)).float()

    def step() -> None:
        network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(pixels)
        masked_loss(logits.float(), labels, smoothing=0.02).backward()

    for _ in range(3):
        step()
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < _BARE_SECONDS:
        step()
        steps += 1
    return steps * PHOTOS_PER_STEP / (time.perf_counter() - began)


def _fit_two_epochs(manifest: Path, run: Path, side: int, workers: int) -> dict[str, float]:
    command = [sys.executable, "-m", "training", "fit", "--manifest", manifest, "--out", run, "--stages", f"{side}:2"]
    options = ["--workers", workers, "--photos-per-step", PHOTOS_PER_STEP]
    subprocess.run([str(word) for word in [*command, *options]], cwd=ROOT, check=True, capture_output=True)
    history = (run / "history.jsonl").read_text(encoding="utf-8").splitlines()
    epoch: dict[str, float] = json.loads(history[-1])
    return epoch


if __name__ == "__main__":
    sys.exit(main())
