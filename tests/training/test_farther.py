"""Photos set into a normal street: they are all there, they take up less, and their labels stay."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from datasets.manifest import NO_ISSUE, read_manifest
from model.classifier import Classifier, current_release
from training.errors import TrainingError
from training.farther import DRAWS, SHARE, score_farther, set_into
from training.scoring import score_split

RED = Image.new("RGB", (60, 40), (255, 0, 0))
GREY = Image.new("RGB", (200, 100), (90, 90, 90))


@pytest.mark.parametrize(
    "draws",
    [
        pytest.param((0.0, 0.5, 0.0, 0.0), id="small, at the top left"),
        pytest.param((1.0, 0.0, 1.0, 1.0), id="large and flat, at the bottom right"),
        pytest.param((1.0, 1.0, 0.5, 0.5), id="large and high, in the middle"),
    ],
)
def test_the_whole_photo_is_in_the_street_and_takes_up_the_drawn_share(draws):
    together = np.asarray(set_into(RED, GREY, draws))

    red = (together == (255, 0, 0)).all(axis=2)
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    assert together.shape == (100, 200, 3)
    assert red.sum() == (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)  # one rectangle, nothing cut off
    share = SHARE[0] + (SHARE[1] - SHARE[0]) * draws[0]
    assert red.mean() == pytest.approx(share**2, abs=0.02)
    assert (together[~red] == (90, 90, 90)).all()
    if draws[2] == draws[3] == 1:
        assert (rows[-1], columns[-1]) == (99, 199)


@pytest.fixture(scope="module")
def classifier():
    return Classifier.load(current_release(), precision="fp32")


@pytest.fixture(scope="module")
def few(drawn_manifest):
    manifest = read_manifest(drawn_manifest)
    val = manifest.split("val")
    kept = [*(photo for photo in val if photo.kind == NO_ISSUE)][:3] + [
        photo for photo in val if photo.labels["graffiti"]
    ]
    return replace(manifest, photos=tuple(kept))


def test_each_validation_photo_is_scored_as_often_with_its_own_labels_and_other_scores(classifier, few):
    scored, farther = score_split(classifier, few, "val"), score_farther(classifier, few, seed=3)

    assert farther.photos == scored.photos * DRAWS
    assert np.array_equal(farther.labels, np.tile(scored.labels, (DRAWS, 1)), equal_nan=True)
    once, again, *_ = np.split(farther.logits, DRAWS)
    for one, other in ((scored.logits, once), (scored.logits, again), (once, again)):
        assert (np.abs(one - other).max(axis=1) > 0.01).mean() > 0.9
    assert np.array_equal(score_farther(classifier, few, seed=3).logits, farther.logits)
    assert not np.array_equal(score_farther(classifier, few, seed=4).logits, farther.logits)


def test_without_a_normal_street_there_is_nothing_to_set_photos_into(classifier, few):
    shown = replace(few, photos=tuple(photo for photo in few.photos if photo.kind != NO_ISSUE))

    assert score_farther(classifier, shown, seed=3).logits.shape == (0, 5)


def test_a_photo_that_is_gone_is_named(classifier, few, tmp_path):
    gone = replace(
        few,
        path=tmp_path / "manifest.csv",
        photos=tuple(replace(photo, path=tmp_path / photo.file) for photo in few.photos),
    )

    with pytest.raises(TrainingError, match="datasets check"):
        score_farther(classifier, gone, seed=3)
