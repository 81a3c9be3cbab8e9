"""Weak labels: those that say too often that a photo shows a problem which cannot be seen in it.

What is fitted to them learns to see the problem where it is not. A network finds features in such photos all the same;
its last layer, its scores and its thresholds are better fitted without them (docs/experiments.md).
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from datasets.errors import WeakLabelsInvalid
from datasets.manifest import LabelledPhoto, Manifest
from datasets.origins import listed_origins

WEAK_LABELS_FILE = Path(__file__).with_name("weak_labels.toml")


@dataclass(frozen=True, kw_only=True)
class WeakLabel:
    """A problem that photos of some origins are said to show, each origin named by how its text begins."""

    problem: str
    origins: tuple[str, ...]

    def holds(self, photo: LabelledPhoto) -> bool:
        """Whether the photo as a whole is said to show it; a person has looked at every region."""
        said = photo.labels[self.problem] is True and photo.region is None
        return said and photo.origin.startswith(self.origins)


def read_weak_labels(path: Path, manifest: Manifest) -> tuple[WeakLabel, ...]:
    """The weak labels of a file (the form is that of datasets/weak_labels.toml).

    Raises:
        WeakLabelsInvalid: the file cannot be read, or names a problem or an origin that the manifest lacks.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        labels = tuple(
            WeakLabel(problem=str(weak["problem"]), origins=listed_origins(weak["origins"])) for weak in content["weak"]
        )
    except OSError as error:
        cure = f"give a file such as {WEAK_LABELS_FILE}"
        raise WeakLabelsInvalid([f"{path}: cannot be opened ({error.strerror}); {cure}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        cure = f"see {WEAK_LABELS_FILE} for the form"
        raise WeakLabelsInvalid([f"{path}: is no list of weak labels ({error!r}); {cure}"]) from error
    wrong = []
    known = {photo.origin for photo in manifest.photos}
    for label in labels:
        if label.problem not in manifest.labels:
            wrong.append(f"{path}: problem {label.problem!r} is no column of {manifest.path}; correct or remove it")
        wrong += [
            f"{path}: no photo of {manifest.path} has an origin that begins with {origin!r}; correct or remove it"
            for origin in label.origins
            if not any(text.startswith(origin) for text in known)
        ]
    if wrong:
        raise WeakLabelsInvalid(wrong)
    return labels


def without_weak(photos: Sequence[LabelledPhoto], weak: Sequence[WeakLabel]) -> tuple[LabelledPhoto, ...]:
    """The same photos, as if nobody had judged what is weak."""

    def blank(photo: LabelledPhoto) -> LabelledPhoto:
        unsure = {label.problem for label in weak if label.holds(photo)}
        return replace(photo, labels={**photo.labels, **dict.fromkeys(unsure)}) if unsure else photo

    return tuple(map(blank, photos))
