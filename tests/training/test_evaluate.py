"""An evaluation with everything in it, of the released model on a few drawn photos; the figures mean nothing."""

import base64
import io
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from datasets.drawn import draw_set
from datasets.manifest import read_manifest, write_manifest
from model.card import Threshold, load_card, save_card
from model.classifier import current_release
from training.errors import TrainingError
from training.evaluate import EVALUATION_FILE, evaluate
from training.report import PLOT_FILE, REPORT_FILE
from training.robustness import ROBUSTNESS_FILE, measure_robustness


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """A few photos, those of waterlogging and training moved outside the problems."""
    folder = tmp_path_factory.mktemp("few")
    drawn = read_manifest(draw_set(folder, photos_per_kind=14, seed=5))
    photos = tuple(
        replace(photo, split="ood", kind="illegal_parking", labels=dict.fromkeys(drawn.labels, False))
        if photo.kind == "waterlogging" and photo.split == "train"
        else photo
        for photo in drawn.photos
    )
    return write_manifest(replace(drawn, photos=photos), folder / "with-outside.csv")


@pytest.fixture(scope="module")
def out(manifest, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluation")
    measure_robustness(current_release(), manifest, "val", [3], folder)
    evaluate(current_release(), manifest, "val", folder)
    return folder


@pytest.fixture(scope="module")
def evaluation(out):
    return json.loads((out / EVALUATION_FILE).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(out):
    return (out / REPORT_FILE).read_text(encoding="utf-8")


def test_every_new_figure_comes_with_an_interval(evaluation):
    outside = evaluation["outside_the_problems"]
    figures = [
        evaluation["macro_f1"],
        evaluation["expected_calibration_error"],
        evaluation["coverage"]["at"]["accuracy"],
        outside["auroc"],
        outside["false_positives_at_95"],
        *(problem["expected_calibration_error"] for problem in evaluation["problems"].values()),
    ]

    assert all(set(figure) == {"value", "low", "high"} for figure in figures)
    assert all(figure["low"] <= figure["high"] for figure in figures)
    assert outside["photos"] == 10
    assert sum(kind["photos"] for kind in outside["kinds"]) == 10


def test_the_page_has_its_sections(page):
    headings = re.findall(r"<h2>(.*?)</h2>", page)

    assert headings == [
        "Per problem",
        "What is said, by what photos were collected as",
        "On worse photos",
        "Mistakes",
        "The worst mistakes",
        "Per source",
    ]
    assert all(words in page for words in ("AUROC", "20 % least sure", "motion blur", "<svg", "illegal_parking"))


def test_the_page_needs_nothing_beside_it(page):
    links = re.findall(r"""(?:src|href|data|action|poster)\s*=\s*["']([^"']*)["']|url\(([^)]*)\)|@import""", page)

    assert all((link or url).strip("'\"").startswith(("#", "data:image/jpeg;base64,")) for link, url in links)
    assert "<script" not in page
    assert set(re.findall(r"\w+://[\w.]+", page)) <= {"http://www.w3.org"}  # names of SVG, which nothing loads
    assert "file:" not in page


def test_only_the_page_holds_photos_and_those_are_small(manifest, tmp_path):
    """By a model that never finds anything, and is wrong wherever a photo shows something."""
    silent, out = tmp_path / "silent", tmp_path / "evaluation"
    shutil.copytree(current_release(), silent)
    card = load_card(silent)
    never = {label: Threshold(lower=1, upper=1) for label in card.labels}
    save_card(replace(card, thresholds=never, familiar=None), silent)
    evaluation = evaluate(silent, manifest, "val", out)
    page = (out / REPORT_FILE).read_text(encoding="utf-8")
    pictures = re.findall(r"data:image/jpeg;base64,([^\"]+)", page)

    assert 0 < len(pictures) <= 24
    for picture in pictures:
        assert max(Image.open(io.BytesIO(base64.b64decode(picture))).size) == 160
    assert page.count("<figure>") == len(pictures)
    assert "<image" not in (out / PLOT_FILE).read_text(encoding="utf-8")
    assert "base64" not in json.dumps(evaluation)
    assert ".jpg" not in json.dumps(evaluation)


def test_the_score_that_tells_photos_apart_can_be_another(manifest, tmp_path):
    def brightness(decided):
        return np.arange(len(decided.photos)) * 0.0

    evaluation = evaluate(current_release(), manifest, "val", tmp_path, familiarity=brightness)

    assert evaluation["outside_the_problems"]["told_by"] == "brightness"
    assert evaluation["outside_the_problems"]["auroc"]["value"] == 0.5
    assert "robustness" not in evaluation
    assert "On worse photos" not in (tmp_path / REPORT_FILE).read_text(encoding="utf-8")


def test_robustness_of_another_model_is_not_shown(out, manifest, tmp_path):
    other = json.loads((out / ROBUSTNESS_FILE).read_text(encoding="utf-8")) | {"card_sha256": "other"}
    (tmp_path / "other.json").write_text(json.dumps(other), encoding="utf-8")

    with pytest.raises(TrainingError, match="another model folder"):
        evaluate(current_release(), manifest, "val", tmp_path / "out", robustness=tmp_path / "other.json")
    assert not (tmp_path / "out").exists()
