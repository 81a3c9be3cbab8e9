"""Labels that nothing is fitted to: of the origins that are named, where the whole photo is said to show a problem."""

from dataclasses import replace
from pathlib import Path

import pytest

from datasets.drawn import draw_set
from datasets.errors import WeakLabelsInvalid
from datasets.manifest import read_manifest
from datasets.regions import as_region
from datasets.weak import WEAK_LABELS_FILE, read_weak_labels, without_weak

REAL = Path(__file__).parents[2].parent / "shared" / "photos" / "manifest.csv"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Photos of two places in turns."""
    drawn = read_manifest(draw_set(tmp_path_factory.mktemp("drawn"), photos_per_kind=4, seed=1))
    placed = [replace(p, origin=("Lyon, from a car", "Foshan")[i % 2]) for i, p in enumerate(drawn.photos)]
    return replace(drawn, photos=tuple(placed))


def write(folder, text):
    path = folder / "weak_labels.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_weak_was_judged_by_nobody_and_all_else_stays(manifest, tmp_path):
    weak = read_weak_labels(write(tmp_path, "[[weak]]\nproblem = 'graffiti'\norigins = ['Lyon']\n"), manifest)

    after = without_weak(manifest.photos, weak)

    changed = [(old, new) for old, new in zip(manifest.photos, after, strict=True) if old != new]
    assert {old.file for old, _ in changed} == {
        photo.file for photo in manifest.photos if photo.labels["graffiti"] and photo.origin.startswith("Lyon")
    }
    assert changed
    for old, new in changed:
        assert new == replace(old, labels={**old.labels, "graffiti": None})


def test_a_region_was_looked_at(manifest, tmp_path):
    weak = read_weak_labels(write(tmp_path, "[[weak]]\nproblem = 'graffiti'\norigins = ['Lyon']\n"), manifest)
    photo = next(photo for photo in manifest.photos if weak[0].holds(photo))
    region = as_region(photo, (0, 0, 60, 60), ["graffiti"])

    assert without_weak([region], weak) == (region,)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("[[weak]]\nproblem = 'graffiti'\norigins = ['Paris']\n", "begins with 'Paris'", id="no photo"),
        pytest.param("[[weak]]\nproblem = 'noise'\norigins = ['Lyon']\n", "problem 'noise' is no column", id="problem"),
        pytest.param("[[weak]]\nproblem = 'graffiti'\n", "for the form", id="no origins"),
        pytest.param("[[weak]]\nproblem = 'graffiti'\norigins = 'Lyon'\n", r"found 'Lyon', expected a list", id="text"),
        pytest.param("[[weak]]\nproblem = 'graffiti'\norigins = ['']\n", r"expected a list of texts", id="empty"),
        pytest.param("weak = 3", "for the form", id="no list"),
        pytest.param("not toml [", "for the form", id="no TOML"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(manifest, tmp_path, text, expected):
    with pytest.raises(WeakLabelsInvalid, match=expected):
        read_weak_labels(write(tmp_path, text), manifest)


def test_a_list_that_is_not_there_is_named(manifest, tmp_path):
    with pytest.raises(WeakLabelsInvalid, match=r"none\.toml: cannot be opened"):
        read_weak_labels(tmp_path / "none.toml", manifest)


@pytest.mark.skipif(not REAL.is_file(), reason="the real photos (../shared/photos) are not here")
def test_the_list_that_is_here_leaves_most_road_damage_of_the_real_photos():
    manifest = read_manifest(REAL)
    weak = read_weak_labels(WEAK_LABELS_FILE, manifest)

    held = [photo for photo in manifest.split("train") if any(label.holds(photo) for label in weak)]

    assert {photo.source for photo in held} == {"irvingvasquez-pothole-dataset", "biankatpas-cracks-and-potholes"}
    assert len(held) == 105 + 69
