"""The catalogue: a manifest without its photos, small enough to live in the repository.

Anyone can rebuild the set from it: `original_path` of `repo` at `commit` is where each photo can be had. It reads as
a manifest too, so that two sets can be compared by their fingerprints where no photo is at hand.
"""

from pathlib import Path

from datasets.manifest import Manifest, label_cells, metadata_cells
from datasets.rows import write_rows

COLUMNS = ("kind", "split", "source", "repo", "commit", "original_path", "license", "sha256")
"""What is left out (origin, width, height) is in datasets/README.md or in the photo itself."""


def write_catalogue(manifest: Manifest, path: Path) -> Path:
    """Write the catalogue, whole or not at all, in the order of the files' names."""
    rows = (
        [photo.file, *label_cells(photo, manifest.labels), *metadata_cells(photo, COLUMNS)]
        for photo in sorted(manifest.photos, key=lambda photo: photo.file)
    )
    return write_rows(path, ["file", *manifest.labels, *COLUMNS], rows)
