"""All photos of a run in one file of plain pixels.

Opening and decoding thousands of small files costs as much as a tenth of an epoch, every epoch. Here each photo is
decoded once, by the one road of `model.preprocessing`, into one array on disk that the loaders map into memory. The
file's name holds everything that decides its content, so a changed photo, side or rule makes another file.
"""

import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from datasets.manifest import LabelledPhoto
from datasets.photos import for_each_photo
from datasets.regions import cut
from model.errors import PhotoError
from model.files import replacing
from model.preprocessing import RESIZE_RULE, prepare_photo
from training.errors import TrainingError

log = logging.getLogger(__name__)


def pack_photos(photos: Sequence[LabelledPhoto], side: int, folder: Path) -> npt.NDArray[np.uint8]:
    """(photos, 3, side, side) uint8 RGB, mapped from a file in `folder` that is made when it is not there yet.

    Raises:
        TrainingError: a photo is missing or unreadable.
    """
    path = folder / f"{_content_key(photos, side)}.npy"
    if not path.is_file():
        log.info("packing %d photos at %d px into %s", len(photos), side, path)
        with replacing(path) as temporary:
            _write(photos, side, temporary)
    return np.load(path, mmap_mode="r")


def _content_key(photos: Sequence[LabelledPhoto], side: int) -> str:
    """Side, rule, and each photo's name, size and time of change (a hash of every file would cost a full read)."""
    digest = hashlib.sha256(f"{RESIZE_RULE} {side}".encode())
    for photo in photos:
        try:
            stat = photo.path.stat()
        except OSError as error:
            raise TrainingError(f"{photo.path}: {error.strerror}; run: python -m datasets check") from error
        part = f" {photo.region}" if photo.region else ""
        digest.update(f"{photo.file} {stat.st_size} {stat.st_mtime_ns}{part}\n".encode())
    return f"{side}px-{digest.hexdigest()[:16]}"


def _write(photos: Sequence[LabelledPhoto], side: int, path: Path) -> None:
    packed = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(len(photos), 3, side, side))
    with path.open("r+b") as file:  # a full disk shows here as an error, not later as a killed process
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)

    def decode(index: int) -> None:
        photo = photos[index]
        try:
            packed[index] = _pixels(photo, side)
        except (OSError, PhotoError) as error:
            raise TrainingError(f"{photo.path}: {error}; run: python -m datasets check") from error

    for_each_photo(decode, range(len(photos)), "packing")
    packed.flush()


def _pixels(photo: LabelledPhoto, side: int) -> npt.NDArray[np.uint8]:
    """(3, side, side) uint8 RGB of the photo, or of the region of it that is meant."""
    if photo.region is None:
        return prepare_photo(photo.path.read_bytes(), side).pixels
    return np.asarray(cut(photo).resize((side, side), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
