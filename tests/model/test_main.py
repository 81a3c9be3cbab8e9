"""`python -m model`: what a person or a script gets."""

import json

import pytest
from PIL import Image

from model.__main__ import main
from model.card import NETWORK_FILE, load_card
from model.classifier import RELEASED_FOLDER, current_release
from model.problems import load_problems
from tests.colour_model import draw_quarters


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
        assert set(line) == {"file", "verdict", "problems", "scores", "quality", "milliseconds"}
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


def test_a_photo_that_shows_too_little_comes_with_advice(tmp_path, capsys):
    Image.new("RGB", (80, 60)).save(tmp_path / "black.png")

    main(["classify", str(tmp_path)])
    main(["classify", str(tmp_path), "--json"])

    for_people, for_programs = capsys.readouterr().out.splitlines()
    assert "需人工查看 review (太暗，请补光或换角度重拍 too_dark; " in for_people
    assert json.loads(for_programs)["quality"] == ["too_dark"]


def test_an_overlay_shows_each_problem_of_each_photo_that_has_one(colour_model, tmp_path, capsys):
    for name, quarters in (("a.png", "rggg"), ("a.jpg", "rggb"), ("below/a.png", "gggg"), ("b.png", "ggrg")):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        draw_quarters(quarters).save(tmp_path / "in" / name)
    folder = tmp_path / "new" / "overlays"

    status = main(["classify", str(tmp_path / "in"), "--model", str(colour_model), "--json", "--overlay", str(folder)])

    answers = {json.loads(line)["file"]: json.loads(line) for line in capsys.readouterr().out.splitlines()}
    assert status == 0
    drawn = {file.removeprefix(str(tmp_path / "in")): sorted(answer["overlays"]) for file, answer in answers.items()}
    assert drawn == {
        "/a.jpg": [str(folder / "a-road_damage.jpg"), str(folder / "a-waterlogging.jpg")],
        "/a.png": [str(folder / "a-2-road_damage.jpg")],
        "/b.png": [str(folder / "b-road_damage.jpg")],
        "/below/a.png": [],
    }
    assert {str(path) for path in folder.iterdir()} == {path for paths in drawn.values() for path in paths}
    with Image.open(folder / "b-road_damage.jpg") as picture:
        assert picture.size == (160, 120)


def test_a_model_without_evidence_says_what_to_do_before_anything_is_read(photos, tmp_path, capsys):
    model = str(RELEASED_FOLDER / "1.1.0")

    assert main(["classify", str(photos), "--model", model, "--overlay", str(tmp_path / "overlays")]) == 1

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "without evidence" in captured.err and "--model" in captured.err
    assert not (tmp_path / "overlays").exists()


def test_an_overlay_that_cannot_be_written_is_one_sentence(colour_model, tmp_path, capsys):
    draw_quarters("rggg").save(tmp_path / "a.png")
    (tmp_path / "file").write_bytes(b"")

    status = main(
        ["classify", str(tmp_path / "a.png"), "--model", str(colour_model), "--overlay", str(tmp_path / "file")]
    )

    captured = capsys.readouterr()
    assert status == 1
    assert captured.err.count("\n") == 1
    assert "cannot be written" in captured.err


def test_inspect_checks_a_folder_and_shows_its_labels(capsys):
    assert main(["inspect", str(current_release())]) == 0

    out = capsys.readouterr().out
    assert "complete and unchanged" in out
    assert all(key in out for key in load_problems())
    assert f"likeness times {load_card(current_release()).likeness['graffiti']:.2f}" in out


def test_a_spoilt_model_is_one_sentence_and_no_traceback(spoilable_release, capsys):
    (spoilable_release / NETWORK_FILE).unlink()

    assert main(["inspect", str(spoilable_release)]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""
