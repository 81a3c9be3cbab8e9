"""What a run may vary, and what it refuses."""

from dataclasses import replace
from pathlib import Path

import pytest

from model.files import write_json
from model.network import Network
from training.config import BLOCKS, RUN_FILE, Run, Stage, TrainingConfig, parse_stages, read_run, write_run
from training.errors import TrainingError

CONFIG = TrainingConfig(manifest=Path("m.csv"), stages=(Stage(side=64, epochs=2), Stage(side=96, epochs=1)))


def test_stages_follow_each_other():
    assert parse_stages("64:2, 96:1") == CONFIG.stages
    assert [CONFIG.side_of(epoch) for epoch in range(CONFIG.epochs)] == [64, 64, 96]
    assert CONFIG.input_side == 96


@pytest.mark.parametrize("text", ["", "64", "64:x", "64:1;96:1", "16:1", "64:0"])
def test_stages_written_otherwise_are_refused(text):
    with pytest.raises(TrainingError):
        parse_stages(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("warmup_fraction", 1.5),
        ("label_smoothing", 0.6),
        ("source_balance", -0.1),
        ("mosaics", 1.1),
        ("frozen_blocks", 17),
        ("photos_per_step", 1),
        ("stages", ()),
    ],
)
def test_settings_out_of_range_are_named(name, value):
    with pytest.raises(TrainingError, match=name):
        TrainingConfig(**({"manifest": Path("m.csv")} | {name: value}))


def test_every_block_of_the_network_may_be_frozen():
    assert len(Network(1).blocks) == BLOCKS


def test_a_run_remembers_its_settings(tmp_path):
    config = replace(CONFIG, leave_out=("Lyon", "Foshan"))
    run = Run(config=config, data_fingerprint="abc", regions_sha256="def", members=(config, CONFIG), refit=(0.6, 17.0))
    write_run(run, tmp_path)

    assert read_run(tmp_path) == run


def test_a_run_of_an_earlier_version_is_read(tmp_path):
    write_json({"config": CONFIG.to_json(), "data_fingerprint": "abc"}, tmp_path / RUN_FILE)

    assert read_run(tmp_path) == Run(config=CONFIG, data_fingerprint="abc")


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(TrainingError, match=r"holds no run\.json"):
        read_run(tmp_path)


def test_what_is_told_to_others_names_no_folder_of_the_machine():
    told = replace(CONFIG, manifest=Path("/home/me/m.csv"), regions="/home/me/regions.csv").told()

    assert told["regions"] == "regions.csv"
    assert "/home/me" not in str(told)
    assert told["seed"] == CONFIG.seed
