"""Finds what a set of photos lacks inside its own photos: parts that show nothing, beside the problem.

A trained model says where in a training photo its problem is; the part with the least evidence is proposed as a region.
It is a proposal: a person looks at the sheets and strikes the lines whose region shows a problem after all.

    python -m training regions MODEL --manifest M --problem graffiti --out graffiti.csv --sheets sheets
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from datasets.manifest import LabelledPhoto, Manifest, read_manifest
from datasets.photos import for_each_photo
from datasets.regions import LEAST_REGION_SIDE, Box, as_region, cut, write_regions
from model.classifier import Classifier
from model.errors import PhotoError
from training.errors import TrainingError
from training.scoring import unreadable

REACHES = (2, 3, 4, 6)  # height and width of a window, in cells of the evidence
SIZE_WEIGHT = 0.5  # a window with the whole photo's area may hold this much more of the strongest evidence
LEAST_STRONGEST = 4.0  # a logit: below it nothing in the photo is clearly the problem
SHEET_SIDE, SHEET_COLUMNS, SHEET_ROWS = 150, 10, 10

Evidence = npt.NDArray[np.float32]


def find_regions(
    folder: Path, manifest_path: Path, problem: str, out: Path, sheets: Path, *, count: int = 300, below: float = 0.0
) -> int:
    """Propose regions of training photos that show a problem; write them, and sheets to look at; say how many.

    Args:
        count: the most that are proposed, of those with the least evidence.
        below: share of a photo's height that lies above every region; 0.4 leaves roads without sky.

    Raises:
        TrainingError: the model gives no evidence, or the manifest has no such photos; ManifestError.
    """
    classifier = Classifier.load(folder, precision="fp32")
    manifest = read_manifest(manifest_path)
    if not classifier.gives_evidence:
        raise TrainingError(f"{folder}: its network gives no evidence; export it with this version")
    photos = _showing(problem, manifest)

    def look(photo: LabelledPhoto) -> tuple[float, LabelledPhoto] | None:
        try:
            prepared = classifier.prepare(photo.path.read_bytes())
        except (OSError, PhotoError) as error:
            raise unreadable(photo, error) from error
        cells = classifier.evidence(prepared.pixels[None])
        assert cells is not None  # gives_evidence
        share, box = least_evident(cells[0].max(axis=0), prepared.width, prepared.height, below)
        return (share, as_region(photo, box)) if box else None

    found = [proposed for proposed in for_each_photo(look, photos, "looking") if proposed]
    found.sort(key=lambda proposed: proposed[0])
    regions = tuple(region for _, region in found[:count])
    write_regions(regions, out)
    for place, sheet in enumerate(_draw_sheets(regions)):
        sheets.mkdir(parents=True, exist_ok=True)
        sheet.save(sheets / f"{problem}-{place + 1}.png")
    return len(regions)


def least_evident(evidence: Evidence, width: int, height: int, below: float) -> tuple[float, Box | None]:
    """Where a photo shows least: its strongest evidence there as a share of the photo's strongest, and the rectangle.

    Args:
        evidence: (rows, columns) float32 logits; cell (row, column) is centred at row / rows of the height and
            column / columns of the width.
    """
    rows, columns = evidence.shape
    strongest = max(float(evidence.max()), LEAST_STRONGEST)
    best, least, chosen = np.inf, np.inf, None
    for top, bottom in _spans(rows):
        for left, right in _spans(columns):
            (x0, x1), (y0, y1) = _pixels(left, right, columns, width), _pixels(top, bottom, rows, height)
            if y0 < below * height or min(x1 - x0, y1 - y0) < LEAST_REGION_SIDE:
                continue
            share = float(evidence[top : bottom + 1, left : right + 1].max()) / strongest
            worth = share - SIZE_WEIGHT * (x1 - x0) * (y1 - y0) / (width * height)
            if worth < best:
                best, least, chosen = worth, share, (x0, y0, x1, y1)
    return least, chosen


def _spans(cells: int) -> Iterator[tuple[int, int]]:
    """First and last cell of every window along one direction."""
    for reach in REACHES:
        for first in range(cells - reach + 1):
            yield first, first + reach - 1


def _pixels(first: int, last: int, cells: int, length: int) -> tuple[int, int]:
    start, end = (first - 0.5) / cells, (last + 0.5) / cells
    return max(0, round(start * length)), length if last == cells - 1 else round(end * length)


def _showing(problem: str, manifest: Manifest) -> list[LabelledPhoto]:
    if problem not in manifest.labels:
        raise TrainingError(f"{manifest.path}: has no column {problem}; known are {', '.join(manifest.labels)}")
    photos = [photo for photo in manifest.split("train") if photo.labels[problem]]
    if not photos:
        raise TrainingError(f"{manifest.path}: no training photo shows {problem}")
    return photos


def _draw_sheets(regions: Sequence[LabelledPhoto]) -> Iterator[Image.Image]:
    """Sheets of regions, each with the number of its line in the file."""
    each = SHEET_COLUMNS * SHEET_ROWS
    for start in range(0, len(regions), each):
        sheet = Image.new("RGB", (SHEET_COLUMNS * SHEET_SIDE, SHEET_ROWS * SHEET_SIDE))
        pencil = ImageDraw.Draw(sheet)
        for place, region in enumerate(regions[start : start + each]):
            x, y = place % SHEET_COLUMNS * SHEET_SIDE, place // SHEET_COLUMNS * SHEET_SIDE
            part = cut(region)
            scale = (SHEET_SIDE - 2) / max(part.size)
            sheet.paste(part.resize((max(1, int(part.width * scale)), max(1, int(part.height * scale)))), (x, y))
            line = str(start + place + 2)  # the header is line 1
            pencil.rectangle((x, y, x + 26, y + 12), fill="black")
            pencil.text((x + 2, y), line, fill="yellow")
        yield sheet
