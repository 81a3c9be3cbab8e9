"""Evidence drawn over its photo: a picture in which a person sees what the network took for a problem."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from model.preprocessing import copy_photo, read_photo

LONGEST_SIDE = 800  # pixels
_STRONGEST = 0.6  # opacity of the strongest cell; the photo must stay visible
_FAINT, _STRONG = np.array([255, 214, 0], dtype=np.float32), np.array([230, 0, 40], dtype=np.float32)
_LEAST_STRONG = 4.0  # a logit, score 0.98: a strongest cell below it is drawn weaker
_MOST_CERTAIN = 1 - 2**-24  # what float32 tells from 1
_CAPTION_PIXELS = 22  # height; less on a narrow photo
_CAPTION_SHARE = 1 / 16  # of the width, at most
_MARGIN_PIXELS = 8


def draw_overlay(photo: bytes, evidence: npt.NDArray[np.float32], caption: str) -> Image.Image:
    """The upright photo, LONGEST_SIDE pixels long at most, coloured where it speaks for a problem: yellow, then red.

    A cell with a score of 0.5 stays clear. Above it colour grows with the logit, not with the score, which is near 1
    all around what the network has found.

    Args:
        evidence: (rows, columns) float32 scores 0-1 of one problem, as ClassifiedPhoto has them.
        caption: one line in the top left corner.

    Raises:
        PhotoError: the bytes are not a usable photo.
    """
    picture = read_photo(copy_photo(photo, LONGEST_SIDE))
    score = evidence.astype(np.float64).clip(1 - _MOST_CERTAIN, _MOST_CERTAIN)
    logits = np.log(score / (1 - score))
    strength = _stretch((logits / max(logits.max(), _LEAST_STRONG)).astype(np.float32), picture.size)
    drawn = Image.fromarray(_colour(np.asarray(picture, dtype=np.float32), strength.clip(0, 1)))
    _write(drawn, caption)
    return drawn


def _stretch(cells: npt.NDArray[np.float32], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """(rows, columns) → (height, width), smoothly. The first cell is centred on the corner, see ClassifiedPhoto."""
    rows, columns = cells.shape
    padded = Image.fromarray(np.pad(cells, ((0, 1), (0, 1)), mode="edge"))
    box = (0.5, 0.5, columns + 0.5, rows + 0.5)
    return np.asarray(padded.resize(size, Image.Resampling.BICUBIC, box=box))


def _colour(pixels: npt.NDArray[np.float32], strength: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """(height, width, 3) float32 RGB 0-255 and (height, width) 0-1 → (height, width, 3) uint8."""
    strength = strength[:, :, None]
    opacity = _STRONGEST * strength
    tint = _FAINT + (_STRONG - _FAINT) * strength
    return (pixels + (tint - pixels) * opacity).round().astype(np.uint8)


def _write(picture: Image.Image, caption: str) -> None:
    pencil = ImageDraw.Draw(picture)
    font = ImageFont.load_default(min(_CAPTION_PIXELS, picture.width * _CAPTION_SHARE))
    _, _, right, bottom = pencil.textbbox((_MARGIN_PIXELS, _MARGIN_PIXELS), caption, font)
    pencil.rectangle((0, 0, right + _MARGIN_PIXELS, bottom + _MARGIN_PIXELS), fill=(20, 24, 28))
    pencil.text((_MARGIN_PIXELS, _MARGIN_PIXELS), caption, fill=(255, 255, 255), font=font)
