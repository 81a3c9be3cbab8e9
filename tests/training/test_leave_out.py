"""Leave-origins-out: each fold is measured on exactly the photos its network never saw, and the figures add up."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from datasets.drawn import draw_set
from datasets.manifest import Manifest, read_manifest, write_manifest
from model.card import file_sha256, load_card
from training.config import Stage, read_run, write_run
from training.leave_out import LEFT_OUT_FILE, SCORES_FILE, leave_out
from training.tables import left_out_table
from training.train import fit

FOLDS = """
[[fold]]
name = "odd"
origins = ["odd streets"]
[[fold]]
name = "even"
origins = ["even"]
"""


@pytest.fixture(scope="module")
def places(config, tmp_path_factory):
    """The drawn set as if it came from two places, a run on it, and the list that leaves each of them out."""
    manifest = read_manifest(draw_set(tmp_path_factory.mktemp("places"), photos_per_kind=80, seed=5))
    path = manifest.path.with_name("places.csv")
    origins = ["even streets", "odd streets, summer", "even streets", "odd streets, winter"] * 5
    origins[3] = "odd streets, dusk"
    photos = [replace(photo, origin=origins[number % 20]) for number, photo in enumerate(manifest.photos)]
    write_manifest(Manifest(path=path, labels=manifest.labels, photos=tuple(photos)), path)
    folds = tmp_path_factory.mktemp("folds") / "folds.toml"
    folds.write_text(FOLDS, encoding="utf-8")
    return replace(config, manifest=path, stages=(Stage(side=32, epochs=1),), probe=0), folds


@pytest.fixture(scope="module")
def weak_labels(tmp_path_factory):
    path = tmp_path_factory.mktemp("weak") / "weak_labels.toml"
    path.write_text("[[weak]]\nproblem = 'graffiti'\norigins = ['odd streets, dusk']\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def measured(places, weak_labels, tmp_path_factory):
    out = tmp_path_factory.mktemp("left-out")
    return leave_out(*places, out, members=(0, 0.5), refitted=True, weak_labels=weak_labels), out


def test_each_photo_is_answered_once_by_the_network_that_did_not_see_its_origin(measured, places):
    config, _ = places
    out = measured[1]
    photos = [photo for photo in read_manifest(config.manifest).photos if photo.split in ("train", "val")]

    for name, origin in (("odd", "odd streets"), ("even", "even")):
        files = np.load(out / name / SCORES_FILE)["files"].tolist()
        assert files == [photo.file for photo in photos if photo.origin.startswith(origin)]
        assert read_run(out / name).config.leave_out == (origin,)
        assert [member.mosaics for member in read_run(out / name).members] == [0, 0.5]
        assert [member.seed for member in read_run(out / name).members] == [config.seed, config.seed + 1]
        assert measured[0]["refit"] is True
        assert len(read_run(out / name).refit) == 5
        learned = read_run(out / name).config.learned_from(photos)
        assert not {photo.file for photo in learned} & set(files)
        assert len(learned) + len(files) == len(photos)


def test_figures_are_written_and_add_up(measured):
    figures, out = measured
    values = [fold["macro_f1"]["value"] for fold in figures["folds"]]

    assert json.loads((out / LEFT_OUT_FILE).read_text(encoding="utf-8")) == json.loads(json.dumps(figures))
    assert [fold["name"] for fold in figures["folds"]] == ["odd", "even"]
    assert figures["macro_f1_worst"] == min(values)
    assert figures["macro_f1_mean"] == pytest.approx(sum(values) / 2, abs=1e-4)
    assert all(problem["positives"] >= 20 for fold in figures["folds"] for problem in fold["problems"].values())
    rows = left_out_table(figures)
    assert len({len(row) for row in rows}) == 1
    assert len(rows) == 2 + sum(len(fold["problems"]) for fold in figures["folds"])


def test_weak_labels_are_measured_with_though_nothing_is_fitted_to_them(measured, places, weak_labels):
    figures, out = measured
    photos = read_manifest(places[0].manifest).photos
    odd = next(fold for fold in figures["folds"] if fold["name"] == "odd")

    assert {read_run(out / name).weak_labels_sha256 for name in ("odd", "even")} == {file_sha256(weak_labels)}
    assert load_card(out / "odd" / "model").data["weak_labels_sha256"] == file_sha256(weak_labels)
    assert figures["weak_labels"] == weak_labels.name
    assert odd["problems"]["graffiti"]["positives"] == sum(
        photo.labels["graffiti"] is True and photo.origin.startswith("odd") and photo.split in ("train", "val")
        for photo in photos
    )


def test_false_alarms_at_recall_are_the_normal_photos_above_nine_in_ten_that_show_it(measured, places):
    figures, out = measured
    manifest = read_manifest(places[0].manifest)
    known = {photo.file: photo for photo in manifest.photos}
    shares = []
    for fold in figures["folds"]:
        stored = np.load(out / fold["name"] / SCORES_FILE)
        photos = [known[file] for file in stored["files"]]
        normal = np.array([photo.kind == "no_issue" for photo in photos])
        for label, problem in fold["problems"].items():
            logits = stored["logits"][:, manifest.labels.index(label)]
            shown = np.sort(logits[[photo.labels[label] is True for photo in photos]])
            assert problem["false_alarms_at_recall"] == pytest.approx(
                (logits[normal] >= shown[int(0.1 * len(shown))]).mean(), abs=1e-4
            )
            shares.append(problem["false_alarms_at_recall"])

    assert figures["recall"] == 0.9
    assert figures["false_alarms_at_recall"] == pytest.approx(np.mean(shares), abs=1e-4)


def test_what_was_trained_is_not_trained_again(measured, places, weak_labels, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a finished fold was trained again")

    monkeypatch.setattr("training.leave_out.fit", refuse)

    again = leave_out(*places, measured[1], members=(0, 0.5), refitted=True, weak_labels=weak_labels)

    assert again == measured[0]


def test_another_mix_of_the_same_runs_is_made_anew(measured, places, tmp_path):
    out = shutil.copytree(measured[1], tmp_path / "out")

    figures = leave_out(*places, out, members=(0, 0.5))

    assert figures["refit"] is False
    assert read_run(out / "odd").refit == ()
    before, after = (np.load(folder / "odd" / SCORES_FILE)["logits"] for folder in (measured[1], out))
    assert not np.allclose(before, after)


def test_a_last_layer_fitted_to_other_regions_is_fitted_anew(measured, places, weak_labels, tmp_path):
    out = shutil.copytree(measured[1], tmp_path / "out")
    write_run(replace(read_run(out / "odd"), regions_sha256="of regions that are no longer there"), out / "odd")

    leave_out(*places, out, members=(0, 0.5), refitted=True, weak_labels=weak_labels)

    assert read_run(out / "odd").regions_sha256 == ""


def test_a_run_that_leaves_everything_out_is_refused(places, tmp_path):
    config, _ = places

    with pytest.raises(Exception, match="found 0 train"):
        fit(replace(config, leave_out=("even", "odd")), tmp_path / "run")
