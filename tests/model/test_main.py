"""`python -m model`: what a person or a script gets."""

import json

import pytest
from PIL import Image

from model.__main__ import main
from model.card import NETWORK_FILE
from model.classifier import current_release
from model.problems import load_problems


@pytest.fixture
def photos(tmp_path):
    (tmp_path / "below").mkdir()
    Image.new("RGB", (80, 60), "grey").save(tmp_path / "a.jpg")
    Image.new("RGB", (80, 60), "green").save(tmp_path / "below" / "b.PNG")
    (tmp_path / "notes.txt").write_text("not searched for", encoding="utf-8")
    return tmp_path


def test_one_json_object_a_line_for_each_photo_of_a_folder(photos, capsys):
    status = main(["classify", str(photos), "--json"])

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert status == 0
    assert [line["file"] for line in lines] == [str(photos / "a.jpg"), str(photos / "below" / "b.PNG")]
    for line in lines:
        assert set(line) == {"file", "verdict", "problems", "scores", "milliseconds"}
        assert line["verdict"] in {"problem", "review", "no_problem"}
        assert set(line["scores"]) == set(load_problems())
        assert line["milliseconds"] > 0


def test_a_bad_photo_has_its_own_line_and_the_rest_go_on(photos, capsys):
    bad = photos / "bad.jpg"
    bad.write_bytes(b"no photo")

    status = main(["classify", str(bad), str(photos / "nothing.jpg"), str(photos / "a.jpg"), "--json"])

    unusable, missing, good = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert status == 1
    assert unusable["file"] == str(bad)
    assert "expected a JPEG, PNG, WebP or HEIC photo" in unusable["error"]
    assert "No such file" in missing["error"]
    assert "verdict" in good


def test_a_folder_without_photos_is_an_error(tmp_path, capsys):
    assert main(["classify", str(tmp_path)]) == 1
    assert "holds no photo" in capsys.readouterr().out


def test_people_read_chinese_names(photos, capsys):
    main(["classify", str(photos / "a.jpg")])

    line = capsys.readouterr().out
    assert any(word in line for word in ("发现问题", "需人工查看", "未发现问题"))
    assert any(problem.name_zh in line for problem in load_problems().values())


def test_inspect_checks_a_folder_and_shows_its_labels(capsys):
    assert main(["inspect", str(current_release())]) == 0

    out = capsys.readouterr().out
    assert "complete and unchanged" in out
    assert all(key in out for key in load_problems())


def test_a_spoilt_model_is_one_sentence_and_no_traceback(spoilable_release, capsys):
    (spoilable_release / NETWORK_FILE).unlink()

    assert main(["inspect", str(spoilable_release)]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""
