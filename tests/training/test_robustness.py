"""The command on a few drawn photos: its figures mean nothing, their arrangement does."""

import json

import numpy as np
import pytest

from datasets.drawn import draw_set
from model.card import load_card
from model.classifier import Classifier, current_release
from model.decision import Decision, Verdict
from training import robustness as robustness_module
from training.__main__ import main
from training.corruptions import CORRUPTIONS
from training.errors import TrainingError
from training.retakes import ENCODINGS, FRAMINGS
from training.robustness import ROBUSTNESS_FILE, UNCHANGED, load_robustness, measure_robustness


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return draw_set(tmp_path_factory.mktemp("few"), photos_per_kind=8, seed=5)


@pytest.fixture(scope="module")
def measured(manifest, tmp_path_factory):
    """What the command wrote."""
    out = tmp_path_factory.mktemp("robustness")
    arguments = ["--manifest", str(manifest), "--split", "val", "--severity", "3", "1", "--out", str(out)]
    assert main(["robustness", str(current_release()), *arguments]) == 0
    return out / ROBUSTNESS_FILE


def test_the_file_says_what_was_measured(measured, manifest):
    robustness = json.loads(measured.read_text(encoding="utf-8"))

    assert robustness["card_sha256"] == load_card(current_release()).fingerprint()
    assert robustness["data"]["split"] == "val"
    assert robustness["seed"] == 17
    assert robustness["photos"] == manifest.read_text(encoding="utf-8").count(",val,")
    assert set(robustness["corruptions"]) == set(CORRUPTIONS)
    assert all(list(severities) == ["1", "3"] for severities in robustness["corruptions"].values())
    assert set(robustness["mean"]) == {"1", "3"}
    assert set(robustness["stability"]["encodings"]) == {*ENCODINGS, "all"}
    assert set(robustness["stability"]["framings"]) == {*FRAMINGS, "all"}
    for of in ("verdict", "verdict_and_problems"):
        shares = [share[of]["value"] for share in robustness["stability"]["framings"].values()]
        assert shares[-1] == min(shares)


def test_the_file_is_accepted_for_its_own_model_and_photos_alone(measured):
    card = load_card(current_release())
    written = json.loads(measured.read_text(encoding="utf-8"))
    fingerprint = written["data"]["fingerprint"]

    assert load_robustness(measured, card, fingerprint) == written
    with pytest.raises(TrainingError, match="of other photos"):
        load_robustness(measured, card, "other")
    card.thresholds["graffiti"] = card.thresholds["road_damage"]
    with pytest.raises(TrainingError, match="another model folder"):
        load_robustness(measured, card, fingerprint)
    with pytest.raises(TrainingError, match="is missing"):
        load_robustness(measured.with_name("none.json"), card, fingerprint)


def test_a_photo_that_cannot_be_read_is_named(tmp_path):
    manifest = draw_set(tmp_path, photos_per_kind=8, seed=5)
    (tmp_path / "graffiti" / "0006.jpg").write_bytes(b"no photo")

    with pytest.raises(TrainingError, match=r"0006\.jpg.*datasets check"):
        measure_robustness(current_release(), manifest, "val", [3], tmp_path / "out")


def test_all_changes_go_the_road_of_serving(manifest, monkeypatch):
    files = []
    classifier = Classifier.load(current_release())
    classify = classifier.classify
    monkeypatch.setattr(classifier, "classify", lambda photos: files.extend(photos) or classify(photos))
    photo = robustness_module.read_photo((manifest.parent / "graffiti" / "0000.jpg").read_bytes())

    decisions = robustness_module._decide_changed(classifier, photo, [2, 5], (17, 0))

    assert len(decisions) == len(files) == 1 + 2 * len(CORRUPTIONS) + len(ENCODINGS) + len(FRAMINGS)
    assert decisions[UNCHANGED] == classify([(manifest.parent / "graffiti" / "0000.jpg").read_bytes()])[0].decision


def test_shares_are_of_the_same_resamples():
    def say(*found):
        return [
            Decision(
                verdict=Verdict.PROBLEM if is_found else Verdict.NO_PROBLEM,
                problems=("graffiti",) * is_found,
                scores={},
            )
            for is_found in found
        ]

    truth = np.array([[1], [1], [0], [0]] * 25, dtype=np.float32)
    right, half = say(*[True, True, False, False] * 25), say(*[True, False, False, False] * 25)
    decisions = {UNCHANGED: half} | {(name, 3): half for name in CORRUPTIONS} | {("rain", 3): right}

    figures = robustness_module._measure_corruptions(
        decisions, truth, ("graffiti",), np.array([False, False, True, True] * 25), seed=17
    )

    assert figures["unchanged"]["macro_f1"]["value"] == pytest.approx(2 / 3, abs=1e-4)
    assert figures["corruptions"]["fog"]["3"]["share_of_unchanged"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    rain = figures["corruptions"]["rain"]["3"]
    assert rain["macro_f1"]["value"] == 1
    assert rain["share_of_unchanged"]["value"] == pytest.approx(1.5)
    assert rain["share_of_unchanged"]["low"] < 1.5 < rain["share_of_unchanged"]["high"]
    assert rain["false_alarms"]["value"] == 0
    assert figures["mean"]["3"]["share_of_unchanged"]["value"] == pytest.approx((9 + 1.5) / 10)


def test_stability_counts_verdicts_and_the_problems_in_them():
    def say(verdict, *problems):
        return Decision(verdict=verdict, problems=problems, scores={})

    before = [say(Verdict.PROBLEM, "graffiti", "road_damage"), say(Verdict.REVIEW), say(Verdict.NO_PROBLEM)]
    turned = [say(Verdict.PROBLEM, "road_damage", "graffiti"), say(Verdict.REVIEW), say(Verdict.REVIEW)]
    fewer = [say(Verdict.PROBLEM, "graffiti"), say(Verdict.REVIEW), say(Verdict.NO_PROBLEM)]
    decisions = {UNCHANGED: before, ("jpeg_85", 0): before, ("jpeg_70", 0): turned, ("webp_80", 0): fewer}

    shares = robustness_module._measure_stability(decisions, ["jpeg_85", "jpeg_70", "webp_80"])

    two, one = pytest.approx(2 / 3, abs=1e-4), pytest.approx(1 / 3, abs=1e-4)
    assert [share["verdict"]["value"] for share in shares.values()] == [1.0, two, 1.0, two]
    assert [share["verdict_and_problems"]["value"] for share in shares.values()] == [1.0, two, two, one]
