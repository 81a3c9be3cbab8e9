"""Which photos of a set look alike, although not a byte of their files agrees.

What a photo's signature is, and from where on two count as alike, is in model/likeness.py.
"""

from collections.abc import Iterator

import numpy as np

from model.likeness import ALIKE, Floats

_PAIRS_AT_ONCE = 16_000_000  # 64 MB of float32


def alike_pairs(photos: Floats, alike: float = ALIKE) -> Iterator[tuple[int, int, float]]:
    """Every pair (i, j, cosine), i < j, that looks alike in some view of either photo.

    A matrix product a view: 6,000 photos take three seconds on two cores, 100,000 about a quarter of an hour and 1 GB.

    Args:
        photos: (photos, views, FREQUENCIES²) float32.
    """
    whole = np.ascontiguousarray(photos[:, 0])
    step = max(1, _PAIRS_AT_ONCE // max(1, len(photos)))
    best: dict[tuple[int, int], float] = {}
    for start in range(0, len(photos), step):
        block = photos[start : start + step]
        for view in range(photos.shape[1]):
            cosines = np.ascontiguousarray(block[:, view]) @ whole.T
            for row, column in np.argwhere(cosines >= alike).tolist():
                pair = (min(start + row, column), max(start + row, column))
                if pair[0] != pair[1]:
                    best[pair] = max(best.get(pair, 0.0), float(cosines[row, column]))
    for (first, second), cosine in sorted(best.items()):
        yield first, second, cosine
