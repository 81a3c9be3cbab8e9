"""A photo like nothing the model learned from goes to a person, whatever it scores."""

import io
from dataclasses import replace

import numpy as np
import pytest

from model.card import file_sha256, load_card, save_card
from model.case import decide_case
from model.classifier import Classifier
from model.decision import Verdict
from model.errors import CardInvalid
from model.familiarity import PROTOTYPES_FILE, Prototypes
from model.quality import QualityIssue
from tests.colour_model import draw_quarters, make_colour_model

PROTOTYPES = Prototypes(problems=np.float32([[1, 0, 0], [0, 1, 0]]), normal=np.float32([[0, 0, 1]]))
OF_EACH = replace(PROTOTYPES, shown=np.array([0, 2]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_colour_model(tmp_path_factory.mktemp("familiar") / "model", with_prototypes=True)


def decide(folder, colours):
    file = io.BytesIO()
    draw_quarters(colours).save(file, "PNG")
    return Classifier.load(folder).classify([file.getvalue()])[0].decision


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ([2, 0, 0], (1, 1)),
        ([0, 0, 5], (0, 1)),
        ([3, 0, 4], (0.6, 0.8)),
        ([-1, -1, 0], (-0.707, 0)),
        ([0, 0, 0], (0, 0)),
    ],
)
def test_the_nearest_prototype_counts(features, expected):
    assert PROTOTYPES.nearest(np.float32(features)) == pytest.approx(expected, abs=1e-3)


def test_prototypes_come_back_from_their_file(tmp_path):
    PROTOTYPES.save(tmp_path / "prototypes.npz")

    known = Prototypes.load(tmp_path / "prototypes.npz")
    assert known.problems.tolist() == PROTOTYPES.problems.tolist()
    assert known.pages is None
    assert known.shown is None


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ([2, 0, 0], (1.0, 0, -0.95)),  # the first problem: 1 nearer than a normal photo; the third by 0.95 farther
        ([0, 0, 3], (-1, 0, -1)),  # a normal photo
        ([4, 3, 0], (0.25, 0, -0.15)),  # both: the other one speaks against each, less what both may have
        ([0, 0, 0], (0, 0, 0)),
    ],
)
def test_likeness_is_how_much_nearer_a_problem_is_than_all_else(features, expected):
    assert OF_EACH.likeness(np.float32([features]), labels=3)[0] == pytest.approx(expected, abs=1e-6)


def test_likeness_needs_to_know_what_each_prototype_shows():
    assert PROTOTYPES.likeness(np.float32([[1, 0, 0]]), labels=3).tolist() == [[0, 0, 0]]


def test_what_each_prototype_shows_comes_back_and_must_fit(tmp_path):
    OF_EACH.save(tmp_path / "prototypes.npz")
    assert Prototypes.load(tmp_path / "prototypes.npz").shown.tolist() == [0, 2]

    replace(OF_EACH, shown=np.array([0])).save(tmp_path / "prototypes.npz")
    with pytest.raises(CardInvalid, match="says of 1 prototypes what they show, and holds 2"):
        Prototypes.load(tmp_path / "prototypes.npz")


def test_likeness_is_part_of_logits_evidence_and_scores(folder):
    loaded = Classifier.load(folder)
    labels = loaded.card.labels
    road = labels.index("road_damage")
    of_each = replace(Prototypes.load(folder / PROTOTYPES_FILE), shown=np.array([road, labels.index("waterlogging")]))
    weighed = loaded.judged_by(replace(loaded.card, likeness={"road_damage": 3.0}), of_each)
    file = io.BytesIO()
    draw_quarters("rrrr").save(file, "PNG")
    pixels = loaded.prepare(file.getvalue()).pixels[None]

    added = weighed.logits(pixels)[0] - loaded.logits(pixels)[0]

    assert added[road] == pytest.approx(3 * (1 - 0.577), abs=0.05)  # red, and as far from red as a grey photo is
    assert np.delete(added, road).tolist() == [0] * (len(labels) - 1)
    assert weighed.evidence(pixels)[0].mean(axis=(1, 2)) == pytest.approx(weighed.logits(pixels)[0], abs=1e-4)
    seen = weighed.classify([file.getvalue()])[0].decision
    assert seen.scores["road_damage"] == pytest.approx(float(weighed.scores(pixels)[0, road]))


def test_pages_come_back_too(tmp_path):
    replace(PROTOTYPES, pages=np.float32([[0, 1, 0]])).save(tmp_path / "prototypes.npz")

    known = Prototypes.load(tmp_path / "prototypes.npz")
    assert known.pages is not None
    assert known.pages.tolist() == [[0, 1, 0]]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"text"])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "prototypes.npz").write_bytes(content)

    with pytest.raises(CardInvalid, match=r"prototypes\.npz"):
        Prototypes.load(tmp_path / "prototypes.npz")


def test_a_problem_in_a_familiar_photo_is_found(folder):
    decision = decide(folder, "rrrr")

    assert decision.verdict is Verdict.PROBLEM
    assert decision.quality == ()


def test_a_problem_in_an_unfamiliar_photo_is_for_a_person(folder):
    decision = decide(folder, "rbrb")  # violet on the whole: between the two prototypes

    assert decision.scores["road_damage"] > 0.5
    assert decision.verdict is Verdict.REVIEW
    assert decision.problems == ()
    assert decision.quality == (QualityIssue.UNFAMILIAR,)


def test_an_unfamiliar_photo_of_nothing_stays_nothing(folder):
    assert decide(folder, "gggg").quality == ()


def test_a_photo_like_none_that_was_learned_is_not_a_street(folder):
    card = load_card(folder)
    try:
        save_card(replace(card, familiar=replace(card.familiar, street=0.99)), folder)
        decision = decide(folder, "rrgg")
    finally:
        save_card(card, folder)

    assert decision.quality == (QualityIssue.NOT_A_STREET,)
    assert decision.verdict is Verdict.REVIEW


def test_what_is_more_like_a_page_than_like_any_photo_is_not_a_street(tmp_path):
    """Violet lies between the prototypes of red and blue; a drawn page of just that colour is nearer."""
    folder = make_colour_model(tmp_path / "model", with_prototypes=True)
    known = Prototypes.load(folder / PROTOTYPES_FILE)
    pages = replace(known, pages=np.float32([[0.707, 0, 0.707]]))
    pages.save(folder / PROTOTYPES_FILE)
    card = load_card(folder)
    sha256 = {**card.sha256, PROTOTYPES_FILE: file_sha256(folder / PROTOTYPES_FILE)}
    save_card(replace(card, sha256=sha256), folder)

    assert not known.is_page(np.float32([1, 0, 1]))
    assert pages.is_page(np.float32([1, 0, 1]))
    assert decide(folder, "rbrb").quality == (QualityIssue.NOT_A_STREET,)
    assert decide(folder, "rrrr").quality == ()


def test_a_case_is_not_closed_by_what_the_other_photos_do_not_show(folder):
    card = load_card(folder)
    grey, violet, red = (decide(folder, colours) for colours in ("gggg", "rbrb", "rrrr"))

    assert decide_case([grey], card).verdict is Verdict.NO_PROBLEM
    assert decide_case([grey, violet], card).verdict is Verdict.REVIEW
    assert decide_case([violet, red], card).problems == ("road_damage",)


def test_prototypes_belong_to_what_is_checked(folder, tmp_path):
    assert PROTOTYPES_FILE in load_card(folder).sha256
    assert Classifier.load(folder).familiarity(np.float32([0, 1, 0])) == pytest.approx((0, 0.577), abs=1e-3)
