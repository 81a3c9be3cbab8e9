"""Which photos teach and which examine: 70 % train, 15 % val, 15 % test, in blocks.

Photos of one folder are taken in the order of their names and cut twice. Drawing each photo by chance would put two
shots of one place on both sides, and the score would say how well the model remembers that place.
"""

import re
from collections.abc import Iterable
from typing import Final

from datasets.manifest import Split

TRAIN_FRACTION: Final = 0.70
VAL_FRACTION: Final = 0.15  # the rest is test


def split_in_blocks(names: Iterable[str]) -> dict[str, Split]:
    """Assign every name of one source; the same names give the same splits, in whatever order they come."""
    ordered = sorted(names, key=natural_order)
    val_starts = round(len(ordered) * TRAIN_FRACTION)
    test_starts = round(len(ordered) * (TRAIN_FRACTION + VAL_FRACTION))
    return {
        name: "train" if place < val_starts else "val" if place < test_starts else "test"
        for place, name in enumerate(ordered)
    }


def natural_order(name: str) -> tuple[list[tuple[int, str]], str]:
    """Sort key that counts as people do: IMG_9 before IMG_10."""
    pieces = re.split(r"([0-9]+)", name.lower())
    return [(int(piece), "") if place % 2 else (0, piece) for place, piece in enumerate(pieces)], name
