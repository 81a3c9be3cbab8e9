"""A released model: it loads whole or not at all, and classifies."""

import io
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from model import classifier as classifier_module
from model.card import (
    NETWORK_FILE,
    QUANTIZED_FILE,
    WEIGHTS_FILE,
    Calibration,
    Threshold,
    file_sha256,
    load_card,
    save_card,
)
from model.classifier import RELEASED_FOLDER, Classifier, current_release, has_vnni
from model.errors import CardInvalid, LabelMismatch, NotAPhoto, ReleaseFileChanged, ReleaseFileMissing
from model.likeness import SIDE, signatures
from model.preprocessing import prepare_photo
from model.quality import QualityIssue
from tests.colour_model import LABELS, draw_quarters


def encode(image, file_format="PNG"):
    file = io.BytesIO()
    image.save(file, file_format)
    return file.getvalue()


def test_the_model_in_use_classifies_each_photo_in_order():
    classifier = Classifier.load(current_release())
    photos = [encode(Image.new("RGB", (120, 80), "grey")), encode(Image.new("RGB", (64, 96), "green"))]

    first, second = classifier.classify(photos)

    assert (first.width, first.height, second.width, second.height) == (120, 80, 64, 96)
    assert tuple(first.decision.scores) == classifier.card.labels
    assert all(0 <= score <= 1 for score in first.decision.scores.values())
    assert classifier.classify(photos[1:])[0].decision.scores == pytest.approx(second.decision.scores, abs=1e-5)


def test_a_described_photo_says_the_same_and_keeps_what_it_looks_like():
    classifier = Classifier.load(current_release())
    photo = encode(Image.radial_gradient("L").convert("RGB"))

    (plain,), (described,) = classifier.classify([photo]), classifier.describe([photo])

    assert described == plain
    assert plain.signature is None
    assert described.signature.dtype == np.float32
    assert described.signature == pytest.approx(signatures(prepare_photo(photo, SIDE).pixels)[0], abs=0.05)


@pytest.mark.parametrize("look", ["classify", "describe"])
def test_a_photo_that_shows_too_little_is_for_a_person_on_either_road(look):
    classifier = Classifier.load(RELEASED_FOLDER / "1.1.0")  # to which nothing is unfamiliar

    black, readable = getattr(classifier, look)(
        [encode(Image.new("RGB", (64, 64))), encode(Image.radial_gradient("L").convert("1").convert("RGB"))]
    )

    assert black.decision.quality == (QualityIssue.TOO_DARK,)
    assert (black.decision.verdict, black.decision.problems) == ("review", ())
    assert tuple(black.decision.scores) == classifier.card.labels
    assert readable.decision.quality == ()


def test_scores_alone_are_decided_without_a_photo():
    classifier = Classifier.load(current_release())

    decision = classifier.decide(np.ones(len(classifier.card.labels), dtype=np.float32))

    assert (decision.verdict, decision.quality) == ("problem", ())


def test_evidence_says_which_cells_the_scores_come_from(colour_model):
    classifier = Classifier.load(colour_model)
    photos = [encode(draw_quarters("rggg")), encode(draw_quarters("gbgb"))]

    plain = classifier.classify(photos)
    road, water = classifier.classify(photos, evidence=True)

    assert [road, water] == plain
    assert [seen.evidence for seen in plain] == [None, None]
    assert (road.decision.problems, water.decision.problems) == (("road_damage",), ("waterlogging",))
    assert tuple(road.evidence) == LABELS
    assert all(cells.shape == (2, 2) and cells.dtype == np.float32 for cells in road.evidence.values())
    assert road.evidence["road_damage"] == pytest.approx(np.array([[1, 0.12], [0.12, 0.12]]), abs=0.03)
    assert water.evidence["waterlogging"] == pytest.approx(np.array([[0.12, 1], [0.12, 1]]), abs=0.03)


def test_evidence_is_calibrated_like_scores_and_its_mean_is_the_logit(colour_model, tmp_path):
    folder = shutil.copytree(colour_model, tmp_path / "model")
    calibration = {label: Calibration(scale=0.5, offset=number / 10) for number, label in enumerate(LABELS)}
    rewrite_card(folder, calibration=calibration)
    classifier = Classifier.load(folder)
    pixels = classifier.prepare(encode(draw_quarters("rgbg"))).pixels[None]

    cells = classifier.evidence(pixels)

    assert cells.shape == (1, len(LABELS), 2, 2)
    assert cells.mean(axis=(2, 3)) == pytest.approx(classifier.logits(pixels), abs=1e-5)
    (seen,) = classifier.classify([encode(draw_quarters("rgbg"))], evidence=True)
    for number, label in enumerate(LABELS):
        assert seen.evidence[label] == pytest.approx(calibration[label].scores(cells[0, number]), abs=1e-6)


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_a_network_without_evidence_answers_all_the_same(version):
    classifier = Classifier.load(RELEASED_FOLDER / version)
    photo = encode(draw_quarters("rggg"))

    (seen,) = classifier.classify([photo], evidence=True)

    assert not classifier.gives_evidence
    assert seen.evidence is None
    assert [seen] == classifier.classify([photo])
    assert classifier.evidence(classifier.prepare(photo).pixels[None]) is None


def test_scores_do_not_depend_on_the_photos_beside_them():
    classifier = Classifier.load(current_release())
    side = classifier.card.input_side
    pixels = np.random.default_rng(0).integers(0, 256, (3, 3, side, side), dtype=np.uint8)

    together = classifier.scores(pixels)

    assert together.dtype == np.float32
    assert together.shape == (3, len(classifier.card.labels))
    assert together == pytest.approx(np.concatenate([classifier.scores(pixels[i : i + 1]) for i in range(3)]), abs=1e-5)


