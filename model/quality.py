"""Which photos no problem can be read from, whatever it scores: dark, unsharp, of nothing, or like nothing known.

The last is told by features, see model/familiarity.py; the others here, from the picture.

Three statistics of the brightness on a grid of CELLS x CELLS, each with one limit. The limits are properties of photos,
not of a model. Of the 5,246 photos in the training and validation splits of this project none has an issue, and the
nearest to each limit is noted beside it. Of 500 of them (seed 5), spoilt at 224 pixels, these shares have one:

    exposed 4, 5, 6 and 7 stops less              0.01, 0.08, 0.45 and 1.00
    Gaussian blur of 2, 3, 4 and 6 pixels         0.03, 0.34, 0.85 and 1.00
    moved by 11, 21, 31 and 39 pixels             0.08, 0.58, 0.83 and 0.91
    one colour with noise of 0, 4 and 8 levels    1.00, 1.00 and 0.99

Seen by a person, in seven photos, the problem can still be told at 5 stops, a blur of 2 and a movement of 11 pixels.

What is sharp in a blurred photo, such as the date that an app has written into it, hides the blur.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from model.preprocessing import brightness
from model.problems import Language

CELLS = 64  # a side: finer and noise counts as sharpness, coarser and blur is missed

BRIGHT_SHARE = 0.05  # of the photo; a lamp in the night does not light a street
LEAST_BRIGHT = 30
"""Grey levels 0-255 that this share of the photo must reach; the darkest real photo reaches 55."""

LEAST_DETAIL = 10.0
"""Grey levels by which something must stand out from its two sides, on cells of twice the side, which average noise
away; 18 do in the plainest real photo, a plastered wall, and 9 in a frame of one colour with very strong noise."""

LEAST_SHARPNESS = 0.18
"""How far EDGE_CELLS cells must stand out from their two sides, as a share of the photo's contrast and in the direction
in which they do so least: motion leaves the edges along its own direction. The least sharp real photo has 0.21."""
EDGE_CELLS = 8

_DARK, _BRIGHT, _BRIGHTEST = (round(share * CELLS**2) for share in (0.02, 1 - BRIGHT_SHARE, 0.98))
"""Ranks of cells; contrast is what lies between the first and the last."""


class QualityIssue(StrEnum):
    """Why nothing can be read from a photo."""

    TOO_DARK = "too_dark"
    TOO_BLURRED = "too_blurred"  # out of focus or moved
    NO_DETAIL = "no_detail"  # a frame of nearly one colour: a covered lens, a bare wall
    NOT_A_STREET = "not_a_street"  # what the network saw is like nothing it learned from
    UNFAMILIAR = "unfamiliar"  # it would find a problem, in a photo unlike all that showed one


ADVICE: Mapping[QualityIssue, Mapping[Language, str]] = MappingProxyType(
    {
        QualityIssue.TOO_DARK: {
            "zh": "太暗，请补光或换角度重拍",
            "en": "Too dark: take it again with more light or from another side",
        },
        QualityIssue.TOO_BLURRED: {
            "zh": "太模糊，请持稳对焦后重拍",
            "en": "Too blurred: hold still, focus and take it again",
        },
        QualityIssue.NO_DETAIL: {
            "zh": "画面没有内容，请对准问题重拍",
            "en": "Nothing to see: point the camera at the problem and take it again",
        },
        QualityIssue.NOT_A_STREET: {
            "zh": "不像街面照片，请对准现场重拍",
            "en": "Does not look like a street: take a photo of the place",
        },
        QualityIssue.UNFAMILIAR: {
            "zh": "画面与已知问题差别较大，请从近处再拍一张",
            "en": "Unlike the problems known here: take another one from closer",
        },
    }
)
"""What patrol staff should do about each issue."""


def find_issues(pixels: npt.NDArray[np.uint8]) -> tuple[QualityIssue, ...]:
    """What is wrong with a photo; () where nothing is.

    At most one issue: a black frame has no detail either, and a frame of one colour no edge.

    Args:
        pixels: (3, side, side) uint8 RGB, 0-255, as the network takes it.
    """
    cells = brightness(pixels, CELLS).astype(np.float32)
    dark, bright, brightest = np.partition(cells, (_DARK, _BRIGHT, _BRIGHTEST), axis=None)[[_DARK, _BRIGHT, _BRIGHTEST]]
    if bright < LEAST_BRIGHT:
        return (QualityIssue.TOO_DARK,)
    coarse = cells[::2, ::2] + cells[::2, 1::2] + cells[1::2, ::2] + cells[1::2, 1::2]
    if _standing_out(coarse).max() / 4 < LEAST_DETAIL:
        return (QualityIssue.NO_DETAIL,)
    edges = (_standing_out(cells) >= LEAST_SHARPNESS * (brightest - dark)).sum(axis=1)  # in each direction
    return (QualityIssue.TOO_BLURRED,) if edges.min() < EDGE_CELLS else ()


def _standing_out(cells: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(side, side) → (4, inner cells): grey levels between twice a cell and its two neighbours, in four directions."""
    middle = 2 * cells[1:-1, 1:-1]
    across = middle - cells[1:-1, 2:] - cells[1:-1, :-2]
    down = middle - cells[2:, 1:-1] - cells[:-2, 1:-1]
    falling = middle - cells[2:, 2:] - cells[:-2, :-2]
    rising = middle - cells[2:, :-2] - cells[:-2, 2:]
    return np.abs(np.stack([across, down, falling, rising])).reshape(4, -1)
