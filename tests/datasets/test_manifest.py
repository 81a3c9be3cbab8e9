"""datasets/manifest.py and rows.py: what a manifest may say, and that every wrong line is named."""

import hashlib
import math

import numpy as np
import pytest

from datasets.errors import ManifestError
from datasets.manifest import LabelledPhoto, Manifest, read_manifest, write_manifest

HASH = "a" * 64


def written(folder, *lines, name="manifest.csv", encoding="utf-8"):
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def test_the_least_manifest_is_read_with_sensible_defaults(tmp_path):
    path = written(tmp_path, "file,road_damage,graffiti,split", "a/1.jpg,1,,train", "2.jpg,0,0,val")

    manifest = read_manifest(path)

    assert manifest.labels == ("road_damage", "graffiti")  # the order of the columns, not of the catalogue
    first, second = manifest.photos
    assert first.path == tmp_path / "a" / "1.jpg"
    assert dict(first.labels) == {"road_damage": True, "graffiti": None}
    assert (first.kind, second.kind) == ("road_damage", "no_issue")
    assert (first.source, first.origin, first.sha256, first.width) == ("unnamed", "unnamed", "", None)
    assert manifest.split("val") == (second,)


def test_an_origin_that_nobody_wrote_is_the_source(tmp_path):
    path = written(tmp_path, "file,graffiti,split,source,origin", "1.jpg,1,train,patrol,", "2.jpg,1,train,patrol,north")

    assert [photo.origin for photo in read_manifest(path).photos] == ["patrol", "north"]


def test_label_array_has_nan_where_nobody_judged(tmp_path):
    path = written(tmp_path, "file,graffiti,waterlogging,split", "1.jpg,1,,train", "2.jpg,0,1,test")
    manifest = read_manifest(path)

    array = manifest.label_array()

    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, [[1, np.nan], [0, 1]])
    np.testing.assert_array_equal(manifest.label_array(manifest.split("test")), [[0, 1]])
    assert manifest.label_array([]).shape == (0, 2)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("1.jpg,2,train,,", "road_damage is '2', expected 1 (shows it), 0", id="label"),
        pytest.param("1.jpg,1,training,,", "split is 'training', expected one of train, val, test, ood", id="split"),
        pytest.param("../1.jpg,1,train,,", "file is '../1.jpg', expected a path below", id="parent folder"),
        pytest.param("a/../../1.jpg,1,train,,", "expected a path below", id="parent folder inside"),
        pytest.param("/etc/1.jpg,1,train,,", "expected a path below", id="absolute"),
        pytest.param("a\\1.jpg,1,train,,", "expected a path below", id="backslash"),
        pytest.param(",1,train,,", "file is '', expected a path below", id="no file"),
        pytest.param("1.jpg,1,train,abc,", "sha256 is 'abc', expected 64", id="hash"),
        pytest.param("1.jpg,1,train,,12.5", "width is '12.5', expected pixels", id="width"),
        pytest.param("1.jpg,1,train", "has 3 cells, the header has 5", id="cells"),
        pytest.param("0.jpg,1,train,,", "0.jpg is on line 2 already", id="twice"),
    ],
)
def test_a_wrong_line_is_named_with_what_was_found_and_expected(tmp_path, line, said):
    path = written(tmp_path, "file,road_damage,split,sha256,width", f"0.jpg,1,train,{HASH},9", line)

    with pytest.raises(ManifestError) as error:
        read_manifest(path)

    assert f"{path}:3: " in str(error.value)
    assert said in str(error.value)


def test_several_wrong_lines_are_told_at_once_and_many_are_counted(tmp_path):
    path = written(tmp_path, "file,graffiti,split", *(f"{number}.jpg,x,train" for number in range(15)))

    with pytest.raises(ManifestError) as error:
        read_manifest(path)

    assert len(error.value.wrong) == 15
    assert f"{path}:11: " in str(error.value)
    assert str(error.value).endswith("… and 5 more")


