"""The loop: blanks teach nothing, and a run that was stopped goes on as if it had not been."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from datasets.manifest import read_manifest
from datasets.regions import as_region, write_regions
from training import train
from training.config import RUN_FILE, Stage, read_run
from training.errors import TrainingError
from training.train import CHECKPOINT_FILE, fit, masked_loss


def test_what_nobody_judged_is_not_in_the_loss():
    logits = torch.tensor([[0.0, 50.0], [2.0, -50.0]])
    labels = torch.tensor([[1.0, float("nan")], [0.0, float("nan")]])

    loss = masked_loss(logits, labels, smoothing=0.0)

    assert loss.item() == pytest.approx((0.6931 + 2.1269) / 2, abs=1e-3)  # ln 2 and ln(1 + e²)


def test_a_batch_that_nobody_judged_gives_no_loss_and_no_gradient():
    logits = torch.zeros(2, 2, requires_grad=True)

    masked_loss(logits, torch.full((2, 2), float("nan")), smoothing=0.1).backward()

    assert logits.grad.abs().sum() == 0


@pytest.fixture(scope="module")
def whole_run(config, tmp_path_factory):
    run = tmp_path_factory.mktemp("whole") / "run"
    fit(config, run)
    return run


def test_a_finished_run_holds_its_settings_figures_and_weights(whole_run, config):
    history = [json.loads(line) for line in (whole_run / "history.jsonl").read_text(encoding="utf-8").splitlines()]

    assert read_run(whole_run).config == config
    assert [figures["epoch"] for figures in history] == [1, 2]
    assert [figures["side"] for figures in history] == [32, 48]
    assert all(0 <= figures["waiting_for_photos"] <= 1 for figures in history)
    assert list((whole_run / "tensorboard").iterdir())
    left = {path.name for path in whole_run.iterdir()}
    assert left == {"weights.safetensors", "checkpoint.pt", RUN_FILE, "history.jsonl", "tensorboard"}


def test_a_run_stopped_in_an_epoch_resumes_to_the_same_weights(whole_run, config, tmp_path, monkeypatch):
    run = tmp_path / "run"
    validate = train._validate
    monkeypatch.setattr(train, "_validate", _stop_at_call(validate, 2))
    with pytest.raises(KeyboardInterrupt):
        fit(config, run)
    assert torch.load(run / CHECKPOINT_FILE, weights_only=True)["epoch"] == 1
    monkeypatch.setattr(train, "_validate", validate)

    fit(config, run, resume=True)

    resumed, whole = load_file(run / "weights.safetensors"), load_file(whole_run / "weights.safetensors")
    assert resumed.keys() == whole.keys()
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)
    assert len((run / "history.jsonl").read_text(encoding="utf-8").splitlines()) == 2


def _stop_at_call(function, stop_at):
    calls = []

    def stopping(*arguments):
        calls.append(1)
        if len(calls) == stop_at:
            raise KeyboardInterrupt
        return function(*arguments)

    return stopping


def test_a_run_is_never_overwritten(whole_run, config):
    with pytest.raises(TrainingError, match="--resume"):
        fit(config, whole_run)


def test_a_run_is_resumed_only_with_its_own_settings(whole_run, config):
    with pytest.raises(TrainingError, match="other seed"):
        fit(replace(config, seed=18), whole_run, resume=True)


def test_a_run_is_not_resumed_on_other_photos(whole_run, config, tmp_path):
    run = shutil.copytree(whole_run, tmp_path / "run")
    content = json.loads((run / RUN_FILE).read_text(encoding="utf-8"))
    (run / RUN_FILE).write_text(json.dumps(content | {"data_fingerprint": "other"}), encoding="utf-8")

    with pytest.raises(TrainingError, match="have changed since"):
        fit(config, run, resume=True)


def test_nothing_to_resume_is_said(config, tmp_path):
    with pytest.raises(TrainingError, match="nothing to resume"):
        fit(config, tmp_path, resume=True)


def test_a_full_disk_is_one_error_and_leaves_no_half_checkpoint(config, tmp_path, monkeypatch):
    def full_disk(state, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("torch.save", full_disk)

    with pytest.raises(OSError, match="No space left"):
        fit(config, tmp_path / "run")
    assert not [path for path in (tmp_path / "run").iterdir() if "checkpoint" in path.name]


def test_regions_are_learned_from_and_may_not_change_under_a_run(config, tmp_path):
    first = read_manifest(config.manifest).split("train")[0]
    regions = tmp_path / "regions.csv"
    write_regions(tuple(as_region(first, (0, 0, 60 + place, 60)) for place in range(40)), regions)
    with_regions = replace(config, stages=(Stage(side=32, epochs=1),), regions=str(regions))
    run = tmp_path / "run"

    fit(with_regions, run)

    (told,) = (run / "history.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(told)["epoch"] == 1
    steps = torch.load(run / CHECKPOINT_FILE, weights_only=True)["schedule"]["last_epoch"]
    photos = len(read_manifest(config.manifest).split("train")) + 40
    assert steps == photos // config.photos_per_step
    write_regions((as_region(first, (0, 0, 50, 50)),), regions)
    with pytest.raises(TrainingError, match=r"regions\.csv has changed since"):
        fit(with_regions, run, resume=True)


@pytest.mark.parametrize("start", ["imagenet", "folder"])
def test_only_a_run_from_imagenet_begins_with_a_regression(start, whole_run, config, tmp_path, monkeypatch):
    probed = []
    monkeypatch.setattr("training.train.fit_last_layer", lambda *_: probed.append(start))
    folder = "imagenet" if start == "imagenet" else str(whole_run)  # its weights bring a last layer of their own

    fit(replace(config, stages=(Stage(side=32, epochs=1),), start=folder), tmp_path / "run")

    assert probed == ([start] if start == "imagenet" else [])
