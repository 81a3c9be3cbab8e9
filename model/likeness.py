"""Which photos look alike, although not a byte of their files agrees.

Copies found on the web were re-compressed, toned, cropped and mirrored; a patrol series shows one scene again and
again. A photo's signature is the idea of pHash (low frequencies of a cosine transform) kept as numbers instead of
rounded to bits, and taken of several views (crops and the mirror image) of one of the two photos: on this project's
photos that finds 45 true pairs where a 256-bit pHash, set to the same precision, finds 25.

The checks of a dataset and the duplicates among reports must agree on it, so it lives here.
"""

import numpy as np
import numpy.typing as npt

SIDE = 64
"""Pixels; what `signatures` takes."""

FREQUENCIES = 16  # a side: details finer than 1/16 of the photo do not survive re-compression
ALIKE = 0.75
"""Cosine from which two photos count as alike; chosen by looking at the pairs around it."""

Floats = npt.NDArray[np.float32]

# What of the photo a view keeps: rows from, to and columns from, to, as fractions. Crops as web sites make them.
_VIEWS = (
    (0.0, 1.0, 0.0, 1.0),
    (0.0, 1.0, 1.0, 0.0),  # the mirror image
    (0.1, 0.9, 0.0, 1.0),
    (0.17, 0.83, 0.0, 1.0),
    (0.0, 0.9, 0.0, 1.0),  # a bottom strip with a stock agency's name
    (0.0, 0.8, 0.0, 1.0),
    (0.0, 1.0, 0.1, 0.9),
    (0.0, 1.0, 0.17, 0.83),
    (0.05, 0.95, 0.05, 0.95),
    (0.1, 0.9, 0.1, 0.9),
)


def signatures(pixels: npt.NDArray[np.uint8]) -> Floats:
    """What a photo looks like.

    Args:
        pixels: (3, SIDE, SIDE) uint8 RGB, as `prepare_photo` or `shrink` gives them.

    Returns:
        (views, FREQUENCIES²) float32, each row of length 1, or 0 for a photo of one colour; row 0 is the whole photo.
    """
    grey = np.tensordot(np.array([0.299, 0.587, 0.114], dtype=np.float32), pixels, axes=1)
    rows = np.stack([rows @ grey @ columns.T for rows, columns in _TRANSFORMS]).reshape(len(_VIEWS), -1)
    rows[:, 0] = 0  # the mean brightness: exposure tells nothing
    rows = np.sign(rows) * np.sqrt(np.abs(rows))  # else the one or two lowest frequencies decide alone
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = np.divide(rows, length, out=np.zeros_like(rows), where=length > 1)
    return unit


def _transform(start: float, stop: float) -> Floats:
    """(FREQUENCIES, SIDE): stretch `start`-`stop` of an axis over SIDE points, then take its cosine transform."""
    centres = (np.arange(SIDE) + 0.5) / SIDE
    points = (start + (stop - start) * centres) * SIDE - 0.5
    stretch = np.array([np.interp(points, np.arange(SIDE), pixel) for pixel in np.eye(SIDE)]).T
    cosines = np.cos(np.pi * np.outer(np.arange(FREQUENCIES), centres))
    cosines[0] /= np.sqrt(2)
    transform: Floats = (cosines @ stretch).astype(np.float32)
    return transform


_TRANSFORMS = tuple((_transform(top, bottom), _transform(left, right)) for top, bottom, left, right in _VIEWS)
