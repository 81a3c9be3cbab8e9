"""Validation photos as they would be from farther away: each set into a normal street, where it takes up less.

Photos of a new place differ most in how much of them the problem takes up: who knows close-ups scores the tag at the
end of a street low, and is sure. Scores that are scaled, and thresholds that are set, on photos of the known places
alone do not know of it. With photos changed as new places would change them they do (after Tomani et al. 2021, who
perturb the photos that a calibration is fitted to); docs/experiments.md has what it gave, and what other changes did.
"""

from dataclasses import replace

import numpy as np
from PIL import Image

from datasets.manifest import NO_ISSUE, LabelledPhoto, Manifest
from model.classifier import Classifier
from model.errors import PhotoError
from model.preprocessing import read_photo
from training.retakes import encode_exactly
from training.scoring import ScoredPhotos, join_scored, score_split, unreadable

DRAWS = 8  # streets that each photo is set into: with two, thresholds that hang on few photos are a matter of luck
SHARE = (0.3, 0.85)  # of the sides of the street that a photo takes up; drawn evenly
STRETCH = (0.7, 1.43)  # of its height against its width


def score_farther(classifier: Classifier, manifest: Manifest, seed: int) -> ScoredPhotos:
    """Score each validation photo DRAWS times, set into normal ones; nothing where the split shows no normal street.

    Labels stay: what the photo shows can still be seen, and the street around it shows nothing.

    Raises:
        TrainingError: a photo cannot be read, or manifest and card do not name the same labels in the same order.
    """
    photos = manifest.split("val")
    streets = [photo for photo in photos if photo.kind == NO_ISSUE]

    def score(draw: int) -> ScoredPhotos:
        rng = np.random.default_rng((seed, draw))
        chosen = {photo.file: (streets[int(rng.integers(len(streets)))], tuple(rng.random(4))) for photo in photos}

        def read(photo: LabelledPhoto) -> bytes:
            street, numbers = chosen[photo.file]
            return encode_exactly(set_into(_open(photo), _open(street), numbers))

        return score_split(classifier, manifest, "val", read)

    if not streets:
        return score_split(classifier, replace(manifest, photos=()), "val")
    return join_scored(*map(score, range(DRAWS)))


def set_into(photo: Image.Image, street: Image.Image, draws: tuple[float, ...]) -> Image.Image:
    """The street with the photo in it.

    Args:
        draws: four numbers from 0 to 1: how much of the street it takes up, how far it is stretched, and its place.
    """
    size, stretch, across, down = draws
    share = SHARE[0] + (SHARE[1] - SHARE[0]) * size
    ratio = (STRETCH[0] + (STRETCH[1] - STRETCH[0]) * stretch) ** 0.5
    width = round(min(1, share / ratio) * street.width)
    height = round(min(1, share * ratio) * street.height)
    together = street.copy()
    place = (round(across * (street.width - width)), round(down * (street.height - height)))
    together.paste(photo.resize((width, height), Image.Resampling.BILINEAR), place)
    return together


def _open(photo: LabelledPhoto) -> Image.Image:
    try:
        return read_photo(photo.path.read_bytes())
    except (OSError, PhotoError) as error:
        raise unreadable(photo, error) from error
