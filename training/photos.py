"""Packed photos and their labels as a torch data set; what augmentation does to one depends on nothing but seeds."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2


class TrainingPhotos(Dataset[tuple[Tensor, Tensor]]):
    """One epoch's view: (3, side, side) uint8 RGB and (labels,) float32 with NaN where nobody judged."""

    def __init__(
        self,
        packed: npt.NDArray[np.uint8],
        labels: npt.NDArray[np.float32],
        augmentation: v2.Transform,
        epoch_seed: int,
    ) -> None:
        self._packed = packed
        self._labels = torch.from_numpy(labels)
        self._augmentation = augmentation
        self._epoch_seed = epoch_seed

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        pixels = torch.from_numpy(self._packed[index].copy())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._epoch_seed * 1_000_003 + index)
            return self._augmentation(pixels), self._labels[index]
