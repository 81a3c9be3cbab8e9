"""A photo like nothing the model learned from goes to a person, whatever it scores."""

import io
from dataclasses import replace

import numpy as np
import pytest

from model.card import Familiar, file_sha256, load_card, save_card
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
    ("features", "likeness", "nearness"),
    [
        # the first problem: 1 nearer than a normal photo; the third by 0.95 farther
        ([2, 0, 0], (1.0, 0, -0.95), (1, 0, 0)),
        ([0, 0, 3], (-1, 0, -1), (0, 0, 0)),  # a normal photo
        # both: the other one speaks against each, less what both may have
        ([4, 3, 0], (0.25, 0, -0.15), (0.8, 0, 0.6)),
        ([0, 0, 0], (0, 0, 0), (0, 0, 0)),
    ],
)
def test_likeness_is_how_much_nearer_a_problem_is_than_all_else(features, likeness, nearness):
    like, near = OF_EACH.compare(np.float32([features]), labels=3)

    assert like[0] == pytest.approx(likeness, abs=1e-6)
    assert near[0] == pytest.approx(nearness, abs=1e-6)


def test_without_normal_photos_only_other_problems_speak_against_one():
    like, near = replace(OF_EACH, normal=OF_EACH.normal[:0]).compare(np.float32([[4, 3, 0]]), labels=3)

    assert like[0] == pytest.approx([0.25, 0, -0.15], abs=1e-6)
    assert near[0] == pytest.approx([0.8, 0, 0.6], abs=1e-6)
    alone = Prototypes(problems=np.float32([[1, 0]]), normal=np.zeros((0, 2), np.float32), shown=np.array([1]))
    assert alone.compare(np.float32([[0, 2]]), labels=2)[0].tolist() == [[0, 1]]  # -1 is farther than anything is


def test_likeness_needs_to_know_what_each_prototype_shows(folder):
    assert [given.tolist() for given in PROTOTYPES.compare(np.float32([[1, 0, 0]]), labels=3)] == [[[0, 0, 0]]] * 2
    card = load_card(folder)
    try:
        save_card(replace(card, likeness={"graffiti": 1.0}), folder)
        with pytest.raises(CardInvalid, match=r"weighs likeness to prototypes that prototypes\.npz does not have"):
            Classifier.load(folder)
    finally:
        save_card(card, folder)


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
    card = replace(loaded.card, likeness={"road_damage": 3.0}, nearness={"waterlogging": 2.0})
    weighed, water = loaded.judged_by(card, of_each), labels.index("waterlogging")
    file = io.BytesIO()
    draw_quarters("rrrr").save(file, "PNG")
    pixels = loaded.prepare(file.getvalue()).pixels[None]

    added = weighed.logits(pixels)[0] - loaded.logits(pixels)[0]

    assert added[road] == pytest.approx(3 * (1 - 0.577), abs=0.05)  # red, and as far from red as a grey photo is
    assert added[water] == pytest.approx(0, abs=0.05)  # nothing of red is blue
    assert np.delete(added, [road, water]).tolist() == [0] * (len(labels) - 2)
    between = io.BytesIO()
    draw_quarters("rbrb").save(between, "PNG")
    violet = loaded.prepare(between.getvalue()).pixels[None]
    assert (weighed.logits(violet) - loaded.logits(violet))[0, water] == pytest.approx(2 * 0.707, abs=0.05)
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


def test_where_less_familiar_photos_must_score_higher_a_high_score_is_enough(folder):
    """Violet has a cosine of .707 with red and with blue, .193 short of .9, and a logit of 2.8."""
    card = load_card(folder)
    try:
        verdicts = []
        for demand in (0.0, 10.0, 20.0):  # 0, 1.9 and 3.9 logits more
            save_card(replace(card, familiar=replace(card.familiar, demand=demand)), folder)
            verdicts.append(decide(folder, "rbrb").verdict)
    finally:
        save_card(card, folder)

    assert verdicts == [Verdict.PROBLEM, Verdict.PROBLEM, Verdict.REVIEW]


def test_what_is_asked_is_taken_from_the_logit():
    familiar = Familiar(problem=0.9, street=0.1, demand=10)
    scores = np.array([0.9, 0.5, 0.0, 1.0, 0.9])

    worth = familiar.discount(scores, np.array([0.95, 0.7, 0.7, 0.7, 0.8]))

    assert worth == pytest.approx([0.9, 1 / (1 + np.exp(2)), 0, 1, 9 / (9 + np.e)])
    refused = replace(familiar, demand=None).discount(scores, np.array([0.95, 0.7, 0.7, 0.7, 0.9]))
    assert refused.tolist() == [0.9, 0, 0, 0, 0.9]


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
