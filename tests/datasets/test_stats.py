"""datasets/stats.py: the counts are the manifest's, and the plot is drawn."""

import pytest
from PIL import Image

from datasets.manifest import read_manifest
from datasets.stats import plot, tables


@pytest.fixture
def manifest(tmp_path):
    lines = ("file,graffiti,split,source", "1.jpg,1,train,patrol", "2.jpg,0,train,patrol", "3.jpg,,test,hotline")
    path = tmp_path / "manifest.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    for number in (1, 2, 3):
        (tmp_path / f"{number}.jpg").write_bytes(bytes(number))
    return read_manifest(path)


def test_problems_sources_and_origins_are_counted_by_split(manifest):
    lines = [line.split() for line in tables(manifest).splitlines()]

    assert ["problem", "train", "test"] in lines  # no column for splits that hold nothing
    assert ["graffiti", "1/1/0", "0/0/1"] in lines
    assert ["no_issue", "patrol", "1", "0"] in lines
    assert ["2", "2", "0", "patrol"] in lines


def test_the_plot_is_a_png(manifest, tmp_path):
    path = plot(manifest, tmp_path / "out")

    with Image.open(path) as image:
        assert image.format == "PNG"
        assert min(image.size) > 300
    assert [file.name for file in path.parent.iterdir()] == ["stats.png"]
