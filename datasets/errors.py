"""Everything `datasets` refuses, in one tree.

DatasetError
├── ManifestError       a manifest cannot be read or written as it is
├── PhotosUnreadable    some files are not usable photos, and nobody said to skip them
├── FoldersInvalid      a folder of folders cannot be imported as it is
├── FoldsInvalid        the list of folds does not leave each origin out exactly once
├── RegionsInvalid      a region is not within a training photo as it was looked at
└── WeakLabelsInvalid   the list of weak labels does not fit the manifest
"""

from collections.abc import Sequence
from pathlib import Path

SHOWN = 10
"""Wrong lines or files named in one message; the rest are counted."""


class DatasetError(Exception):
    """Base of every error this package raises on purpose."""


class ManifestError(DatasetError):
    """A manifest is not what it must be; each of `wrong` says which line, what was found and what to do."""

    def __init__(self, wrong: Sequence[str]) -> None:
        self.wrong = tuple(wrong)
        super().__init__(_first_of(self.wrong))


class PhotosUnreadable(DatasetError):
    """Files that were to become photos of a manifest and are none."""

    def __init__(self, folder: Path, wrong: Sequence[str]) -> None:
        self.wrong = tuple(wrong)
        super().__init__(
            f"{folder}: {len(wrong)} of the files cannot be used, so nothing was written; replace or remove them, "
            f"or leave them out with --skip-unreadable:\n{_first_of(self.wrong)}"
        )


class FoldersInvalid(DatasetError):
    """The folders' names or contents do not say what the photos show."""


class FoldsInvalid(DatasetError):
    """The list of folds does not leave each origin out exactly once."""

    def __init__(self, wrong: Sequence[str]) -> None:
        super().__init__(_first_of(wrong))


class RegionsInvalid(DatasetError):
    """The list of regions does not fit the photos; each of `wrong` says which line, what was found and what to do."""

    def __init__(self, wrong: Sequence[str]) -> None:
        self.wrong = tuple(wrong)
        super().__init__(_first_of(self.wrong))


class WeakLabelsInvalid(DatasetError):
    """The list of weak labels does not fit the manifest."""

    def __init__(self, wrong: Sequence[str]) -> None:
        super().__init__(_first_of(wrong))


def _first_of(lines: Sequence[str]) -> str:
    more = [f"… and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "\n".join([*lines[:SHOWN], *more])
