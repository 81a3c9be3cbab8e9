"""Scores that mean what they say, and thresholds for what is said; both from the validation split alone.

Each photo counts as it is, and as much as it would be from farther away (farther.py): places that nobody has seen
differ from those of the split most in that. Platt scaling turns logits into probabilities. Upper thresholds are set on
what these are worth as served, which is less for photos that look less familiar (prototypes.py); lower ones on what
they are, for photos as they are. thresholds.py has the rule.

`same_place`, from which an after-photo may show the place of the report, and `same_scene`, from which two photos of a
case are averaged, are set beside them: see same_place.py.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from datasets.manifest import NO_ISSUE, read_manifest
from datasets.weak import read_weak_labels, without_weak
from model.card import Calibration, ModelCard, Threshold, file_sha256, save_card
from model.classifier import Classifier
from model.familiarity import PROTOTYPES_FILE
from model.files import replacing
from training.errors import TrainingError
from training.farther import DRAWS, score_farther
from training.pages import draw_pages
from training.prototypes import choose_familiar, choose_prototypes, weigh_likeness
from training.same_place import MOST_OTHER_SCENE, choose_same_place
from training.scoring import ScoredPhotos, join_scored, score_split
from training.thresholds import choose_lower, choose_upper

log = logging.getLogger(__name__)

LEAST_POSITIVES = 5  # fewer say nothing about a threshold
LEAST_SCALE = 1e-3  # stands for: higher logits do not mean that more photos show it
PROTOTYPE_PAGES = 160  # drawn to see what the network makes of them

Scores = npt.NDArray[np.floating]


def calibrate(
    folder: Path,
    manifest_path: Path,
    seed: int = 17,
    leave_out: tuple[str, ...] = (),
    weak_labels: Path | None = None,
) -> None:
    """Set calibration and thresholds in the card of a model folder.

    Args:
        leave_out: origins, by how their text begins, whose photos are not looked at.
        weak_labels: a file of labels that scores and thresholds are not fitted to.

    Raises:
        TrainingError: the validation split does not show each problem often enough; ReleaseError, ManifestError,
            WeakLabelsInvalid for what is read.
    """
    loaded = Classifier.load(folder, precision="fp32")  # quantize fits to the network in int8 as well
    network = loaded.judged_by(replace(loaded.card, likeness={}, nearness={}), None)
    manifest = read_manifest(manifest_path)
    weak = read_weak_labels(weak_labels, manifest) if weak_labels else ()
    kept = tuple(photo for photo in manifest.photos if not photo.origin.startswith(leave_out))
    manifest = replace(manifest, photos=kept)
    sure = replace(manifest, photos=without_weak(kept, weak))
    scored = score_split(network, sure, "val")
    same_place, same_scene = choose_same_place(scored, seed), choose_same_place(scored, seed, MOST_OTHER_SCENE)
    log.info("same place from a cosine of %s, same scene from %s", same_place, same_scene)
    likeness: dict[str, float] = {}
    nearness: dict[str, float] = {}
    familiar = None
    learned, labels = score_split(network, manifest, "train"), sure.label_array(sure.split("train"))
    if (prototypes := choose_prototypes(learned, labels, _page_features(network, seed), seed)) is not None:
        likeness, nearness = weigh_likeness(prototypes, scored, manifest.labels)
        familiar = choose_familiar(prototypes, scored)
        log.info("likeness: %s; nearness: %s; familiar: %s", likeness, nearness, familiar)
    weighed = replace(loaded.card, likeness=likeness, nearness=nearness, familiar=familiar)
    classifier = network.judged_by(weighed, prototypes)
    if scored.features is not None:
        added = [classifier.likeness(row[None]) for row in scored.features]  # row by row, as served
        scored = replace(scored, logits=scored.logits + np.concatenate(added))
    farther = score_farther(classifier, sure, seed)
    card = fit_scores(classifier, scored, farther, f"{manifest_path}: split val", seed, partial=bool(leave_out))
    sha256 = {name: known for name, known in card.sha256.items() if name != PROTOTYPES_FILE}
    if prototypes is not None:
        with replacing(folder / PROTOTYPES_FILE) as temporary:
            prototypes.save(temporary)
        sha256[PROTOTYPES_FILE] = file_sha256(folder / PROTOTYPES_FILE)
    card = replace(card, same_place=same_place, same_scene=same_scene, precision="fp32", quantization={}, sha256=sha256)
    save_card(card, folder)


def fit_scores(
    classifier: Classifier, scored: ScoredPhotos, farther: ScoredPhotos, where: str, seed: int, *, partial: bool = False
) -> ModelCard:
    """The classifier's card with the calibration and the thresholds that fit these photos.

    Args:
        farther: the same as they would be from farther away, or none.
        where: the photos are from, for errors.
        partial: a problem that no photo shows was not learned either, and is never found.

    Raises:
        TrainingError: the photos do not show each problem often enough.
    """
    card, calibration, thresholds = classifier.card, {}, {}
    both = join_scored(scored, farther)
    weights = np.repeat([1.0, 1.0 / DRAWS], [len(scored.photos), len(farther.photos)])
    normal, worth = both.of_kind(NO_ISSUE), discounted(classifier, both)
    for column, label in enumerate(card.labels):
        shown, judged = scored.labels[:, column] == 1, ~np.isnan(scored.labels[:, column])
        if partial and not shown.any():
            thresholds[label], calibration[label] = Threshold(lower=1, upper=1), Calibration()
            continue
        if shown.sum() < LEAST_POSITIVES or shown.sum() == judged.sum():
            raise TrainingError(
                f"{where} shows {label} in {shown.sum()} of {judged.sum()} judged photos; "
                f"calibration needs at least {LEAST_POSITIVES} with it and one without. Label more photos"
            )
        labels, logits = both.labels[:, column], both.logits[:, column]
        known = ~np.isnan(labels)
        calibration[label] = fit_calibration(labels[known], logits[known], weights[known])
        if calibration[label].scale == LEAST_SCALE:
            log.warning("%s is not learned: photos that show it score no higher. Train longer, or add photos", label)
        scores = calibration[label].scores(logits)
        upper = choose_upper(labels[known], worth(scores)[known], normal[known], weights[known], seed)
        lower = choose_lower(scores[: len(shown)][shown], upper)
        thresholds[label] = Threshold(lower=lower, upper=upper)
        log.info("%s: %s, %s", label, calibration[label], thresholds[label])
    return replace(card, calibration=calibration, thresholds=thresholds)


def discounted(classifier: Classifier, scored: ScoredPhotos) -> Callable[[Scores], Scores]:
    """Gives, for (photos,) scores of a problem, what they are worth as served: less for photos that look unfamiliar."""
    familiar = classifier.card.familiar
    if familiar is None or scored.features is None:
        return lambda scores: scores
    cosines = np.array([classifier.familiarity(row)[0] for row in scored.features])
    return lambda scores: familiar.discount(scores, cosines)


def _page_features(classifier: Classifier, seed: int) -> npt.NDArray[np.float32] | None:
    """(PROTOTYPE_PAGES, 1280) of pages that were not learned from; None where the network learned from none."""
    if not classifier.card.data.get("training", {}).get("pages"):
        return None
    return classifier.look(draw_pages(PROTOTYPE_PAGES, classifier.card.input_side, seed + 1))[1]


def fit_calibration(
    labels: npt.NDArray[np.floating], logits: npt.NDArray[np.floating], weights: npt.NDArray[np.floating]
) -> Calibration:
    """Scale and offset that make sigmoid(scale * logit + offset) the share of positives (Platt 1999).

    Args:
        labels: (photos,) 1 or 0.
        logits: (photos,).
        weights: (photos,) how much each counts.
    """
    model = LogisticRegression(C=1e3).fit(logits[:, None], labels, sample_weight=weights)
    scale, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
    return Calibration(scale=round(max(scale, LEAST_SCALE), 6), offset=round(offset, 6))
