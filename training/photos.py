"""Packed photos and their labels as a torch data set; what augmentation does to one depends on nothing but seeds."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from training.augment import Augmentation
from training.mosaic import PHOTOS, compose, unite


class TrainingPhotos(Dataset[tuple[Tensor, Tensor]]):
    """One epoch's view: (3, side, side) uint8 RGB and (labels,) float32 with NaN where nobody judged.

    Args:
        mosaics: share of the photos that are shown in a mosaic with others.
    """

    def __init__(
        self,
        packed: npt.NDArray[np.uint8],
        labels: npt.NDArray[np.float32],
        augmentation: Augmentation,
        epoch_seed: int,
        *,
        mosaics: float = 0.0,
    ) -> None:
        self._packed = packed
        self._labels = labels
        self._normal = (labels == 0).all(axis=1)
        self._augmentation = augmentation
        self._epoch_seed = epoch_seed
        self._mosaics = mosaics

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._epoch_seed * 1_000_003 + index)
            if torch.rand(()) < self._mosaics:
                return self._mosaic(index)
            side = self._augmentation.side
            pixels = self._augmentation.look(self._frame(index, side, side))
            return pixels, torch.from_numpy(self._labels[index])

    def _mosaic(self, index: int) -> tuple[Tensor, Tensor]:
        shown = [index, *torch.randint(len(self), (PHOTOS - 1,)).tolist()]
        pixels, used = compose(
            lambda place, height, width: self._frame(shown[place], height, width), self._augmentation.side
        )
        return self._augmentation.look(pixels), torch.from_numpy(unite(self._labels[shown[:used]]))

    def _frame(self, index: int, height: int, width: int) -> Tensor:
        pixels = torch.from_numpy(self._packed[index].copy())
        return self._augmentation.frame(pixels, height, width, normal=bool(self._normal[index]))
