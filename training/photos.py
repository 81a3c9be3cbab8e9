"""Packed photos and their labels as a torch data set; what augmentation does to one depends on nothing but seeds."""

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from training.augment import Augmentation
from training.mosaic import PHOTOS, compose, unite
from training.painting import paint_writing

PAINTED_NORMAL = 0.3  # of the normal photos; where a run paints at all
PAINTED_OTHER = 0.06  # of the others that show no writing


class TrainingPhotos(Dataset[tuple[Tensor, Tensor]]):
    """One epoch's view: (3, side, side) uint8 RGB and (labels,) float32 with NaN where nobody judged.

    Args:
        mosaics: share of the photos that are shown in a mosaic with others.
        painted: column of the label that painted writing stands for; None: nothing is painted.
    """

    def __init__(
        self,
        packed: npt.NDArray[np.uint8],
        labels: npt.NDArray[np.float32],
        augmentation: Augmentation,
        epoch_seed: int,
        *,
        mosaics: float = 0.0,
        painted: int | None = None,
    ) -> None:
        self._packed = packed
        self._labels = labels
        self._normal = (labels == 0).all(axis=1)
        self._augmentation = augmentation
        self._epoch_seed = epoch_seed
        self._mosaics = mosaics
        self._painted = painted

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._epoch_seed * 1_000_003 + index)
            pixels, labels = self._mosaic(index) if torch.rand(()) < self._mosaics else self._single(index)
            return self._augmentation.look(pixels), torch.from_numpy(labels)

    def _single(self, index: int) -> tuple[Tensor, npt.NDArray[np.float32]]:
        pixels, labels, normal = torch.from_numpy(self._packed[index].copy()), self._labels[index], self._normal[index]
        share = PAINTED_NORMAL if normal else PAINTED_OTHER
        if self._painted is not None and labels[self._painted] == 0 and torch.rand(()) < share:
            pixels, normal, labels = _paint(pixels), False, labels.copy()
            labels[self._painted] = 1
        side = self._augmentation.side
        return self._augmentation.frame(pixels, side, side, normal=bool(normal)), labels

    def _mosaic(self, index: int) -> tuple[Tensor, npt.NDArray[np.float32]]:
        shown = [index, *torch.randint(len(self), (PHOTOS - 1,)).tolist()]

        def piece(place: int, height: int, width: int) -> Tensor:
            pixels = torch.from_numpy(self._packed[shown[place]].copy())
            return self._augmentation.frame(pixels, height, width, normal=bool(self._normal[shown[place]]))

        pixels, used = compose(piece, self._augmentation.side)
        return pixels, unite(self._labels[shown[:used]])


def _paint(pixels: Tensor) -> Tensor:
    rng = np.random.default_rng(int(torch.randint(2**31, ())))
    painted = paint_writing(Image.fromarray(pixels.permute(1, 2, 0).numpy()), rng)
    return torch.from_numpy(np.array(painted)).permute(2, 0, 1).contiguous()
