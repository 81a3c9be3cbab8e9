"""Where a photo shows least is where the evidence is weakest, as large as it can be; sheets show it to a person."""

import numpy as np
import pytest
from PIL import Image

from datasets.manifest import read_manifest
from datasets.regions import read_regions
from model.classifier import current_release
from training.errors import TrainingError
from training.regions import find_regions, least_evident

LEFT_HALF = np.zeros((7, 7), dtype=np.float32)
LEFT_HALF[:, :3] = 12.0


def test_the_region_lies_beside_the_evidence():
    share, (left, top, right, bottom) = least_evident(LEFT_HALF, 700, 448, below=0)

    assert share == 0
    assert left >= 700 * 2.5 / 7 - 1  # where the last cell with evidence ends
    assert (right, bottom - top) == (700, pytest.approx(448 * 6.5 / 7, abs=1))


def test_nothing_above_the_ground_is_proposed():
    _, (_, top, _, _) = least_evident(LEFT_HALF, 448, 448, below=0.5)

    assert top >= 224


def test_a_photo_too_small_for_a_region_has_none():
    assert least_evident(LEFT_HALF, 64, 64, below=0.9)[1] is None


@pytest.fixture
def photos(tmp_path):
    noise = np.random.default_rng(3).integers(0, 256, (3, 120, 160, 3), dtype=np.uint8)
    for number, pixels in enumerate(noise):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    labels = ("exposed_garbage", "overflowing_bin", "graffiti", "road_damage", "waterlogging")
    lines = [f"file,split,{','.join(labels)}", *(f"{number}.png,train,0,0,1,0,0" for number in range(3))]
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def test_regions_are_written_with_sheets_to_look_at(photos):
    manifest, out = photos / "manifest.csv", photos / "regions.csv"

    found = find_regions(current_release(), manifest, "graffiti", out, photos / "sheets", count=2)

    assert found == 2
    assert len(out.read_text(encoding="utf-8").splitlines()) == 3
    with Image.open(photos / "sheets" / "graffiti-1.png") as sheet:
        assert np.asarray(sheet).any()


def test_proposals_are_regions_that_training_takes(photos):
    find_regions(current_release(), photos / "manifest.csv", "graffiti", photos / "r.csv", photos / "sheets")

    assert len(read_regions(photos / "r.csv", read_manifest(photos / "manifest.csv"))) == 3


def test_a_problem_without_photos_is_refused(photos):
    with pytest.raises(TrainingError, match="no training photo shows road_damage"):
        find_regions(current_release(), photos / "manifest.csv", "road_damage", photos / "r.csv", photos / "s")


def test_an_unknown_problem_is_refused(photos):
    with pytest.raises(TrainingError, match="has no column potholes"):
        find_regions(current_release(), photos / "manifest.csv", "potholes", photos / "r.csv", photos / "s")