@pytest.mark.parametrize(
    ("header", "said"),
    [
        pytest.param("file,split", "no column is a problem; add at least one of exposed_garbage", id="no label"),
        pytest.param("file,split,flying_saucer", "'flying_saucer' is an unknown label; known are", id="unknown label"),
        pytest.param("file,graffiti", "column 'split' is missing", id="no split"),
        pytest.param("graffiti,split", "column 'file' is missing", id="no file"),
        pytest.param("file,graffiti,graffiti,split", "column 'graffiti' is there twice", id="twice"),
    ],
)
def test_a_wrong_header_is_refused(tmp_path, header, said):
    path = written(tmp_path, header, ",".join("1" for _ in header.split(",")))

    with pytest.raises(ManifestError, match=f":1: .*{said}"):
        read_manifest(path)


def test_a_file_that_is_no_manifest_is_refused(tmp_path):
    with pytest.raises(ManifestError, match="there is no such file"):
        read_manifest(tmp_path / "none.csv")
    with pytest.raises(ManifestError, match="cannot be opened"):
        read_manifest(tmp_path)
    with pytest.raises(ManifestError, match="has no photo"):
        read_manifest(written(tmp_path, "file,graffiti,split"))
    with pytest.raises(ManifestError, match="is not CSV"):
        read_manifest(written(tmp_path, "file,graffiti,split", '"1.jpg,1,train'))
    with pytest.raises(ManifestError, match="is not UTF-8"):
        read_manifest(written(tmp_path, "file,graffiti,split", "照片.jpg,1,train", encoding="gbk"))


def test_a_file_saved_by_a_spreadsheet_is_read(tmp_path):
    path = written(tmp_path, "file,graffiti,split", "照片.jpg,1,train", "", encoding="utf-8-sig")

    assert read_manifest(path).photos[0].file == "照片.jpg"


def test_what_is_written_reads_the_same(tmp_path):
    lines = (
        "file,graffiti,split,kind,source,origin,license,width,sha256",
        f'a/1.jpg,,ood,vending,s,"o, p",MIT,9,{HASH}',
    )
    manifest = read_manifest(written(tmp_path, *lines))

    path = write_manifest(manifest, tmp_path / "again.csv")

    assert read_manifest(path).photos == manifest.photos
    assert sorted(file.name for file in tmp_path.iterdir()) == ["again.csv", "manifest.csv"]


def test_a_manifest_cannot_be_written_away_from_its_photos(tmp_path):
    manifest = read_manifest(written(tmp_path, "file,graffiti,split", "1.jpg,1,train"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    with pytest.raises(ManifestError, match="is not below its folder"):
        write_manifest(manifest, elsewhere / "manifest.csv")
    assert not list(elsewhere.iterdir())


def test_the_fingerprint_tells_contents_labels_and_split_and_nothing_else(tmp_path):
    header, one, two = "file,graffiti,split,sha256", f"1.jpg,1,train,{HASH}", f"2.jpg,,val,{'b' * 64}"

    def fingerprint(*lines):
        return read_manifest(written(tmp_path, *lines)).fingerprint()

    original = fingerprint(header, one, two)
    assert len(original) == 64
    assert fingerprint(header, two, one) == original
    assert fingerprint(header, one.replace("1.jpg", "renamed.jpg"), two) == original
    assert fingerprint(header, one.replace(",1,", ",0,"), two) != original
    assert fingerprint(header, one, two.replace("val", "test")) != original
    assert fingerprint(header, one.replace("a" * 64, "c" * 64), two) != original


def test_the_fingerprint_hashes_files_that_the_manifest_does_not(tmp_path):
    (tmp_path / "1.jpg").write_bytes(b"photo")
    unhashed = read_manifest(written(tmp_path, "file,graffiti,split", "1.jpg,1,train"))
    sha256 = hashlib.sha256(b"photo").hexdigest()
    hashed = read_manifest(written(tmp_path, "file,graffiti,split,sha256", f"1.jpg,1,train,{sha256}"))

    assert unhashed.fingerprint() == hashed.fingerprint()
    (tmp_path / "1.jpg").unlink()
    with pytest.raises(ManifestError, match=r"1\.jpg: cannot be read"):
        unhashed.fingerprint()


def test_a_split_that_does_not_exist_is_refused(tmp_path):
    photo = LabelledPhoto(
        file="1.jpg", path=tmp_path / "1.jpg", labels={"graffiti": True}, split="train", kind="graffiti"
    )
    manifest = Manifest(path=tmp_path / "manifest.csv", labels=("graffiti",), photos=(photo,))

    with pytest.raises(ValueError, match="'tain' is not one of train"):
        manifest.split("tain")
    assert not math.isnan(manifest.label_array()[0, 0])
