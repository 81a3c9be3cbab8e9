"""What a model says of looked-at parts of validation photos: plain walls, sound asphalt, water without the car in it.

The set has no whole photos of them, so no other figure shows whether they are taken for problems.

    python -m training parts model/released/1.3.0 --manifest M
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from datasets.manifest import NO_ISSUE, LabelledPhoto, read_manifest
from datasets.photos import for_each_photo
from datasets.regions import cut, read_regions
from model.classifier import Classifier
from model.decision import Decision, Verdict
from model.errors import PhotoError
from training.metrics import proportion
from training.retakes import encode_exactly
from training.scoring import check_labels, unreadable
from training.tables import Table, interval_text


class Part(NamedTuple):
    """A region, the kind of the photo that it is a part of, and what is said of it."""

    region: LabelledPhoto
    photo_kind: str
    decision: Decision


def decide_parts(folder: Path, manifest_path: Path, regions_path: Path) -> list[Part]:
    """What the model as it is served says of each region, as if it were a photo of its own.

    Raises:
        RegionsInvalid, ManifestError, TrainingError: for what is read.
    """
    classifier = Classifier.load(folder)
    manifest = read_manifest(manifest_path)
    check_labels(classifier, manifest)
    kinds = {photo.file: photo.kind for photo in manifest.photos}

    def decide(region: LabelledPhoto) -> Part:
        try:
            decision = classifier.classify([encode_exactly(cut(region))])[0].decision
        except (OSError, PhotoError) as error:
            raise unreadable(region, error) from error
        return Part(region, kinds[region.file], decision)

    return for_each_photo(decide, read_regions(regions_path, manifest, "val"), "deciding")


def parts_table(parts: Sequence[Part]) -> Table:
    """One row for the parts of each kind of photo that show nothing; then one for those that show a problem."""
    rows = [["parts", "of photos of", "called a problem", "left to a person"]]
    empty = [part for part in parts if part.region.kind == NO_ISSUE]
    for kind in sorted({part.photo_kind for part in empty}):
        rows.append(_row("that show nothing", kind, [part for part in empty if part.photo_kind == kind]))
    if empty:
        rows.append(_row("that show nothing", "all", empty))
    for problem in sorted({part.region.kind for part in parts} - {NO_ISSUE}):
        shown = [part for part in parts if part.region.kind == problem]
        found = sum(problem in part.decision.problems for part in shown)
        rows.append(_row(f"that show {problem} (first share: found)", shown[0].photo_kind, shown, found))
    return rows


def _row(what: str, kind: str, parts: Sequence[Part], counted: int | None = None) -> list[str]:
    called = sum(part.decision.verdict is Verdict.PROBLEM for part in parts) if counted is None else counted
    left = sum(part.decision.verdict is Verdict.REVIEW for part in parts)
    shares = [interval_text(proportion(count, len(parts)).to_json()) for count in (called, left)]
    return [f"{len(parts)} {what}", kind, *shares]
