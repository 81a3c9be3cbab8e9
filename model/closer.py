"""A closer look at a photo in doubt: the same network on parts of it, in which what is small fills more.

The network takes 256 pixels a side, and what takes up little of a photo, such as a tag at the end of a street or the
rim of a bin, has few of them: above all in a new place it then scores neither low nor high. So a photo that scores like
that is looked at part by part as well, and only that: most photos are clear at first sight, and each look takes as long
as the first. docs/experiments.md has what it gives and what it costs.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from model.card import Doubt
from model.preprocessing import PreparedPhoto, cut_part

SHARE = 0.6  # of each side of the photo that a part takes up
PLACES = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.5, 0.5))
"""Of the parts: how far each lies from the left and from the top, in parts of the way. The corners and the middle."""


def in_doubt(logits: npt.NDArray[np.floating], labels: Sequence[str], doubt: Mapping[str, Doubt]) -> bool:
    """Whether any of the (labels,) logits of the first look, in the order of `labels`, leaves its problem in doubt."""
    each = zip(labels, logits.tolist(), strict=True)
    return any(label in doubt and doubt[label].lower <= logit < doubt[label].upper for label, logit in each)


def cut_parts(photo: PreparedPhoto) -> npt.NDArray[np.uint8]:
    """(parts, 3, side, side) uint8 of the photo's parts, each as the network takes it."""
    left = 1 - SHARE
    boxes = [(left * x, left * y, left * x + SHARE, left * y + SHARE) for x, y in PLACES]
    return np.stack([cut_part(photo, box) for box in boxes])


def combine(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """(looks, labels) logits → (labels,) float32: the logarithm of the mean of exp(logit).

    If one look, nobody knows which, shows what there is and the others say nothing, the odds that the photo shows it
    are the mean of the odds of the looks.
    """
    highest = logits.max(axis=0)
    return np.asarray(highest + np.log(np.exp(logits - highest).mean(axis=0)), dtype=np.float32)
