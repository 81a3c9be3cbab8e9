"""`python -m datasets`: what a person sees, and the exit status."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from datasets.__main__ import INTERRUPTED, main
from datasets.manifest import read_manifest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def drawn(tmp_path):
    """A drawn set of one photo a kind."""
    assert main(["draw", str(tmp_path / "drawn"), "--photos", "1", "--seed", "1"]) == 0
    return tmp_path / "drawn" / "manifest.csv"


def test_a_sound_set_passes_the_check(drawn, capsys):
    assert main(["check", str(drawn)]) == 0
    assert "7 photos looked at, nothing found" in capsys.readouterr().out


def test_a_finding_names_the_file_the_fault_and_the_cure_and_fails(drawn, capsys):
    (drawn.parent / "graffiti" / "0000.jpg").unlink()

    assert main(["check", str(drawn)]) == 1

    out = capsys.readouterr().out
    assert "missing photos (1)\n- train graffiti/0000.jpg: " in out
    assert "; put the file there or delete its line" in out


def test_findings_as_json(drawn, capsys):
    shutil.copy(drawn.parent / "no_issue/0000.jpg", drawn.parent / "graffiti/0000.jpg")
    capsys.readouterr()

    assert main(["check", str(drawn), "--json"]) == 1

    kinds = {finding["kind"]: finding["photos"] for finding in json.loads(capsys.readouterr().out)}
    assert set(kinds) == {"wrong_hash", "same_file"}
    assert kinds["wrong_hash"] == [{"file": "graffiti/0000.jpg", "split": "train"}]


def test_an_unknown_label_is_told_without_a_traceback(tmp_path, capsys):
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("file,split,parking\n1.jpg,train,1\n", encoding="utf-8")

    assert main(["check", str(manifest)]) == 1

    error = capsys.readouterr().err
    assert error.startswith(f"{manifest}:1: column 'parking' is an unknown label")
    assert "Traceback" not in error


def test_stats_are_printed_and_plotted(drawn, capsys, tmp_path):
    assert main(["stats", str(drawn), "--out", str(tmp_path / "out")]) == 0
    assert f"plot: {tmp_path / 'out' / 'stats.png'}" in capsys.readouterr().out


def test_folders_become_a_manifest_beside_the_photos(drawn, tmp_path):
    folder = tmp_path / "photos"
    for kind in ("graffiti", "no_issue"):
        shutil.copytree(drawn.parent / kind, folder / kind)

    assert main(["import-folders", str(folder)]) == 0

    assert len(read_manifest(folder / "manifest.csv").photos) == 2


def test_an_unreadable_photo_writes_nothing(drawn, tmp_path, capsys):
    folder = tmp_path / "photos" / "graffiti"
    folder.mkdir(parents=True)
    (folder / "1.jpg").write_bytes(b"")

    assert main(["import-folders", str(folder.parent)]) == 1
    assert "found an empty file" in capsys.readouterr().err
    assert not (folder.parent / "manifest.csv").exists()


def test_a_catalogue_is_written(drawn, tmp_path):
    assert main(["catalogue", str(drawn), "--out", str(tmp_path / "catalogue.csv")]) == 0
    assert (tmp_path / "catalogue.csv").is_file()


def test_a_path_that_cannot_be_written_is_one_sentence(drawn, capsys, tmp_path):
    (tmp_path / "file").write_text("")

    assert main(["catalogue", str(drawn), "--out", str(tmp_path / "file" / "catalogue.csv")]) == 1

    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "check the path" in error


def test_ctrl_c_ends_quietly(monkeypatch, capsys):
    def interrupt(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("datasets.__main__.read_manifest", interrupt)

    assert main(["stats", "manifest.csv"]) == INTERRUPTED
    assert "stopped" in capsys.readouterr().err


def test_it_runs_as_a_module_and_starts_light():
    slow = "torch", "matplotlib", "onnxruntime"
    code = f"import sys, datasets.__main__; print([name for name in {slow} if name in sys.modules])"

    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]"
    assert subprocess.run([sys.executable, "-m", "datasets"], cwd=ROOT, capture_output=True).returncode == 2
