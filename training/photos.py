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
        normal: (photos,), which of them are whole photos that show no problem anywhere: they may be cropped closer.
        mosaics: share of the photos that are shown in a mosaic with others.
        pages: (pages, 3, packed side, packed side) uint8, pictures that are no photo of a street, and the share of
            the photos in whose place one of them is shown.
    """

    def __init__(
        self,
        packed: npt.NDArray[np.uint8],
        labels: npt.NDArray[np.float32],
        augmentation: Augmentation,
        epoch_seed: int,
        *,
        normal: npt.NDArray[np.bool_],
        mosaics: float = 0.0,
        pages: tuple[npt.NDArray[np.uint8], float] | None = None,
    ) -> None:
        self._packed = packed
        self._labels = labels
        self._normal = normal
        self._augmentation = augmentation
        self._epoch_seed = epoch_seed
        self._mosaics = mosaics
        self._pages = pages

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._epoch_seed * 1_000_003 + index)
            if torch.rand(()) < self._mosaics:
                return self._mosaic(index)
            side = self._augmentation.side
            if self._pages and torch.rand(()) < self._pages[1]:
                page = self._pages[0][int(torch.randint(len(self._pages[0]), ()))]
                return self._augmentation(torch.from_numpy(page.copy())), torch.zeros(self._labels.shape[1])
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
