"""Each origin is left out exactly once, and a list that does not is refused with the origin at fault."""

from dataclasses import replace
from pathlib import Path

import pytest

from datasets.drawn import draw_set
from datasets.errors import FoldsInvalid
from datasets.folds import FOLDS_FILE, read_folds
from datasets.manifest import read_manifest

REAL = Path(__file__).parents[2].parent / "shared" / "photos" / "manifest.csv"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    first, second, third = read_manifest(draw_set(tmp_path_factory.mktemp("drawn"), photos_per_kind=1, seed=1)).photos[
        :3
    ]
    return (
        replace(first, origin="Lyon, old town"),
        replace(second, origin="Lyon; the river"),
        replace(third, origin="Foshan"),
    )


def write(folder, *folds):
    path = folder / "folds.toml"
    tables = [f"[[fold]]\nname = {name!r}\norigins = {list(origins)!r}\n" for name, origins in folds]
    path.write_text("\n".join(tables), encoding="utf-8")
    return path


def test_an_origin_is_named_by_its_beginning(photos, tmp_path):
    french, chinese = read_folds(write(tmp_path, ("french", ["Lyon"]), ("chinese", ["Foshan"])), photos)

    assert [french.holds(photo) for photo in photos] == [True, True, False]
    assert [chinese.holds(photo) for photo in photos] == [False, False, True]


@pytest.mark.parametrize(
    ("folds", "expected"),
    [
        ([("french", ["Lyon"]), ("other", ["Paris"])], "'Foshan' is in no fold"),
        ([("french", ["Lyon"]), ("all", ["Lyon, old", "Foshan"])], "'Lyon, old town' is in french and all"),
        ([("all", ["Lyon", "Foshan"])], "two or more"),
    ],
)
def test_a_list_that_does_not_leave_each_out_once_is_refused(photos, tmp_path, folds, expected):
    with pytest.raises(FoldsInvalid, match=expected):
        read_folds(write(tmp_path, *folds), photos)


@pytest.mark.parametrize(
    "text", ["[[fold]]\nname = 'a'\n", "[[fold]]\nname = 'a'\norigins = 'Lyon'\n", "fold = 3", "not toml ["]
)
def test_another_form_is_refused(photos, tmp_path, text):
    path = tmp_path / "folds.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(FoldsInvalid, match=r"folds\.toml for the form"):
        read_folds(path, photos)


@pytest.mark.skipif(not REAL.is_file(), reason="the real photos (../shared/photos) are not here")
def test_the_folds_that_are_here_hold_every_origin_of_the_real_photos():
    photos = read_manifest(REAL).photos

    folds = read_folds(FOLDS_FILE, [photo for photo in photos if photo.split != "ood"])

    assert len(folds) == 4
    for label in ("exposed_garbage", "graffiti", "road_damage", "waterlogging"):
        assert sum(any(photo.labels[label] and fold.holds(photo) for photo in photos) for fold in folds) >= 2
