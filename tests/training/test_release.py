"""From a run to a released model: export agrees with torch, figures are of this model, the gate holds."""

import json
import shutil
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest

from datasets.manifest import read_manifest
from model.card import NETWORK_FILE, QUANTIZED_FILE, Threshold, load_card, save_card
from model.classifier import EVIDENCE_OUTPUT, Classifier
from training import export as export_module
from training import quantize as quantize_module
from training.calibrate import calibrate
from training.errors import TrainingError
from training.evaluate import EVALUATION_FILE, evaluate
from training.export import export
from training.quantize import quantize
from training.release import release
from training.train import fit


@pytest.fixture(scope="module")
def run(config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "run"
    fit(config, folder)
    return folder


@pytest.fixture(scope="module")
def measured(run, config):
    """An exported, calibrated model folder and its evaluation."""
    folder = export(run, run / "model")
    calibrate(folder, config.manifest)
    quantize(folder, config.manifest)
    evaluate(folder, config.manifest, "test", run / "evaluation")
    return folder, run / "evaluation"


def test_an_exported_model_loads_and_knows_its_data(measured, config):
    card = Classifier.load(measured[0]).card

    assert card.labels == read_manifest(config.manifest).labels
    assert card.input_side == config.input_side
    assert card.data["fingerprint"] == read_manifest(config.manifest).fingerprint()
    assert str(config.manifest) not in json.dumps(dict(card.data))


def test_the_network_file_holds_no_path_of_the_machine(measured):
    content = (measured[0] / NETWORK_FILE).read_bytes()

    assert b"site-packages" not in content
    assert b".py" not in content


def test_evidence_averages_to_the_logits_in_both_precisions(measured, config):
    photos = [photo.path.read_bytes() for photo in read_manifest(config.manifest).split("test")[:6]]
    exact, integer = (Classifier.load(measured[0], precision=precision) for precision in ("fp32", "int8"))
    pixels = np.stack([exact.prepare(photo).pixels for photo in photos])

    for classifier, steps in ((exact, 1e-4), (integer, 0.02)):  # logits in int8 are in 256 steps
        logits, cells = classifier.logits(pixels), classifier.evidence(pixels)
        assert cells.shape == (6, 5, 2, 2)  # 48 pixels are 1.5 cells a side
        assert np.abs(cells.mean(axis=(2, 3)) - logits).max() <= max(steps * np.ptp(logits), 1e-5)
        assert np.ptp(cells, axis=(2, 3)).max() > 0  # it differs from cell to cell
    assert np.abs(exact.evidence(pixels) - integer.evidence(pixels)).mean() < 0.1 * np.ptp(exact.evidence(pixels))


def test_what_is_added_to_the_network_leaves_its_logits_alone(measured, config, tmp_path):
    """The same weights, exported and quantised without evidence."""
    folder = measured[0]
    photos = [photo.path.read_bytes() for photo in read_manifest(config.manifest).split("test")[:6]]
    pixels = np.stack([Classifier.load(folder).prepare(photo).pixels for photo in photos])
    without = onnx.load(folder / QUANTIZED_FILE)
    (added,) = [node for node in without.graph.node if EVIDENCE_OUTPUT in node.output]
    without.graph.node.remove(added)
    (output,) = [given for given in without.graph.output if given.name == EVIDENCE_OUTPUT]
    without.graph.output.remove(output)

    session = onnxruntime.InferenceSession(without.SerializeToString(), providers=["CPUExecutionProvider"])
    (expected,) = session.run(["logits"], {"pixels": pixels})

    integer = Classifier.load(folder, precision="int8")
    plain = integer.judged_by(replace(integer.card, likeness={}, nearness={}), None)
    assert added.op_type == "Conv"
    assert np.array_equal(plain.logits(pixels), expected)


def test_the_precision_served_is_the_one_that_the_gate_allows(measured, config, tmp_path, monkeypatch):
    folder = shutil.copytree(measured[0], tmp_path / "model")
    calibrate(folder, config.manifest)
    fitted_to_one = load_card(folder).calibration
    assert load_card(folder).likeness == load_card(measured[0]).likeness  # not of what likeness has added already
    assert set(load_card(folder).likeness) == set(load_card(folder).labels)

    monkeypatch.setattr(quantize_module, "MOST_F1_LOST", 1.0)
    assert quantize(folder, config.manifest) == "int8" == load_card(folder).precision
    assert load_card(folder).calibration != fitted_to_one
    assert (folder / QUANTIZED_FILE).stat().st_size < 0.4 * (folder / NETWORK_FILE).stat().st_size

    monkeypatch.setattr(quantize_module, "MOST_F1_LOST", -1.0)
    assert quantize(folder, config.manifest) == "fp32" == load_card(folder).precision
    assert load_card(folder).calibration == fitted_to_one
    assert Classifier.load(folder, precision="int8")  # there for an operator who wants it


def test_a_network_that_differs_from_torch_is_not_written(run, tmp_path, monkeypatch):
    monkeypatch.setattr(export_module, "MOST_DIFFERENCE", -1.0)

    with pytest.raises(TrainingError, match="differ by"):
        export(run, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_an_unfinished_run_is_not_exported(run, tmp_path):
    shutil.copy(run / "run.json", tmp_path / "run.json")

    with pytest.raises(TrainingError, match="not finished"):
        export(tmp_path, tmp_path / "model")


def test_an_evaluation_says_what_was_measured(measured, config):
    evaluation = json.loads((measured[1] / EVALUATION_FILE).read_text(encoding="utf-8"))
    manifest = read_manifest(config.manifest)
    photos = manifest.split("test")

    assert evaluation["photos"] == len(photos) == sum(source["photos"] for source in evaluation["sources"])
    shown = sum(photo.labels["graffiti"] is True for photo in photos)
    assert evaluation["problems"]["graffiti"]["positives"] == shown > 0
    assert evaluation["normal_photos"]["photos"] == sum(photo.kind == "no_issue" for photo in photos)
    f1 = evaluation["macro_f1"]
    assert 0 <= f1["low"] <= f1["value"] <= f1["high"] <= 1
    page = (measured[1] / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )
    assert len((measured[1] / "scores.csv").read_text(encoding="utf-8").splitlines()) == len(photos) + 1


def test_calibration_needs_photos_that_show_each_problem(measured, tmp_path, drawn_manifest):
    few = drawn_manifest.with_name("few.csv")
    lines = drawn_manifest.read_text(encoding="utf-8").splitlines()
    few.write_text("\n".join(line for line in lines if "graffiti/" not in line) + "\n", encoding="utf-8")
    folder = shutil.copytree(measured[0], tmp_path / "model")

    with pytest.raises(TrainingError, match="split val shows graffiti in 0 of"):
        calibrate(folder, few)
    assert load_card(folder) == load_card(measured[0])


def test_scores_and_thresholds_are_not_fitted_to_weak_labels(measured, config, tmp_path):
    folder = shutil.copytree(measured[0], tmp_path / "model")
    weak = tmp_path / "weak_labels.toml"
    origins = sorted({photo.origin for photo in read_manifest(config.manifest).photos})
    weak.write_text(f"[[weak]]\nproblem = 'graffiti'\norigins = {origins}\n", encoding="utf-8")

    for fit_scores_of in (calibrate, quantize):
        with pytest.raises(TrainingError, match="split val shows graffiti in 0 of"):
            fit_scores_of(folder, config.manifest, weak_labels=weak)


def test_a_released_model_is_in_use_and_carries_its_figures(measured, tmp_path):
    target = release(*measured, "1.0.0", tmp_path)

    card = Classifier.load(target).card
    assert (tmp_path / "current").read_text(encoding="utf-8") == "1.0.0\n"
    assert card.version == "1.0.0"
    readme = (target / "README.md").read_text(encoding="utf-8")
    assert f"{card.evaluation['macro_f1']['value']:.3f}" in readme
    assert all(label in readme for label in card.labels)


def test_a_released_version_never_changes(measured, tmp_path):
    release(*measured, "1.0.0", tmp_path)

    with pytest.raises(TrainingError, match="exists already"):
        release(*measured, "1.0.0", tmp_path)
    with pytest.raises(TrainingError, match="three numbers"):
        release(*measured, "newest", tmp_path)


def test_figures_of_another_model_are_not_accepted(measured, tmp_path):
    folder = shutil.copytree(measured[0], tmp_path / "model")
    card = load_card(folder)
    card.thresholds["graffiti"] = Threshold(lower=0.0, upper=1.0)
    save_card(card, folder)

    with pytest.raises(TrainingError, match="another model folder"):
        release(folder, measured[1], "1.0.0", tmp_path / "released")


def _better_macro_f1(figures):
    figures["macro_f1"]["low"] = figures["macro_f1"]["value"] + 0.01


def _fewer_false_alarms(figures):
    figures["normal_photos"]["false_alarms"]["high"] = figures["normal_photos"]["false_alarms"]["value"] - 0.01


@pytest.mark.parametrize(
    ("improve", "said"),
    [
        (_better_macro_f1, "macro F1 .* lies below the interval of the model in use"),
        (_fewer_false_alarms, "false alarms .* lie above the interval of the model in use"),
    ],
)
def test_a_model_worse_than_the_one_in_use_is_refused(measured, tmp_path, improve, said):
    released = tmp_path / "released"
    release(*measured, "1.0.0", released)
    in_use = load_card(released / "1.0.0")
    improve(in_use.evaluation)
    save_card(in_use, released / "1.0.0")

    with pytest.raises(TrainingError, match=said):
        release(*measured, "1.1.0", released)
    assert (released / "current").read_text(encoding="utf-8") == "1.0.0\n"
