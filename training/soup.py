"""Several runs → one set of weights, their mean: a model soup (Wortsman et al. 2022), as fast as one network.

Runs that start from the same ImageNet weights end close enough for their mean to rank photos of places never seen
better than any of them, above all when they saw photos in different ways (docs/experiments.md).
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from model.card import CARD_FILE, WEIGHTS_FILE, load_card
from model.files import replacing
from training.config import Run, TrainingConfig, finished_weights, read_run, write_run
from training.errors import TrainingError


def soup(runs: Sequence[Path], out: Path) -> Path:
    """Write the mean of finished runs into `out`, a run that can be exported.

    Args:
        runs: folders of runs; after the first, also of released models. The mean takes photos of the first's side.

    Raises:
        TrainingError: no run, one that is not finished, or runs that differ in photos or start.
    """
    if not runs:
        raise TrainingError("a soup needs at least one run")
    first = read_run(runs[0])
    members = [first, *(_read_member(run, first) for run in runs[1:])]
    for run, member in zip(runs, members, strict=True):
        finished_weights(run)
        for name in ("start", "leave_out"):
            found, expected = getattr(member.config, name), getattr(first.config, name)
            if found != expected:
                raise TrainingError(
                    f"{run}: its {name} is {found!r}, that of {runs[0]} {expected!r}; only like runs mix"
                )
        if member.data_fingerprint != first.data_fingerprint:
            raise TrainingError(f"{run}: learned from other photos or labels than {runs[0]}; only like runs mix")
    weights = [load_file(run / WEIGHTS_FILE) for run in runs]
    mean = {name: _mean([each[name] for each in weights]) for name in weights[0]}
    out.mkdir(parents=True, exist_ok=True)
    with replacing(out / WEIGHTS_FILE) as temporary:
        save_file(mean, temporary)
    configs = tuple(member.config for member in members)
    write_run(Run(config=first.config, data_fingerprint=first.data_fingerprint, members=configs), out)
    return out / WEIGHTS_FILE


def _read_member(folder: Path, first: Run) -> Run:
    if not (folder / CARD_FILE).is_file():
        return read_run(folder)
    data = load_card(folder).data
    unsaid = {
        "manifest": str(first.config.manifest),
        "frozen_blocks": 0,
        "mosaics": 0.0,
        "probe": 0.0,
    }  # of cards before 1.2.0, the last before 1.4.0
    return Run(
        config=TrainingConfig.from_json(unsaid | dict(data["training"])), data_fingerprint=str(data["fingerprint"])
    )


def _mean(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    if not tensors[0].is_floating_point():
        return tensors[0]  # counters of batch normalisation
    return torch.stack([tensor.double() for tensor in tensors]).mean(dim=0).to(tensors[0].dtype)
