"""What changes while a run learns: weights, their running average, optimiser, schedule; saved and restored as one."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel

from model.files import replacing
from model.network import Network
from training.config import TrainingConfig
from training.depthwise import use_fast_depthwise
from training.start import start_weights


class Learner:
    """The state of a run at one optimiser step."""

    def __init__(self, config: TrainingConfig, outputs: int, steps: int, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        network = Network(outputs)
        start_weights(network, config.start)
        if device.type == "cpu":
            use_fast_depthwise(network)
        self._frozen = [network.stem, *network.blocks[: config.frozen_blocks]] if config.frozen_blocks else []
        for layer in self._frozen:
            layer.requires_grad_(False)
        self.network = network.to(device=device).to(memory_format=torch.channels_last)
        self.averaged = AveragedModel(self.network, multi_avg_fn=_average(config.averaging_decay), use_buffers=True)
        self.optimizer = _build_optimizer(self.network, config)
        warmup = max(1, round(steps * config.warmup_fraction))

        def factor(step: int) -> float:
            """Of the peak learning rate: linear warm-up, then cosine to zero."""
            if step < warmup:
                return (step + 1) / warmup
            return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

        self.schedule = LambdaLR(self.optimizer, factor)

    def train(self) -> None:
        """Dropout on, batch statistics followed, but for the layers that stay as they are."""
        self.network.train()
        for layer in self._frozen:
            layer.eval()

    def step(self) -> None:
        """Use the gradients that are there, once."""
        self.optimizer.step()
        self.schedule.step()
        self.averaged.update_parameters(self.network)

    def save_checkpoint(self, path: Path, epoch: int) -> None:
        """All that the epoch after `epoch` needs."""
        with replacing(path) as temporary:
            torch.save({name: part.state_dict() for name, part in self._parts().items()} | {"epoch": epoch}, temporary)

    def load_checkpoint(self, path: Path, device: torch.device) -> int:
        """Go back to a checkpoint; the number of epochs that were finished."""
        state = torch.load(path, map_location=device, weights_only=True)
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        return int(state["epoch"])

    def save_weights(self, path: Path) -> None:
        """The running average, which is what is exported."""
        weights = self.averaged.module.state_dict()
        with replacing(path) as temporary:
            save_file({name: value.contiguous().cpu() for name, value in weights.items()}, temporary)

    def _parts(self) -> dict[str, Network | AveragedModel | torch.optim.Optimizer | LambdaLR]:
        return {
            "network": self.network,
            "averaged": self.averaged,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
        }


def _average(decay: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]:
    """An exponential running average that forgets faster at first: a run of a hundred steps keeps no new weights.

    Until 1 - 2 / (steps + 2) reaches `decay`, the average reaches back over about half of the steps there were.
    """

    @torch.no_grad()
    def average(kept: Sequence[Tensor], current: Sequence[Tensor], steps: Tensor | int) -> None:
        share = max(1 - decay, 2 / (int(steps) + 2))
        for old, new in zip(kept, current, strict=True):
            if old.is_floating_point():
                old.lerp_(new, share)
            else:
                old.copy_(new)  # counters of batch normalisation

    return average


def _build_optimizer(network: Network, config: TrainingConfig) -> torch.optim.Optimizer:
    named = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
    body = [parameter for name, parameter in named if not name.startswith("classify")]
    filters = [parameter for parameter in body if parameter.ndim > 1]
    norms = [parameter for parameter in body if parameter.ndim <= 1]
    peak = config.peak_learning_rate
    return torch.optim.AdamW(
        [
            {"params": filters, "lr": peak},
            {"params": norms, "lr": peak, "weight_decay": 0.0},
            {"params": network.classify.parameters(), "lr": peak * config.head_learning_rate_factor},
        ],
        weight_decay=config.weight_decay,
    )
