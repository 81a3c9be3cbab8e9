"""The manifest: one CSV line a photo, with what it shows and which split it belongs to.

`file`, `split` and at least one problem column are required. A problem column is named by a key of model/problems.toml
and holds `1` (shows it), `0` (does not) or nothing (nobody judged it: out of the loss and out of the score).
"""

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from datasets.errors import ManifestError
from datasets.rows import METADATA_COLUMNS, parse_row, write_rows
from model.card import file_sha256
from model.problems import load_problems

Split = Literal["train", "val", "test", "ood"]
SPLITS: tuple[Split, ...] = get_args(Split)
"""`ood` holds photos of none of the problems, to see whether the model knows what it does not know."""

NO_ISSUE = "no_issue"
"""The kind of a photo that shows none of the problems."""
UNNAMED = "unnamed"


@dataclass(frozen=True, kw_only=True)
class LabelledPhoto:
    """One line of a manifest."""

    file: str
    """Below the manifest's folder, with forward slashes."""
    path: Path
    labels: Mapping[str, bool | None]
    """Problem key → whether the photo shows it; None: nobody judged it."""
    split: Split
    kind: str
    """What it was collected as: a problem key, `no_issue`, or something outside the problems."""
    source: str = UNNAMED
    """The collection it came from."""
    origin: str = UNNAMED
    """Where that collection has its photos from; several sources can share one."""
    sha256: str = ""
    width: int | None = None
    height: int | None = None
    repo: str = ""
    commit: str = ""
    original_path: str = ""
    license: str = ""
    region: tuple[int, int, int, int] | None = None
    """Left, top, right, bottom in pixels of the upright photo, where only this part of it is meant: see regions.py."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """All photos of one manifest file."""

    path: Path
    labels: tuple[str, ...]
    """Problem keys in the order of their columns."""
    photos: tuple[LabelledPhoto, ...]

    def split(self, name: Split) -> tuple[LabelledPhoto, ...]:
        """The photos of one split, in the order of the file."""
        if name not in SPLITS:
            raise ValueError(f"split {name!r} is not one of {', '.join(SPLITS)}")
        return tuple(photo for photo in self.photos if photo.split == name)

    def label_array(self, photos: Sequence[LabelledPhoto] | None = None) -> npt.NDArray[np.float32]:
        """(photos, labels) float32 of these photos, or of all: 1 shows it, 0 does not, NaN nobody judged it."""
        rows = [
            [np.nan if photo.labels[label] is None else float(photo.labels[label] or 0) for label in self.labels]
            for photo in (self.photos if photos is None else photos)
        ]
        return np.array(rows, dtype=np.float32).reshape(len(rows), len(self.labels))

    def fingerprint(self) -> str:
        """Hex SHA-256 of what can be learned: contents, labels and split of every photo, in no order.

        Raises:
            ManifestError: a line has no sha256 and its photo is missing.
        """
        lines = sorted(
            f"{photo.sha256 or _hash_of(photo)} {photo.split} "
            + " ".join(f"{label}={_cell(photo.labels[label])}" for label in sorted(self.labels))
            for photo in self.photos
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def read_manifest(path: Path) -> Manifest:
    """Read and check a manifest. Opens no photo: `python -m datasets check` does.

    Raises:
        ManifestError: with every wrong line, what was found there and what to do.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            lines = [(reader.line_num, cells) for cells in reader if cells]
    except FileNotFoundError as error:
        raise ManifestError([f"{path}: there is no such file; give the path of a manifest.csv"]) from error
    except OSError as error:
        raise ManifestError(
            [f"{path}: cannot be opened ({error.strerror}); give the path of a manifest.csv"]
        ) from error
    except UnicodeDecodeError as error:
        raise ManifestError([f"{path}: is not UTF-8 ({error.reason}); save it as “CSV UTF-8”"]) from error
    except csv.Error as error:
        raise ManifestError([f"{path}: is not CSV ({error}); correct its quotes or export it again"]) from error
    if len(lines) < 2:
        raise ManifestError([f"{path}: has no photo; expected a header line and one line a photo"])

    columns = tuple(lines[0][1])
    labels = _label_columns(path, columns)
    photos, wrong, seen = [], [], dict[str, int]()
    for number, cells in lines[1:]:
        row, found_wrong = parse_row(columns, cells, labels, SPLITS)
        if (first := seen.setdefault(row.get("file", ""), number)) != number:
            found_wrong.append(f"{row['file']} is on line {first} already; keep one of the two")
        wrong += [f"{path}:{number}: {what}" for what in found_wrong]
        if not wrong:
            photos.append(_photo(row, labels, path.parent))
    if wrong:
        raise ManifestError(wrong)
    return Manifest(path=path, labels=labels, photos=tuple(photos))


