"""What one training run may vary. What the served model must agree on lives in `model/`."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from datasets.manifest import LabelledPhoto
from model.card import WEIGHTS_FILE
from model.files import write_json
from training.errors import TrainingError

RUN_FILE = "run.json"
BLOCKS = 16  # of EfficientNet-Lite0, see model/network.py


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Some epochs with photos of one side: small pictures first teach most of it in a third of the time."""

    side: int  # pixels
    epochs: int

    def __post_init__(self) -> None:
        if self.side < 32 or self.epochs < 1:
            raise TrainingError(f"a stage needs side >= 32 and epochs >= 1, found {self.side}:{self.epochs}")


DEFAULT_STAGES = (Stage(side=160, epochs=4), Stage(side=224, epochs=3), Stage(side=256, epochs=2))


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """One run; saved as `run.json` beside the weights it produced."""

    manifest: Path
    stages: tuple[Stage, ...] = DEFAULT_STAGES
    photos_per_step: int = 32  # over all processes together
    probe: float = 5e-4  # inverse regularisation of the regression that an ImageNet run starts from; 0: none
    peak_learning_rate: float = 3e-4  # of the ImageNet layers, reached after warm-up, then cosine to zero
    head_learning_rate_factor: float = 2.0  # the last layer is the only one that has not seen ImageNet
    warmup_fraction: float = 0.08  # of all optimiser steps
    frozen_blocks: int = 8  # of the network's 16, counted from the photo: they stay as ImageNet made them
    weight_decay: float = 0.02
    averaging_decay: float = 0.997  # of the running average of the weights, which is what is exported
    source_balance: float = 0.3  # 0: photos as they come, 1: each source equally often
    mosaics: float = 0.0  # share of the photos that are shown in a mosaic with others
    pages: float = 0.03  # share of the photos in whose place a drawn page, screen or chart is shown, as showing nothing
    label_smoothing: float = 0.02  # a few per cent of the labels are wrong
    regions: str = ""  # a file of rectangles that show none of the problems, which are learned from as photos
    leave_out: tuple[str, ...] = ()  # origins, by how their text begins, whose photos are not learned from
    start: str = "imagenet"  # or a model folder, whose weights.safetensors are taken
    workers: int = 0  # processes beside this one that prepare photos; on CPU they cost more than they bring
    seed: int = 17

    def __post_init__(self) -> None:
        for name, low, high in (
            ("warmup_fraction", 0, 1),
            ("averaging_decay", 0, 1),
            ("source_balance", 0, 1),
            ("mosaics", 0, 1),
            ("pages", 0, 1),
            ("label_smoothing", 0, 0.5),
        ):
            if not low <= getattr(self, name) <= high:
                raise TrainingError(f"{name} must be in [{low}, {high}], found {getattr(self, name)}")
        if self.probe < 0:
            raise TrainingError(f"probe must be at least 0, found {self.probe}")
        if not 0 <= self.frozen_blocks <= BLOCKS:
            raise TrainingError(f"frozen_blocks must be in [0, {BLOCKS}], found {self.frozen_blocks}")
        if self.photos_per_step < 2:
            raise TrainingError(f"photos_per_step must be at least 2, found {self.photos_per_step}")
        if not self.stages:
            raise TrainingError("stages is empty; give at least one, such as 160:8")

    @property
    def epochs(self) -> int:
        """Epochs of all stages together."""
        return sum(stage.epochs for stage in self.stages)

    @property
    def input_side(self) -> int:
        """Side of the last stage: what the exported network takes."""
        return self.stages[-1].side

    def side_of(self, epoch: int) -> int:
        """Side of the photos in an epoch, counted from 0."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage.side
            epoch -= stage.epochs
        raise ValueError(f"the run has {self.epochs} epochs")

    def learned_from(self, photos: Sequence[LabelledPhoto]) -> tuple[LabelledPhoto, ...]:
        """Those of the photos whose origin is not left out."""
        return tuple(photo for photo in photos if not photo.origin.startswith(self.leave_out))

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self) | {"manifest": str(self.manifest)}

    def told(self) -> dict[str, Any]:
        """As plain JSON values for others: without what belongs to the machine of the run."""
        others = {key: value for key, value in self.to_json().items() if key not in ("manifest", "workers")}
        return others | {"regions": Path(self.regions).name}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The opposite of `to_json`."""
        stages = tuple(Stage(**stage) for stage in content["stages"])
        leave_out = tuple(content.get("leave_out", ()))
        return cls(**(content | {"manifest": Path(content["manifest"]), "stages": stages, "leave_out": leave_out}))


def parse_stages(text: str) -> tuple[Stage, ...]:
    """`160:8,224:5` → eight epochs at 160 px, then five at 224.

    Raises:
        TrainingError: it is written otherwise.
    """
    stages = []
    for part in text.split(","):
        side, _, epochs = part.partition(":")
        if not (side.strip().isdigit() and epochs.strip().isdigit()):
            raise TrainingError(f"stages {text!r}: found {part!r}, expected SIDE:EPOCHS, such as 160:8,224:5")
        stages.append(Stage(side=int(side), epochs=int(epochs)))
    return tuple(stages)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run was started with."""

    config: TrainingConfig
    data_fingerprint: str
    regions_sha256: str = ""
    """Of the file of regions; empty without one."""
    members: tuple[TrainingConfig, ...] = ()
    """Of a soup: what each run in it was started with; `config` is that of the first."""
    refit: tuple[float, ...] = ()
    """Strength, for each problem, of the regression that became the last layer afterwards; empty: none did."""
    weak_labels_sha256: str = ""
    """Of the file of labels that the regression was not fitted to; empty without one."""


def read_run(folder: Path) -> Run:
    """What the run in a folder was started with.

    Raises:
        TrainingError: the folder holds no run.
    """
    path = folder / RUN_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        refit = content.get("refit") or ()
        return Run(
            config=TrainingConfig.from_json(content["config"]),
            data_fingerprint=content["data_fingerprint"],
            regions_sha256=content.get("regions_sha256", ""),
            members=tuple(TrainingConfig.from_json(member) for member in content.get("members", ())),
            refit=tuple(refit) if isinstance(refit, list | tuple) else (refit,),  # until 1.6.0 one for all
            weak_labels_sha256=content.get("weak_labels_sha256", ""),
        )
    except FileNotFoundError as error:
        cure = f"start one: python -m training fit --out {folder}"
        raise TrainingError(f"{folder}: holds no {RUN_FILE}, so no run was started there; {cure}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"{path}: cannot be read ({error}); it was written by another version") from error


def finished_weights(folder: Path) -> Path:
    """Where the weights of the finished run in a folder are.

    Raises:
        TrainingError: the run is not finished.
    """
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise TrainingError(
            f"{path} is missing: it is not finished; finish the run with: python -m training fit --resume"
        )
    return path


def write_run(run: Run, folder: Path) -> None:
    """The opposite of `read_run`."""
    content = asdict(run) | {"config": run.config.to_json(), "members": [each.to_json() for each in run.members]}
    write_json(content, folder / RUN_FILE)
