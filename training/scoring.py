"""Labels and scores of many photos, by the same road that serving takes: what calibration and evaluation work on."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from datasets.manifest import LabelledPhoto, Manifest, Split
from datasets.photos import for_each_photo
from model.classifier import Classifier
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


def score_split(classifier: Classifier, manifest: Manifest, split: Split) -> ScoredPhotos:
    """Decode and score each photo of a split, on all cores.

    Raises:
        TrainingError: a photo cannot be read, or manifest and card do not name the same labels in the same order.
    """
    labels = classifier.card.labels
    if manifest.labels != labels:
        raise TrainingError(
            f"{manifest.path}: its label columns are {', '.join(manifest.labels)}, the model gives "
            f"{', '.join(labels)}; order the columns like the model, or train one on this manifest"
        )
    photos = manifest.split(split)

    def score(photo: LabelledPhoto) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
        try:
            prepared = classifier.prepare(photo.path.read_bytes())
        except (OSError, PhotoError) as error:
            raise TrainingError(f"{photo.path}: {error}; run: python -m datasets check") from error
        return classifier.look(prepared.pixels[None])

    rows = for_each_photo(score, photos, "scoring")
    logits = [given for given, _ in rows]
    features = [seen for _, seen in rows if seen is not None]
    return ScoredPhotos(
        photos=photos,
        labels=manifest.label_array(photos),
        logits=np.concatenate(logits) if logits else np.zeros((0, len(labels)), dtype=np.float32),
        features=np.concatenate(features) if features else None,
    )
