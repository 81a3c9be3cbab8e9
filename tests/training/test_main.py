"""`python -m training`: one sentence and a status for whatever goes wrong."""

import pytest

from training.__main__ import main


def test_a_manifest_that_is_not_there_is_one_sentence(tmp_path, capsys):
    status = main(["fit", "--manifest", str(tmp_path / "none.csv"), "--out", str(tmp_path / "run")])

    err = capsys.readouterr().err
    assert status == 1
    assert err.startswith("error: ")
    assert "there is no such file" in err
    assert not (tmp_path / "run").exists()


def test_settings_out_of_range_are_one_sentence(tmp_path, capsys):
    status = main(["fit", "--manifest", "m.csv", "--out", str(tmp_path), "--stages", "64"])

    assert status == 1
    assert "SIDE:EPOCHS" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "status", "words"),
    [
        (OSError(28, "No space left on device", "checkpoint.pt"), 1, "No space left on device; free space"),
        (KeyboardInterrupt(), 130, "--resume"),
    ],
)
def test_what_happens_to_the_machine_is_one_sentence(monkeypatch, capsys, raised, status, words):
    def fail(*_, **__):
        raise raised

    monkeypatch.setattr("training.train.fit", fail)

    assert main(["fit", "--manifest", "m.csv", "--out", "run"]) == status
    assert words in capsys.readouterr().err
