"""datasets/importers/folders.py: what a folder says of a photo, and what it does not."""

import numpy as np
import pytest

from datasets.drawn import draw_photo
from datasets.errors import FoldersInvalid, PhotosUnreadable
from datasets.importers.folders import import_folders
from datasets.manifest import read_manifest, write_manifest
from model.card import file_sha256
from model.problems import load_problems


@pytest.fixture
def put(tmp_path):
    """Draws a photo to a path below tmp_path/photos; the same seed and format give the same bytes."""

    def draw(file, seed=0):
        path = tmp_path / "photos" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        draw_photo("no_issue", np.random.default_rng(seed), 64, 48).save(path)
        return path

    return draw


def imported(tmp_path, **options):
    folder = tmp_path / "photos"
    return import_folders(folder, folder / "manifest.csv", **options)


def test_a_problem_folder_says_nothing_of_other_problems_and_no_issue_denies_all(tmp_path, put):
    path = put("road_damage/place/1.jpg", 1)
    put("no_issue/2.png", 2)

    manifest = imported(tmp_path)

    damage, sound = manifest.photos
    assert manifest.labels == tuple(load_problems())
    assert (damage.file, damage.kind, damage.width, damage.height) == ("road_damage/place/1.jpg", "road_damage", 64, 48)
    assert damage.sha256 == file_sha256(path)
    assert damage.source == "photos"
    assert {label: shown for label, shown in damage.labels.items() if shown is not None} == {"road_damage": True}
    assert set(sound.labels.values()) == {False}


def test_what_is_imported_can_be_written_and_read(tmp_path, put):
    for number in range(10):
        put(f"graffiti/{number}.jpg", number)

    manifest = imported(tmp_path)

    assert read_manifest(write_manifest(manifest, manifest.path)).photos == manifest.photos
    assert [len(manifest.split(split)) for split in ("train", "val", "test")] == [7, 1, 2]


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "heic"])
def test_every_format_of_a_phone_is_taken(tmp_path, put, suffix):
    put(f"waterlogging/1.{suffix}")

    assert imported(tmp_path).photos[0].file == f"waterlogging/1.{suffix}"


def test_one_photo_in_two_problem_folders_shows_both(tmp_path, put):
    put("overflowing_bin/b.jpg", 7)
    put("exposed_garbage/a.jpg", 7)

    (photo,) = imported(tmp_path).photos

    assert photo.file == "exposed_garbage/a.jpg"
    assert [label for label, shown in photo.labels.items() if shown] == ["exposed_garbage", "overflowing_bin"]


def test_one_photo_twice_in_a_folder_is_taken_once(tmp_path, put, caplog):
    put("graffiti/1.jpg", 7)
    put("graffiti/2.jpg", 7)

    assert [photo.file for photo in imported(tmp_path).photos] == ["graffiti/1.jpg"]
    assert "2.jpg is the same file as" in caplog.text


def test_one_photo_with_a_problem_and_without_any_is_refused(tmp_path, put):
    put("graffiti/1.jpg", 7)
    put("no_issue/1.jpg", 7)

    with pytest.raises(FoldersInvalid, match="1 photos are in no_issue and in a problem's folder"):
        imported(tmp_path)


def test_an_unknown_folder_is_refused_with_the_known_ones(tmp_path, put):
    put("potholes/1.jpg")

    with pytest.raises(FoldersInvalid, match=r"potholes names no problem; known are exposed_garbage.*no_issue"):
        imported(tmp_path)


def test_unreadable_files_are_listed_and_skipped_only_on_request(tmp_path, put, caplog):
    put("graffiti/1.jpg")
    (tmp_path / "photos/graffiti/.DS_Store").write_bytes(b"hidden: no photo is meant")
    (tmp_path / "photos/graffiti/Thumbs.db").write_bytes(b"not a photo")

    with pytest.raises(PhotosUnreadable, match=r"1 of the files cannot be used.*\n.*Thumbs\.db: found bytes"):
        imported(tmp_path)
    assert [photo.file for photo in imported(tmp_path, skip_unreadable=True).photos] == ["graffiti/1.jpg"]
    assert "left out: " in caplog.text


def test_nothing_to_import_is_refused(tmp_path, put):
    with pytest.raises(FoldersInvalid, match="is not a folder"):
        imported(tmp_path)
    put("graffiti/1.jpg").unlink()
    with pytest.raises(FoldersInvalid, match="none of its files is a usable photo"):
        imported(tmp_path)


def test_a_photo_in_no_folder_is_refused(tmp_path, put):
    put("1.jpg")

    with pytest.raises(FoldersInvalid, match=r"1\.jpg lies in no folder"):
        imported(tmp_path)


def test_the_manifest_must_lie_above_its_photos(tmp_path, put):
    put("graffiti/1.jpg")

    with pytest.raises(FoldersInvalid, match="its folder does not hold"):
        import_folders(tmp_path / "photos", tmp_path / "elsewhere" / "manifest.csv")
    above = import_folders(tmp_path / "photos", tmp_path / "manifest.csv")
    assert above.photos[0].file == "photos/graffiti/1.jpg"
