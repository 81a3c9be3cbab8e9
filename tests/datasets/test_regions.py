"""Regions are photos of their own that show nothing; a line that does not fit its photo is refused with the cure."""

import pytest

from datasets.errors import RegionsInvalid
from datasets.manifest import NO_ISSUE, read_manifest
from datasets.regions import read_regions, write_regions

SHA = "ab" * 32
HEADER = "file,sha256,left,top,right,bottom,shows\n"


@pytest.fixture
def manifest(tmp_path):
    lines = [
        "file,graffiti,road_damage,kind,split,source,origin,width,height,sha256",
        f"wall.jpg,1,,graffiti,train,walls,Athens,448,336,{SHA}",
        f"test.jpg,1,0,graffiti,test,walls,Athens,448,336,{'cd' * 32}",
    ]
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_manifest(tmp_path / "manifest.csv")


def regions_file(folder, *lines, header=HEADER):
    path = folder / "regions.csv"
    path.write_text(header + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_a_region_shows_nothing_and_keeps_where_its_photo_is_from(tmp_path, manifest):
    (region,) = read_regions(regions_file(tmp_path, f"wall.jpg,{SHA},10,20,110,220,"), manifest)

    assert region.region == (10, 20, 110, 220)
    assert region.labels == {"graffiti": False, "road_damage": False}
    assert (region.kind, region.split, region.source, region.origin) == (NO_ISSUE, "train", "walls", "Athens")


def test_a_region_may_show_a_problem_itself(tmp_path, manifest):
    (region,) = read_regions(regions_file(tmp_path, f"wall.jpg,{SHA},10,20,110,220,road_damage"), manifest)

    assert region.labels == {"graffiti": None, "road_damage": True}  # whether the tag is in it nobody has said
    assert region.kind == "road_damage"


def test_a_problem_that_was_looked_for_in_a_region_and_not_found_is_judged(tmp_path, manifest):
    (region,) = read_regions(regions_file(tmp_path, f"wall.jpg,{SHA},0,0,448,336,graffiti -road_damage"), manifest)

    assert manifest.photos[0].labels == {"graffiti": True, "road_damage": None}
    assert region.labels == {"graffiti": True, "road_damage": False}
    assert region.kind == "graffiti"


def test_regions_of_another_split_are_read_when_asked_for(tmp_path, manifest):
    path = regions_file(tmp_path, f"test.jpg,{'cd' * 32},0,0,100,100,")

    (region,) = read_regions(path, manifest, "test")

    assert region.split == "test"


def test_what_is_written_is_read_again(tmp_path, manifest):
    regions = read_regions(
        regions_file(
            tmp_path,
            f"wall.jpg,{SHA},0,0,448,336,",
            f"wall.jpg,{SHA},0,0,99,99,graffiti",
            f"wall.jpg,{SHA},0,0,98,98,graffiti -road_damage",
        ),
        manifest,
    )

    assert read_regions(write_regions(regions, tmp_path / "again.csv"), manifest) == regions


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"other.jpg,{SHA},0,0,100,100,", "no photo of this split"),
        (f"test.jpg,{'cd' * 32},0,0,100,100,", "no photo of this split"),
        (f"wall.jpg,{'ef' * 32},0,0,100,100,", "has changed"),
        (f"wall.jpg,{SHA},0,0,ten,100,", "whole numbers"),
        (f"wall.jpg,{SHA},0,0", "whole numbers"),
        (f"wall.jpg,{SHA},0,0,100,100,tags", "shows tags, expected problems"),
        (f"wall.jpg,{SHA},0,0,100,100,graffiti -holes", "shows holes, expected problems"),
        (f"wall.jpg,{SHA},400,0,500,100,", "not within the photo of 448 x 336"),
        (f"wall.jpg,{SHA},-1,0,100,100,", "not within"),
        (f"wall.jpg,{SHA},100,0,50,100,", "less than 48 pixels"),
    ],
)
def test_a_line_that_does_not_fit_is_named(tmp_path, manifest, line, said):
    path = regions_file(tmp_path, f"wall.jpg,{SHA},0,0,100,100,", line)

    with pytest.raises(RegionsInvalid, match=said) as refused:
        read_regions(path, manifest)

    assert refused.value.wrong[0].startswith(f"{path}:3: ")


def test_other_columns_are_refused(tmp_path, manifest):
    with pytest.raises(RegionsInvalid, match="expected file, sha256, left"):
        read_regions(regions_file(tmp_path, header="file,x,y\n"), manifest)


def test_a_missing_file_is_refused(tmp_path, manifest):
    with pytest.raises(RegionsInvalid, match="cannot be read"):
        read_regions(tmp_path / "none.csv", manifest)
