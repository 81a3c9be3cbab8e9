"""datasets/drawn.py: the same seed draws the same set, and the set has what tests of other rooms need."""

from collections import Counter

import numpy as np
import pytest

from datasets.drawn import draw_photo, draw_set
from datasets.manifest import read_manifest


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return read_manifest(draw_set(tmp_path_factory.mktemp("drawn"), 8, seed=3))


def test_every_problem_and_sound_streets_are_drawn_for_every_split(drawn):
    kinds = Counter((photo.kind, photo.split) for photo in drawn.photos)

    assert len(drawn.photos) == 7 * 8
    for kind in (*drawn.labels, "no_issue"):
        assert all(kinds[kind, split] > 0 for split in ("train", "val", "test"))


def test_it_has_several_sources_blank_labels_and_photos_of_two_problems(drawn):
    assert len({photo.source for photo in drawn.photos}) == 3
    assert sum(shown is None for photo in drawn.photos for shown in photo.labels.values()) == 7
    assert (
        sum(photo.labels["exposed_garbage"] is photo.labels["overflowing_bin"] is True for photo in drawn.photos) == 8
    )


def test_the_same_seed_draws_the_same_set_and_another_does_not(drawn, tmp_path):
    again = read_manifest(draw_set(tmp_path / "again", 8, seed=3))
    other = read_manifest(draw_set(tmp_path / "other", 8, seed=4))

    assert again.fingerprint() == drawn.fingerprint()
    assert other.fingerprint() != drawn.fingerprint()


def test_the_folder_says_that_no_accuracy_comes_of_it(drawn):
    assert "No accuracy" in (drawn.path.parent / "README.md").read_text(encoding="utf-8")


def test_a_problem_changes_the_picture():
    sound, damaged = (
        np.asarray(draw_photo(kind, np.random.default_rng(5), 96, 64), dtype=int)
        for kind in ("no_issue", "road_damage")
    )

    assert sound.shape == damaged.shape == (64, 96, 3)
    assert (abs(sound - damaged).max(axis=2) > 40).mean() > 0.01
