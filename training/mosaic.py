"""Several photos in one, with the problems of all: what a photo shows is then told by its parts, not by its framing.

A close-up of one collection becomes something small beside the street of another (after Bochkovskiy et al. 2020, whose
mosaics serve detection).
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Piece = Callable[[int, int, int], Tensor]
"""(place among the photos, height, width) → (3, height, width) uint8 of that photo."""

PHOTOS = 4
"""The most that a mosaic shows."""


def compose(piece: Piece, side: int) -> tuple[Tensor, int]:
    """A mosaic of side x side pixels by torch's global random state, and of how many of the photos it shows parts."""
    row, column = _cut(side), _cut(side)
    layout = int(torch.randint(4, ()))
    if layout == 0:
        return torch.cat([piece(0, side, column), piece(1, side, side - column)], 2), 2
    if layout == 1:
        return torch.cat([piece(0, row, side), piece(1, side - row, side)], 1), 2
    if layout == 2:
        above = torch.cat([piece(0, row, column), piece(1, row, side - column)], 2)
        below = torch.cat([piece(2, side - row, column), piece(3, side - row, side - column)], 2)
        return torch.cat([above, below], 1), PHOTOS
    height, width = _cut(side), _cut(side)  # one photo within another
    top, left = int(torch.randint(side - height, ())), int(torch.randint(side - width, ()))
    mosaic = piece(1, side, side).clone()
    mosaic[:, top : top + height, left : left + width] = piece(0, height, width)
    return mosaic, 2


def unite(labels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(photos, labels) 1, 0, NaN → (labels,): 1 where any shows it, NaN where nobody judged one of them, else 0."""
    united = np.where(np.isnan(labels).any(axis=0), np.nan, 0)
    return np.where((labels == 1).any(axis=0), 1, united).astype(np.float32)


def _cut(side: int) -> int:
    return int((0.35 + 0.3 * float(torch.rand(()))) * side)
