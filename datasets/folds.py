"""Leave-origins-out: which origins are left out together, so that a model is measured on places it never saw."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets.errors import FoldsInvalid
from datasets.manifest import LabelledPhoto
from datasets.origins import listed_origins

FOLDS_FILE = Path(__file__).with_name("folds.toml")


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Origins that are left out of one training, each named by how its text in the manifest begins."""

    name: str
    origins: tuple[str, ...]

    def holds(self, photo: LabelledPhoto) -> bool:
        """Whether the photo comes from one of the origins."""
        return photo.origin.startswith(self.origins)


def read_folds(path: Path, photos: Sequence[LabelledPhoto]) -> tuple[Fold, ...]:
    """The folds of a file (the form is that of datasets/folds.toml).

    Args:
        photos: which the folds are for; each must be in exactly one of them.

    Raises:
        FoldsInvalid: the file cannot be read, or origins are in no fold or in several.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        folds = tuple(Fold(name=str(fold["name"]), origins=listed_origins(fold["origins"])) for fold in content["fold"])
    except OSError as error:
        raise FoldsInvalid(
            [f"{path}: cannot be opened ({error.strerror}); give a file such as {FOLDS_FILE}"]
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise FoldsInvalid([f"{path}: is no list of folds ({error!r}); see {FOLDS_FILE} for the form"]) from error
    wrong = []
    for origin, photo in {photo.origin: photo for photo in photos}.items():
        names = [fold.name for fold in folds if fold.holds(photo)]
        if len(names) != 1:
            found = f"in {' and '.join(names)}" if names else "in no fold"
            wrong.append(f"{path}: origin {origin!r} is {found}; name it in exactly one")
    if len({fold.name for fold in folds}) < len(folds) or len(folds) < 2:
        wrong.append(f"{path}: found folds {[fold.name for fold in folds]}; needed are two or more with distinct names")
    if wrong:
        raise FoldsInvalid(wrong)
    return folds
