"""The last layer fitted anew: nothing else moves, and it learns from what the run learned from."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from datasets.manifest import Manifest, read_manifest, write_manifest
from datasets.regions import as_region, write_regions
from model.card import WEIGHTS_FILE, file_sha256
from model.network import Network
from training import refit as refit_module
from training.config import Run, read_run, write_run
from training.errors import TrainingError
from training.probe import fit_last_layer
from training.refit import STRENGTHS, refit


@pytest.fixture(scope="module")
def run(config, tmp_path_factory):
    """A run that learned nothing, so that what a last layer learns is the regression's."""
    folder = tmp_path_factory.mktemp("refit") / "run"
    folder.mkdir()
    torch.manual_seed(3)
    save_file({name: value.contiguous() for name, value in Network(5).state_dict().items()}, folder / WEIGHTS_FILE)
    fingerprint = read_manifest(config.manifest).fingerprint()
    write_run(Run(config=config, data_fingerprint=fingerprint, members=(config, replace(config, seed=18))), folder)
    return folder


@pytest.fixture(scope="module")
def refitted(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("refit") / "out"
    refit(run, out)
    return out


def test_nothing_but_the_last_layer_moves_and_the_run_is_remembered(run, refitted):
    before, after = load_file(run / WEIGHTS_FILE), load_file(refitted / WEIGHTS_FILE)

    assert {name for name in before if not torch.equal(before[name], after[name])} == {
        "classify.weight",
        "classify.bias",
    }
    remembered = read_run(refitted)
    assert replace(remembered, refit=()) == read_run(run)
    assert len(remembered.refit) == 5
    assert set(remembered.refit) <= set(STRENGTHS)
    assert {path.name for path in refitted.iterdir()} == {WEIGHTS_FILE, "run.json"}


def test_strengths_count_beside_the_mean_over_photos_so_that_few_are_not_held_smaller(run, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(refit_module, "fit_last_layer", lambda *known, **_: given.append(known) or known[4][:1] * 5)

    refit(run, tmp_path / "out")

    ((_, packed, _, _, strengths),) = given
    assert [strength * len(packed) for strength in strengths] == pytest.approx(STRENGTHS)
    assert read_run(tmp_path / "out").refit == (STRENGTHS[0],) * 5


def test_it_learns_from_what_the_run_learned_from_but_weak_labels_and_from_pages(run, config, tmp_path, monkeypatch):
    seen = []

    def note(network, packed, labels, side, strengths, *, pages, held_out):
        seen.append((len(packed), labels, side, pages, held_out))
        return fit_last_layer(network, packed, labels, side, strengths[:1], pages=pages)

    monkeypatch.setattr(refit_module, "fit_last_layer", note)
    known = read_manifest(config.manifest)
    two_places = [replace(photo, origin="here" if place % 3 else "there") for place, photo in enumerate(known.photos)]
    manifest = Manifest(path=known.path.with_name("two.csv"), labels=known.labels, photos=tuple(two_places))
    write_manifest(manifest, manifest.path)
    (tmp_path / "run").mkdir()
    regions = tmp_path / "regions.csv"
    here, there = (next(p for p in manifest.split("train") if p.origin == origin) for origin in ("here", "there"))
    write_regions((as_region(here, (0, 0, 60, 60)), as_region(there, (0, 0, 60, 60))), regions)
    narrower = replace(config, manifest=manifest.path, regions=str(regions), leave_out=("there",), pages=0.5)
    fingerprint = read_manifest(manifest.path).fingerprint()
    write_run(Run(config=narrower, data_fingerprint=fingerprint), tmp_path / "run")
    (tmp_path / "run" / WEIGHTS_FILE).write_bytes((run / WEIGHTS_FILE).read_bytes())

    weak = tmp_path / "weak_labels.toml"
    weak.write_text("[[weak]]\nproblem = 'graffiti'\norigins = ['here']\n", encoding="utf-8")

    refit(tmp_path / "run", tmp_path / "out", weak)

    def sure(kept):
        labels = manifest.label_array(kept)
        graffiti = labels[:, manifest.labels.index("graffiti")]
        assert (graffiti == 1).any()
        graffiti[graffiti == 1] = np.nan
        return labels

    kept = [photo for photo in manifest.split("train") if photo.origin == "here"]
    ((photos, labels, side, pages, held_out),) = seen
    assert 1 < photos == len(kept) + 1 < len(manifest.split("train"))
    assert np.array_equal(labels[:-1], sure(kept), equal_nan=True)
    assert read_run(tmp_path / "out").regions_sha256 == file_sha256(regions)
    assert read_run(tmp_path / "out").weak_labels_sha256 == file_sha256(weak)
    assert side == config.input_side
    tested = [photo for photo in manifest.split("val") if photo.origin == "here"]
    assert len(held_out[0]) == len(tested) < len(manifest.split("val"))
    assert np.array_equal(held_out[1], sure(tested), equal_nan=True)
    assert pages.shape == (-(-photos // 2), 3, side, side)


def test_a_run_that_is_not_finished_or_whose_labels_changed_is_refused(run, tmp_path):
    started = read_run(run)
    for name in ("unfinished", "changed"):
        (tmp_path / name).mkdir()
    write_run(started, tmp_path / "unfinished")
    write_run(replace(started, data_fingerprint="other"), tmp_path / "changed")
    (tmp_path / "changed" / WEIGHTS_FILE).write_bytes((run / WEIGHTS_FILE).read_bytes())

    with pytest.raises(TrainingError, match="finish the run"):
        refit(tmp_path / "unfinished", tmp_path / "out")
    with pytest.raises(TrainingError, match="have changed since"):
        refit(tmp_path / "changed", tmp_path / "out")
    assert not (tmp_path / "out").exists()
