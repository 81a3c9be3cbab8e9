"""The mean of runs is their mean, remembers them, and is made of like runs only."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from model.card import WEIGHTS_FILE, save_card
from model.files import write_json
from tests.training.decided import CARD
from training.config import RUN_FILE, Stage, read_run
from training.errors import TrainingError
from training.soup import soup


def make_run(folder, config, value, fingerprint="abc"):
    folder.mkdir()
    write_json({"config": config.to_json(), "data_fingerprint": fingerprint}, folder / RUN_FILE)
    save_file({"weight": torch.full((2,), value), "count": torch.tensor(7)}, folder / WEIGHTS_FILE)
    return folder


def test_weights_are_the_mean_and_counters_are_kept(config, tmp_path):
    runs = [make_run(tmp_path / str(value), replace(config, seed=int(value)), value) for value in (1.0, 2.0, 6.0)]

    weights = load_file(soup(runs, tmp_path / "soup"))

    assert weights["weight"].tolist() == [3, 3]
    assert weights["count"] == 7
    assert [member.seed for member in read_run(tmp_path / "soup").members] == [1, 2, 6]
    assert read_run(tmp_path / "soup").config.seed == 1


@pytest.mark.parametrize(
    ("changes", "fingerprint", "expected"),
    [
        ({"start": "elsewhere"}, "abc", "its start is 'elsewhere'"),
        ({"leave_out": ("Lyon",)}, "abc", "its leave_out is"),
        ({}, "other", "other photos or labels"),
    ],
)
def test_runs_that_are_not_alike_are_refused(config, tmp_path, changes, fingerprint, expected):
    runs = [
        make_run(tmp_path / "a", config, 1.0),
        make_run(tmp_path / "b", replace(config, **changes), 1.0, fingerprint),
    ]

    with pytest.raises(TrainingError, match=expected):
        soup(runs, tmp_path / "soup")
    assert not (tmp_path / "soup").exists()


def test_a_released_model_may_be_a_member(config, tmp_path):
    run = make_run(tmp_path / "a", config, 1.0)
    released = tmp_path / "released"
    released.mkdir()
    save_file({"weight": torch.full((2,), 3.0), "count": torch.tensor(9)}, released / WEIGHTS_FILE)
    told = {
        key: value for key, value in config.to_json().items() if key not in ("manifest", "workers", "frozen_blocks")
    }
    card = replace(CARD, data={"training": told | {"seed": 3}, "fingerprint": "abc"})
    save_card(card, released)

    weights = load_file(soup([run, released], tmp_path / "soup"))

    assert weights["weight"].tolist() == [2, 2]
    assert [member.seed for member in read_run(tmp_path / "soup").members] == [config.seed, 3]
    assert read_run(tmp_path / "soup").members[1].frozen_blocks == 0


def test_an_unfinished_run_is_refused(config, tmp_path):
    run = make_run(tmp_path / "a", config, 1.0)
    (run / WEIGHTS_FILE).unlink()

    with pytest.raises(TrainingError, match="finish the run"):
        soup([run], tmp_path / "soup")


def test_the_mean_takes_photos_of_the_first_runs_side(config, tmp_path):
    coarse = replace(config, stages=(Stage(side=32, epochs=1),))
    runs = [make_run(tmp_path / "a", config, 1.0), make_run(tmp_path / "b", coarse, 3.0)]

    weights = load_file(soup(runs, tmp_path / "soup"))

    assert weights["weight"].tolist() == [2, 2]
    assert read_run(tmp_path / "soup").config.input_side == 48