def test_both_precisions_of_the_model_in_use_say_nearly_the_same():
    exact, integer = (Classifier.load(current_release(), precision=precision) for precision in ("fp32", "int8"))
    side = exact.card.input_side
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 256, (8, 3, 7, 7), dtype=np.uint8)
    pixels = np.kron(coarse, np.ones((1, 1, side // 7 + 1, side // 7 + 1), dtype=np.uint8))[:, :, :side, :side]

    difference = np.abs(exact.scores(pixels) - integer.scores(pixels))

    assert 0 < difference.max() < 0.25
    assert difference.mean() < 0.03


def test_a_processor_without_vnni_gets_the_network_in_floating_point(tmp_path, monkeypatch):
    (tmp_path / "old").write_text("flags : fpu sse4_2 avx2\n", encoding="utf-8")
    (tmp_path / "new").write_text("flags : fpu avx512f avx512_vnni\n", encoding="utf-8")
    assert not has_vnni(tmp_path / "old")
    assert not has_vnni(tmp_path / "none")
    assert has_vnni(tmp_path / "new")

    monkeypatch.setattr(classifier_module, "has_vnni", lambda: False)
    side = load_card(current_release()).input_side
    pixels = np.full((1, 3, side, side), 90, dtype=np.uint8)
    served = Classifier.load(current_release()).logits(pixels)
    assert np.array_equal(served, Classifier.load(current_release(), precision="fp32").logits(pixels))


def test_a_folder_without_the_network_in_int8_says_how_to_add_it(spoilable_release):
    sha256 = {name: value for name, value in load_card(spoilable_release).sha256.items() if name != QUANTIZED_FILE}
    rewrite_card(spoilable_release, sha256=sha256, precision="fp32")

    assert Classifier.load(spoilable_release).card.precision == "fp32"
    with pytest.raises(CardInvalid, match="python -m training quantize"):
        Classifier.load(spoilable_release, precision="int8")


def test_a_bad_photo_is_refused():
    with pytest.raises(NotAPhoto):
        Classifier.load(current_release()).classify([b"no photo"])


@pytest.mark.parametrize("name", [NETWORK_FILE, WEIGHTS_FILE])
def test_a_missing_file_is_named(spoilable_release, name):
    (spoilable_release / name).unlink()

    with pytest.raises(ReleaseFileMissing, match=name):
        Classifier.load(spoilable_release)


@pytest.mark.parametrize("name", [NETWORK_FILE, WEIGHTS_FILE])
def test_a_file_that_is_not_the_cards_is_named(spoilable_release, name):
    with (spoilable_release / name).open("ab") as file:
        file.write(b"\0")

    with pytest.raises(ReleaseFileChanged, match=name):
        Classifier.load(spoilable_release)


def rewrite_card(folder, **change):
    card = load_card(folder)
    save_card(replace(card, **change), folder)


def test_a_card_with_fewer_labels_than_outputs_is_refused(spoilable_release):
    labels = load_card(spoilable_release).labels[:-1]
    thresholds = {label: Threshold(lower=0.1, upper=0.5) for label in labels}
    calibration = {label: Calibration() for label in labels}
    rewrite_card(
        spoilable_release, labels=labels, thresholds=thresholds, calibration=calibration, likeness={}, nearness={}
    )

    with pytest.raises(LabelMismatch, match=r"scores 5 problems but card\.json names 4"):
        Classifier.load(spoilable_release)


def test_labels_in_another_order_than_exported_are_refused(spoilable_release):
    rewrite_card(spoilable_release, labels=tuple(reversed(load_card(spoilable_release).labels)))

    with pytest.raises(CardInvalid, match="was exported for labels"):
        Classifier.load(spoilable_release)


def test_a_label_that_the_catalogue_does_not_know_is_refused(spoilable_release):
    card = load_card(spoilable_release)
    labels = ("illegal_parking", *card.labels[1:])
    thresholds = {label: Threshold(lower=0.1, upper=0.5) for label in labels}
    calibration = {label: Calibration() for label in labels}
    rewrite_card(
        spoilable_release, labels=labels, thresholds=thresholds, calibration=calibration, likeness={}, nearness={}
    )

    with pytest.raises(CardInvalid, match=r"'illegal_parking' is no problem of problems\.toml"):
        Classifier.load(spoilable_release)


def test_another_input_side_than_the_networks_is_refused(spoilable_release):
    rewrite_card(spoilable_release, input_side=96)

    with pytest.raises(CardInvalid, match="takes"):
        Classifier.load(spoilable_release)


def test_a_network_that_is_no_onnx_is_refused(spoilable_release):
    (spoilable_release / NETWORK_FILE).write_bytes(b"not a network")
    sha256 = dict(load_card(spoilable_release).sha256) | {NETWORK_FILE: file_sha256(spoilable_release / NETWORK_FILE)}
    rewrite_card(spoilable_release, sha256=sha256, precision="fp32")

    with pytest.raises(CardInvalid, match="cannot be loaded by onnxruntime"):
        Classifier.load(spoilable_release)


def test_without_a_version_in_use_the_file_to_write_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(classifier_module, "CURRENT_FILE", tmp_path / "current")

    with pytest.raises(CardInvalid, match="names no version"):
        current_release()
