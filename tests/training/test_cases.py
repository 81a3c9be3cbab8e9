"""Two photos of a case against one, on photos arranged so that the answer is known."""

import pytest

from datasets.manifest import NO_ISSUE
from tests.training.decided import CARD, decided
from training.cases import measure_cases

NORMAL = (NO_ISSUE, "street", (0, 0), (0.1, 0.1))


def test_a_problem_seen_on_either_photo_of_a_scene_is_found():
    seen, missed = ("graffiti", "walls", (1, 0), (0.9, 0.1)), ("graffiti", "walls", (1, 0), (0.1, 0.1))
    photos = decided([seen, missed] * 2 + [missed, seen] * 2 + [NORMAL] * 2)

    figures = measure_cases(photos, CARD, seed=1)["same_scene"]

    assert figures["pairs"] == 5
    assert figures["macro_f1"]["value"] == 1
    assert figures["best_single_photo"]["value"] == pytest.approx(2 / 3, abs=1e-3)  # half found, nothing wrong
    assert figures["gain"]["value"] == pytest.approx(1 / 3, abs=1e-3)


def test_an_overview_on_which_nothing_is_seen_takes_nothing_away():
    photos = decided([("graffiti", "walls", (1, 0), (0.9, 0.1))] * 20 + [NORMAL] * 20)

    figures = measure_cases(photos, CARD, seed=1)["overview_and_close_up"]

    assert figures["pairs"] == 40
    assert figures["macro_f1"]["value"] == figures["best_single_photo"]["value"] == 1


def test_photos_that_show_different_things_are_no_scene():
    photos = decided([("graffiti", "walls", (1, 0), (0.9, 0.1)), ("graffiti", "walls", (1, 1), (0.9, 0.9))])

    assert measure_cases(photos, CARD, seed=1) == {"same_scene": {"pairs": 0}}
