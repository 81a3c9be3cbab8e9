"""Labels and scores of many photos, by the same road that serving takes: what calibration and evaluation work on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from datasets.manifest import LabelledPhoto, Manifest, Split
from datasets.photos import for_each_photo
from model.classifier import Classifier
from model.decision import Decision
from model.errors import PhotoError
from training.errors import TrainingError


@dataclass(frozen=True, kw_only=True)
class ScoredPhotos:
    """Photos of a manifest with what was judged and what the network gave, row by row."""

    photos: tuple[LabelledPhoto, ...]
    labels: npt.NDArray[np.float32]
    """(photos, labels) 1, 0, or NaN where nobody judged."""
    logits: npt.NDArray[np.float32]
    """(photos, labels), before calibration."""
    features: npt.NDArray[np.float32] | None
    """(photos, 1280), what the network saw; None if it shows no features."""

    def of_kind(self, kind: str) -> npt.NDArray[np.bool_]:
        """(photos,) which were collected as this kind."""
        return np.array([photo.kind == kind for photo in self.photos], dtype=bool)


def join_scored(*scored: ScoredPhotos) -> ScoredPhotos:
    """All of them as one, in their order; with features if each photo has some."""
    photos = tuple(photo for each in scored for photo in each.photos)
    seen = [each.features for each in scored if each.features is not None]
    return ScoredPhotos(
        photos=photos,
        labels=np.concatenate([each.labels for each in scored]),
        logits=np.concatenate([each.logits for each in scored]),
        features=np.concatenate(seen) if seen and sum(map(len, seen)) == len(photos) else None,
    )


@dataclass(frozen=True, kw_only=True)
class DecidedPhotos:
    """Scored photos with what is said of each, row by row."""

    scored: ScoredPhotos
    scores: npt.NDArray[np.float32]
    """(photos, labels) 0-1, calibrated."""
    decisions: tuple[Decision, ...]
    found: npt.NDArray[np.bool_]
    """(photos, labels), which problems are said to be there."""

    @property
    def photos(self) -> tuple[LabelledPhoto, ...]:
        """As scored."""
        return self.scored.photos

    @property
    def labels(self) -> npt.NDArray[np.float32]:
        """(photos, labels) 1, 0, or NaN where nobody judged."""
        return self.scored.labels


def _file_of(photo: LabelledPhoto) -> bytes:
    return photo.path.read_bytes()


def score_split(
    classifier: Classifier, manifest: Manifest, split: Split, read: Callable[[LabelledPhoto], bytes] = _file_of
) -> ScoredPhotos:
    """Decode and score each photo of a split, on all cores.

    Args:
        read: gives the bytes that are scored in the photo's place.

    Raises:
        TrainingError: a photo cannot be read, or manifest and card do not name the same labels in the same order.
    """
    check_labels(classifier, manifest)
    photos = manifest.split(split)

    def score(photo: LabelledPhoto) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
        try:
            prepared = classifier.prepare(read(photo))
        except (OSError, PhotoError) as error:
            raise unreadable(photo, error) from error
        return classifier.look(prepared.pixels[None])

    rows = for_each_photo(score, photos, "scoring")
    logits = [given for given, _ in rows]
    features = [seen for _, seen in rows if seen is not None]
    return ScoredPhotos(
        photos=photos,
        labels=manifest.label_array(photos),
        logits=np.concatenate(logits) if logits else np.zeros((0, len(manifest.labels)), dtype=np.float32),
        features=np.concatenate(features) if features else None,
    )


def decide_photos(classifier: Classifier, scored: ScoredPhotos) -> DecidedPhotos:
    """What is said of each photo, from its file on: serving may see more in a photo than its scores.

    Raises:
        TrainingError: a photo cannot be read.
    """
    labels = classifier.card.labels

    def decide(photo: LabelledPhoto) -> Decision:
        try:
            return classifier.classify([photo.path.read_bytes()])[0].decision
        except (OSError, PhotoError) as error:
            raise unreadable(photo, error) from error

    decisions = tuple(for_each_photo(decide, scored.photos, "deciding"))
    scores = [[decision.scores[label] for label in labels] for decision in decisions]
    return DecidedPhotos(
        scored=scored,
        scores=np.array(scores, dtype=np.float32).reshape(len(decisions), len(labels)),
        decisions=decisions,
        found=found_array(decisions, labels),
    )


def found_array(decisions: Sequence[Decision], labels: Sequence[str]) -> npt.NDArray[np.bool_]:
    """(decisions, labels), which problems each says are there."""
    rows = [[label in decision.problems for label in labels] for decision in decisions]
    return np.array(rows, dtype=bool).reshape(len(decisions), len(labels))


def check_labels(classifier: Classifier, manifest: Manifest) -> None:
    """Refuse a manifest whose columns are not the network's.

    Raises:
        TrainingError: manifest and card do not name the same labels in the same order.
    """
    if manifest.labels != classifier.card.labels:
        raise TrainingError(
            f"{manifest.path}: its label columns are {', '.join(manifest.labels)}, the model gives "
            f"{', '.join(classifier.card.labels)}; order the columns like the model, or train one on this manifest"
        )


def unreadable(photo: LabelledPhoto, error: Exception) -> TrainingError:
    """What to say where a photo of a manifest cannot be read."""
    return TrainingError(f"{photo.path}: {error}; run: python -m datasets check")
