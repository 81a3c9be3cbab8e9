"""A photo in doubt is looked at part by part as well; a clear one is not."""

from dataclasses import replace

import numpy as np
import pytest

from model.card import Doubt
from model.classifier import Classifier
from model.closer import SHARE, combine, cut_parts, in_doubt
from model.preprocessing import prepare_photo
from tests.colour_model import draw_quarters
from tests.model.test_classifier import encode

LABELS = ("graffiti", "road_damage")
DOUBT = {"graffiti": Doubt(lower=-2, upper=2)}


@pytest.mark.parametrize(
    ("logits", "doubted"),
    [
        pytest.param((-2.0, 9.0), True, id="from lower up"),
        pytest.param((2.0, -9.0), False, id="upper is clear"),
        pytest.param((-2.1, -9.0), False, id="below lower"),
        pytest.param((-9.0, 0.0), False, id="a problem that is never in doubt"),
    ],
)
def test_a_photo_is_in_doubt_where_any_problem_is(logits, doubted):
    assert in_doubt(np.float32(logits), LABELS, DOUBT) is doubted


def test_the_odds_of_all_looks_are_the_mean_of_the_odds():
    looks = np.log(np.float32([[1, 2], [3, 2], [8, 2]]))

    assert np.exp(combine(looks)) == pytest.approx([4, 2], rel=1e-5)
    assert combine(np.float32([[500, -500], [-500, -500]])) == pytest.approx([500 - np.log(2), -500])


def test_parts_are_the_corners_and_the_middle():
    photo = prepare_photo(encode(draw_quarters("rggb")), 64)

    parts = cut_parts(photo)

    red = parts[:, 0].astype(int) - parts[:, 1] > 100
    assert parts.shape == (5, 3, 64, 64)
    assert red.mean(axis=(1, 2)) == pytest.approx([(0.5 / SHARE) ** 2, 0.14, 0.14, 0.03, 0.25], abs=0.05)
    assert red[0, 0, 0] and not red[3, -1, -1]


@pytest.mark.parametrize(
    ("doubt", "logit"),
    [
        pytest.param({}, 3.0, id="no closer look"),
        pytest.param({"road_damage": Doubt(lower=4, upper=5)}, 3.0, id="clear at first sight"),
        pytest.param({"road_damage": Doubt(lower=2, upper=5)}, 9.6, id="in doubt at first sight"),
    ],
)
def test_what_is_small_scores_higher_at_a_closer_look(colour_model, doubt, logit):
    loaded = Classifier.load(colour_model)
    classifier = loaded.judged_by(replace(loaded.card, doubt=doubt), None)

    (seen,) = classifier.classify([encode(draw_quarters("rggg"))], evidence=True)

    scored = seen.decision.scores["road_damage"]
    assert np.log(scored / (1 - scored)) == pytest.approx(logit, abs=0.3)
    cells = np.clip(seen.evidence["road_damage"], 1e-6, 1 - 1e-6)
    assert cells[0, 0] == cells.max()