def write_manifest(manifest: Manifest, path: Path) -> Path:
    """Write a manifest, whole or not at all; `file` becomes each photo's path below the new manifest's folder.

    Raises:
        ManifestError: a photo is not below that folder.
    """
    folder = path.parent.absolute()
    if outside := [photo.path for photo in manifest.photos if not photo.path.is_relative_to(folder)]:
        raise ManifestError(
            [f"{path}: {photo} is not below its folder; write it beside the photos" for photo in outside]
        )
    others = METADATA_COLUMNS[1:]  # all but `file`, which comes first
    rows = (
        [
            photo.path.relative_to(folder).as_posix(),
            *label_cells(photo, manifest.labels),
            *metadata_cells(photo, others),
        ]
        for photo in manifest.photos
    )
    return write_rows(path, ["file", *manifest.labels, *others], rows)


def label_cells(photo: LabelledPhoto, labels: Sequence[str]) -> list[str]:
    """`1`, `0` or nothing for each of the labels."""
    return [_cell(photo.labels[label]) for label in labels]


def metadata_cells(photo: LabelledPhoto, columns: Sequence[str]) -> list[str]:
    """What the photo's line says in these columns."""
    return ["" if (value := getattr(photo, column)) is None else str(value) for column in columns]


def kind_of(labels: Mapping[str, bool | None]) -> str:
    """The kind of a photo where nobody wrote one: the first problem it shows, else `no_issue`."""
    return next((label for label, shown in labels.items() if shown), NO_ISSUE)


def _label_columns(path: Path, columns: Sequence[str]) -> tuple[str, ...]:
    problems = load_problems()
    wrong = [f"{path}:1: column {name!r} is there twice; keep one" for name in set(columns) if columns.count(name) > 1]
    wrong += [f"{path}:1: column {name!r} is missing; add it" for name in ("file", "split") if name not in columns]
    labels = tuple(name for name in columns if name not in METADATA_COLUMNS)
    wrong += [
        f"{path}:1: column {name!r} is an unknown label; known are {', '.join(problems)}. "
        "Correct the name, or add a table to model/problems.toml"
        for name in labels
        if name not in problems
    ]
    if not labels:
        wrong.append(f"{path}:1: no column is a problem; add at least one of {', '.join(problems)}")
    if wrong:
        raise ManifestError(wrong)
    return labels


def _photo(row: Mapping[str, str], labels: Sequence[str], folder: Path) -> LabelledPhoto:
    shown = MappingProxyType({label: {"1": True, "0": False, "": None}[row[label]] for label in labels})
    source = row.get("source") or UNNAMED
    return LabelledPhoto(
        file=row["file"],
        path=folder.absolute() / row["file"],
        labels=shown,
        split=next(split for split in SPLITS if split == row["split"]),
        kind=row.get("kind") or kind_of(shown),
        source=source,
        origin=row.get("origin") or source,
        sha256=row.get("sha256", ""),
        width=int(row["width"]) if row.get("width") else None,
        height=int(row["height"]) if row.get("height") else None,
        repo=row.get("repo", ""),
        commit=row.get("commit", ""),
        original_path=row.get("original_path", ""),
        license=row.get("license", ""),
    )


def _cell(shown: bool | None) -> str:
    return "" if shown is None else str(int(shown))


def _hash_of(photo: LabelledPhoto) -> str:
    try:
        return file_sha256(photo.path)
    except OSError as error:
        raise ManifestError(
            [f"{photo.path}: cannot be read ({error.strerror}); needed as its line has no sha256"]
        ) from error
