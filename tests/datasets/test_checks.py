"""datasets/checks.py: one broken set, and that each flaw in it is found and nothing else."""

import shutil

import numpy as np
import pytest

from datasets.checks import FindingKind, are_consecutive, check_manifest
from datasets.drawn import draw_photo
from datasets.manifest import read_manifest
from model.card import file_sha256


class Photos:
    """A folder of drawn photos and the lines of their manifest."""

    def __init__(self, folder):
        self.folder, self.lines = folder, ["file,road_damage,split,sha256"]

    def draw(self, file, seed, *, crop=None):
        image = draw_photo("road_damage", np.random.default_rng(seed), 320, 240)
        (image.crop(crop) if crop else image).save(self.folder / file)
        return self

    def line(self, file, *, split="train", shown="1", sha256=""):
        self.lines.append(f"{file},{shown},{split},{sha256}")
        return self

    def findings(self):
        path = self.folder / "manifest.csv"
        path.write_text("\n".join(self.lines), encoding="utf-8")
        return [
            (finding.kind, [photo.file for photo in finding.photos], finding)
            for finding in check_manifest(read_manifest(path))
        ]


@pytest.fixture
def photos(tmp_path):
    """Two sound, different photos on two sides."""
    made = Photos(tmp_path).draw("one.jpg", 1).draw("two.jpg", 2).line("one.jpg")
    return made.line("two.jpg", split="val", sha256=file_sha256(tmp_path / "two.jpg"))


def test_a_sound_set_has_no_finding(photos):
    assert photos.findings() == []


def test_a_missing_photo_is_found(photos):
    ((kind, files, finding),) = photos.line("gone.jpg").findings()

    assert (kind, files) == (FindingKind.MISSING, ["gone.jpg"])
    assert "No such file" in finding.what


def test_an_unreadable_photo_is_found(photos):
    (photos.folder / "text.jpg").write_text("not a photo")
    cut = photos.draw("cut.jpg", 3).folder / "cut.jpg"
    cut.write_bytes(cut.read_bytes()[:2000])

    findings = photos.line("text.jpg").line("cut.jpg").findings()

    assert [(kind, files) for kind, files, _ in findings] == [
        (FindingKind.UNREADABLE, ["text.jpg"]),
        (FindingKind.UNREADABLE, ["cut.jpg"]),
    ]


def test_a_changed_file_is_found(photos):
    ((kind, files, finding),) = photos.draw("new.jpg", 3).line("new.jpg", sha256="f" * 64).findings()

    assert (kind, files) == (FindingKind.WRONG_HASH, ["new.jpg"])
    assert "the manifest says ffffffffffff…" in finding.what


def test_the_same_bytes_are_found_once_and_with_their_disagreement(photos):
    shutil.copy(photos.folder / "one.jpg", photos.folder / "copy.jpg")

    ((kind, files, finding),) = photos.line("copy.jpg", split="test", shown="0").findings()

    assert (kind, files) == (FindingKind.SAME_FILE, ["one.jpg", "copy.jpg"])
    assert "labelled differently for road_damage" in finding.what
    assert finding.action == "keep one.jpg, delete the other line"


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        pytest.param("train", FindingKind.LOOK_ALIKE, id="same side: a duplicate"),
        pytest.param("test", FindingKind.SAME_SCENE, id="other side: the score would be flattered"),
        pytest.param("ood", FindingKind.SAME_SCENE, id="outside the problems"),
    ],
)
def test_a_cropped_copy_is_found_on_either_side(photos, split, expected):
    photos.draw("crop.jpg", 1, crop=(32, 24, 288, 216))

    ((kind, files, _),) = photos.line("crop.jpg", split=split).findings()

    assert (kind, files) == (expected, ["one.jpg", "crop.jpg"])


def test_copies_of_copies_are_one_finding(photos):
    photos.draw("a.jpg", 1, crop=(32, 24, 288, 216)).draw("b.jpg", 1, crop=(0, 24, 320, 216))

    ((kind, files, _),) = photos.line("a.jpg").line("b.jpg", split="val").findings()

    assert (kind, files) == (FindingKind.SAME_SCENE, ["one.jpg", "a.jpg", "b.jpg"])


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param("a/IMG_0009.jpg", "a/IMG_0010.jpg", True, id="next"),
        pytest.param("a/IMG_0009.jpg", "a/IMG_0013.jpg", False, id="too far"),
        pytest.param("a/IMG_0009.jpg", "b/IMG_0010.jpg", False, id="another folder"),
        pytest.param("a/IMG_0009.jpg", "a/DSC_0010.jpg", False, id="another camera"),
        pytest.param("a/one.jpg", "a/two.jpg", False, id="no number"),
        pytest.param(f"a/7_jpg.rf.{'1' * 32}.jpg", f"a/8_jpg.rf.{'f' * 32}.jpg", True, id="Roboflow export"),
    ],
)
def test_consecutive_names(tmp_path, first, second, expected):
    path = tmp_path / "manifest.csv"
    path.write_text(f"file,graffiti,split\n{first},1,train\n{second},1,val\n", encoding="utf-8")

    assert are_consecutive(*read_manifest(path).photos) is expected


def test_the_same_names_in_two_sources_are_not_consecutive(tmp_path):
    path = tmp_path / "manifest.csv"
    lines = ("file,graffiti,split,source", "1.jpg,1,train,patrol", "2.jpg,1,val,hotline")
    path.write_text("\n".join(lines), encoding="utf-8")

    assert not are_consecutive(*read_manifest(path).photos)


def test_consecutive_photos_are_one_scene_at_a_lower_likeness(photos, monkeypatch):
    monkeypatch.setattr("datasets.checks.ALIKE", 1.1)  # nothing is alike by looks alone
    photos.draw("s1.jpg", 5).draw("s2.jpg", 5, crop=(0, 0, 320, 232)).draw("far.jpg", 5, crop=(0, 0, 316, 240))

    ((kind, files, _),) = photos.line("s1.jpg").line("s2.jpg", split="val").line("far.jpg", split="val").findings()

    assert (kind, files) == (FindingKind.SAME_SCENE, ["s1.jpg", "s2.jpg"])
