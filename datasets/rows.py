"""What each cell of a manifest may hold, and how its lines are written.

Finds everything wrong with a line at once, so that one pass corrects it.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from model.files import replacing

METADATA_COLUMNS = (
    "file",
    "kind",
    "split",
    "source",
    "origin",
    "repo",
    "commit",
    "original_path",
    "license",
    "width",
    "height",
    "sha256",
)
"""Every other column of a manifest is a problem."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PIXELS = re.compile(r"[1-9][0-9]{0,5}")


def parse_row(
    columns: Sequence[str], cells: Sequence[str], labels: Sequence[str], splits: Sequence[str]
) -> tuple[dict[str, str], list[str]]:
    """The cells by column, without surrounding blanks, and all that is wrong with them."""
    if len(cells) != len(columns):
        return {}, [f"has {len(cells)} cells, the header has {len(columns)}; add or remove commas"]
    row = {column: cell.strip() for column, cell in zip(columns, cells, strict=True)}
    wrong = [
        f"{label} is {row[label]!r}, expected 1 (shows it), 0 (does not) or nothing (not judged)"
        for label in labels
        if row[label] not in ("1", "0", "")
    ]
    if row["split"] not in splits:
        wrong.append(f"split is {row['split']!r}, expected one of {', '.join(splits)}")
    if not _stays_below(row["file"]):
        wrong.append(f"file is {row['file']!r}, expected a path below the manifest's folder such as road_damage/1.jpg")
    if (sha256 := row.get("sha256")) and not _SHA256.fullmatch(sha256):
        wrong.append(f"sha256 is {sha256!r}, expected 64 lower-case hex digits; leave it empty if unknown")
    wrong += [
        f"{side} is {row[side]!r}, expected pixels as a whole number; leave it empty if unknown"
        for side in ("width", "height")
        if row.get(side) and not _PIXELS.fullmatch(row[side])
    ]
    return row, wrong


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Path:
    """Write a CSV file, whole or not at all."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    return path


def _stays_below(file: str) -> bool:
    path = PurePosixPath(file)
    from_windows = "\\" in file or PureWindowsPath(file).drive
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and not from_windows
