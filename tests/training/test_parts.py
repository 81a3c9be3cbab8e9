"""Parts of photos are classified as photos of their own, and counted by what the photo around them shows."""

import hashlib

import pytest

from datasets.errors import RegionsInvalid
from datasets.regions import REGION_COLUMNS
from tests.colour_model import LABELS, draw_quarters, make_colour_model
from training.parts import decide_parts, parts_table


@pytest.fixture
def photos(tmp_path):
    """A photo whose left half is red, which the model takes for road damage, and whose right half is grey."""
    draw_quarters("rgrg").save(tmp_path / "road.png")
    sha256 = hashlib.sha256((tmp_path / "road.png").read_bytes()).hexdigest()
    shown = ",".join("1" if label == "road_damage" else "0" for label in LABELS)
    (tmp_path / "manifest.csv").write_text(
        f"file,split,sha256,{','.join(LABELS)}\nroad.png,val,{sha256},{shown}\n", encoding="utf-8"
    )
    lines = ["80,0,160,60,", "80,0,160,120,", "0,0,80,60,", "0,0,80,120,road_damage"]
    (tmp_path / "regions.csv").write_text(
        "\n".join([",".join(REGION_COLUMNS), *(f"road.png,{sha256},{line}" for line in lines)]) + "\n",
        encoding="utf-8",
    )
    make_colour_model(tmp_path / "model")
    return tmp_path


def test_each_part_is_decided_by_itself(photos):
    parts = decide_parts(photos / "model", photos / "manifest.csv", photos / "regions.csv")

    assert [part.decision.problems for part in parts] == [(), (), ("road_damage",), ("road_damage",)]
    assert {part.photo_kind for part in parts} == {"road_damage"}


def test_false_alarms_and_what_is_found_are_counted_apart(photos):
    table = parts_table(decide_parts(photos / "model", photos / "manifest.csv", photos / "regions.csv"))

    assert [row[0] for row in table[1:]] == [
        "3 that show nothing",
        "3 that show nothing",
        "1 that show road_damage (first share: found)",
    ]
    assert [row[2].split()[0] for row in table[1:]] == ["0.333", "0.333", "1.000"]


def test_parts_of_training_photos_are_refused(photos):
    manifest = photos / "manifest.csv"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(",val,", ",train,"), encoding="utf-8")

    with pytest.raises(RegionsInvalid, match="no photo of this split"):
        decide_parts(photos / "model", manifest, photos / "regions.csv")
