"""Everything `model` refuses, in one tree.

ModelError
├── PhotoError                 one photo cannot be used; `code` is stable and reaches JSON and HTTP unchanged
│   ├── NotAPhoto              not JPEG, PNG, WebP or HEIC
│   ├── PhotoTruncated         the file ends early or its data is damaged
│   ├── PhotoTooSmall          a side is shorter than MIN_SIDE
│   └── PhotoTooManyPixels     more than MAX_PIXELS
├── CatalogueError             problems.toml or a code table is wrong
└── ReleaseError               a model folder cannot be used
    ├── ReleaseFileMissing
    ├── ReleaseFileChanged
    ├── CardInvalid
    ├── LabelMismatch
    └── NoEvidence             its network scores, but does not say which part of a photo the scores come from
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar


class ModelError(Exception):
    """Base of every error this package raises on purpose."""


class PhotoError(ModelError):
    """One photo cannot be used. The message says what was found and what to do; `code` names the kind for programs.

    `found` holds the values in the message by name, so that it can be said in another language.
    """

    code: ClassVar[str] = "photo_unusable"

    def __init__(self, message: str, **found: int | str) -> None:
        super().__init__(message)
        self.found = found


class NotAPhoto(PhotoError):
    """The bytes are none of the accepted formats."""

    code = "photo_format"

    def __init__(self, first_bytes: bytes) -> None:
        start = first_bytes[:12].hex(" ")
        found = f"bytes starting with {start}" if start else "an empty file"
        super().__init__(
            f"found {found}, expected a JPEG, PNG, WebP or HEIC photo; send the camera's own file",
            start=start or "0 bytes",
        )


class PhotoTruncated(PhotoError):
    """The header names a photo, the rest is missing or damaged."""

    code = "photo_truncated"

    def __init__(self, reason: str) -> None:
        super().__init__(f"the photo is cut off or damaged ({reason}); send the whole file again", reason=reason)


class PhotoTooSmall(PhotoError):
    """A side is shorter than the least that can be judged."""

    code = "photo_too_small"

    def __init__(self, width: int, height: int, min_side: int) -> None:
        super().__init__(
            f"the photo is {width}x{height} pixels, each side must have at least {min_side}; "
            "send the original, not a thumbnail",
            width=width,
            height=height,
            min_side=min_side,
        )


class PhotoTooManyPixels(PhotoError):
    """The header announces more pixels than are ever decoded."""

    code = "photo_too_many_pixels"

    def __init__(self, width: int, height: int, max_pixels: int) -> None:
        super().__init__(
            f"the photo is {width}x{height} = {width * height / 1e6:.0f} megapixels, at most "
            f"{max_pixels / 1e6:.0f} are accepted; set the camera to a smaller picture",
            width=width,
            height=height,
            max_pixels=max_pixels,
        )


class CatalogueError(ModelError):
    """`problems.toml` or a code table holds something it must not."""


class ReleaseError(ModelError):
    """A model folder cannot be used as it is."""


class ReleaseFileMissing(ReleaseError):
    """One of the files that make up a released model is not there."""

    def __init__(self, folder: Path, name: str, expected: Sequence[str]) -> None:
        super().__init__(
            f"{folder}: {name} is missing; a released model holds {', '.join(expected)}. "
            "Copy the whole folder again, or make one: python -m training release"
        )


class ReleaseFileChanged(ReleaseError):
    """A file is not the one its card describes."""

    def __init__(self, path: Path, expected_sha256: str, found_sha256: str) -> None:
        super().__init__(
            f"{path}: SHA-256 is {found_sha256[:12]}…, card.json says {expected_sha256[:12]}…; "
            "the file is damaged or from another version. Copy the whole folder again"
        )


class CardInvalid(ReleaseError):
    """`card.json` says something that cannot be true."""

    def __init__(self, where: str, found: str, cure: str = "export the model again: python -m training export") -> None:
        super().__init__(f"{where}: {found}; {cure}")


class LabelMismatch(ReleaseError):
    """The network and its card disagree on how many problems there are."""

    def __init__(self, network: Path, outputs: object, labels: Sequence[str]) -> None:
        super().__init__(
            f"{network}: scores {outputs} problems but card.json names {len(labels)} "
            f"({', '.join(labels)}); export both again: python -m training export"
        )


class NoEvidence(ReleaseError):
    """Evidence was asked of a network that gives none."""

    def __init__(self, folder: Path, version: str) -> None:
        super().__init__(
            f"{folder}: the network of version {version} was exported without evidence, which an overlay draws; "
            "name a later model by --model, or export this one again from its run: python -m training export"
        )
