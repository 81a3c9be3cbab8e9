"""Regions: rectangles of photos that show something else than their photo does.

What a set lacks is often inside it: the plain wall beside the tag, the sound asphalt beside the pothole, the water
without the car in it, taken by the same camera in the same street. A network that learns from them cannot take the wall
for the tag. One CSV line each, `file, sha256, left, top, right, bottom, shows`: pixels of the upright photo, and which
problems the region shows, separated by blanks; mostly none. Where it shows one, `-problem` says of another that it was
looked for and is not there. A person has looked at every one.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from datasets.errors import RegionsInvalid
from datasets.manifest import LabelledPhoto, Manifest, Split, kind_of
from datasets.rows import write_rows
from model.preprocessing import read_photo

VAL_REGIONS_FILE = Path(__file__).with_name("regions_val.csv")
"""Of validation photos: no run learns from them, `python -m training parts` measures with them."""

BOX_COLUMNS = ("left", "top", "right", "bottom")
REGION_COLUMNS = ("file", "sha256", *BOX_COLUMNS, "shows")
Box = tuple[int, int, int, int]

LEAST_REGION_SIDE = 48  # pixels; less shows nothing that could be told


def read_regions(path: Path, manifest: Manifest, split: Split = "train") -> tuple[LabelledPhoto, ...]:
    """The regions as photos of their own, of the split, source and origin of the photo they are in.

    Args:
        split: of the photos that the regions may be in.

    Raises:
        RegionsInvalid: the file cannot be read, or a line does not fit a photo of that split.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            rows = [(reader.line_num, row) for row in reader]
            columns = tuple(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RegionsInvalid([f"{path}: cannot be read ({error}); give a file such as datasets/regions.csv"]) from error
    if columns != REGION_COLUMNS:
        raise RegionsInvalid([f"{path}:1: columns are {', '.join(columns)}, expected {', '.join(REGION_COLUMNS)}"])
    photos = {photo.file: photo for photo in manifest.split(split)}
    regions, wrong = [], []
    for number, row in rows:
        photo, box = photos.get(row["file"]), _box(row)
        if (what := _wrong_with(row, photo, box)) or photo is None or box is None:
            wrong.append(f"{path}:{number}: {what}")
        else:
            said = (row["shows"] or "").split()
            absent = [word.removeprefix("-") for word in said if word.startswith("-")]
            regions.append(as_region(photo, box, [word for word in said if not word.startswith("-")], absent))
    if wrong:
        raise RegionsInvalid(wrong)
    return tuple(regions)


def as_region(photo: LabelledPhoto, box: Box, shows: Sequence[str] = (), absent: Sequence[str] = ()) -> LabelledPhoto:
    """The rectangle (left, top, right, bottom) of a photo, in pixels, as a photo that shows just these problems.

    Where it shows one, nobody has judged it for the others that its photo shows or was not judged for, but for those
    that are said to be `absent`.
    """
    labels: dict[str, bool | None] = dict.fromkeys(photo.labels, False)
    if shows:
        labels = {
            label: True if label in shows else (None if shown is not False and label not in absent else False)
            for label, shown in photo.labels.items()
        }
    return replace(photo, region=box, kind=kind_of(labels), labels=labels)


def cut(region: LabelledPhoto) -> Image.Image:
    """The part of its photo that a region is, upright, mode RGB.

    Raises:
        OSError, PhotoError: the photo cannot be read.
    """
    return read_photo(region.path.read_bytes()).crop(region.region)


def write_regions(regions: tuple[LabelledPhoto, ...], path: Path) -> Path:
    """Write them as `read_regions` reads them."""
    rows = [
        [
            photo.file,
            photo.sha256,
            *map(str, photo.region or ()),
            " ".join(_said(photo.labels)),
        ]
        for photo in regions
    ]
    return write_rows(path, REGION_COLUMNS, rows)


def _said(labels: Mapping[str, bool | None]) -> list[str]:
    shows = [label for label, shown in labels.items() if shown]
    return [*shows, *(f"-{label}" for label, shown in labels.items() if shown is False)] if shows else []


def _box(row: Mapping[str, str]) -> Box | None:
    try:
        left, top, right, bottom = (int(row[name]) for name in BOX_COLUMNS)
    except (TypeError, ValueError):
        return None
    return left, top, right, bottom


def _wrong_with(row: Mapping[str, str], photo: LabelledPhoto | None, box: Box | None) -> str | None:
    if photo is None:
        return f"{row['file']} is no photo of this split of the manifest; remove the line, or add the photo"
    if photo.sha256 and photo.sha256 != row["sha256"]:
        return f"{row['file']} has changed since its region was looked at; look again, then correct sha256"
    if box is None:
        return f"{', '.join(BOX_COLUMNS)} must be whole numbers of pixels"
    if unknown := {word.removeprefix("-") for word in (row["shows"] or "").split()} - set(photo.labels):
        return f"shows {', '.join(unknown)}, expected problems of the manifest: {', '.join(photo.labels)}, or nothing"
    left, top, right, bottom = box
    width, height = photo.width or right, photo.height or bottom
    if not (left >= 0 and right <= width and top >= 0 and bottom <= height):
        return f"({left}, {top}, {right}, {bottom}) is not within the photo of {width} x {height}"
    if min(right - left, bottom - top) < LEAST_REGION_SIDE:
        return f"({left}, {top}, {right}, {bottom}) is less than {LEAST_REGION_SIDE} pixels high or wide"
    return None
