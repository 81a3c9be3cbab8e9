"""Photos from which nothing can be read are told from dark, grainy or plain ones from which something can."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from datasets.drawn import draw_photo
from model.problems import load_problems
from model.quality import ADVICE, QualityIssue, find_issues

SIDE = 224
NOTHING, DARK, BLURRED, BARE = (), (QualityIssue.TOO_DARK,), (QualityIssue.TOO_BLURRED,), (QualityIssue.NO_DETAIL,)


def issues(image, side=SIDE):
    pixels = np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    return find_issues(np.ascontiguousarray(pixels))


def street(kind="road_damage", seed=1):
    return draw_photo(kind, np.random.default_rng(seed), 640, 480)


def darkened(image, stops):
    """Exposed by so many stops less."""
    light = (np.asarray(image) / 255.0) ** 2.2 * 2.0**-stops
    return Image.fromarray((255 * light ** (1 / 2.2)).round().astype(np.uint8))


def grainy(image, deviation, seed=2):
    """Noise of this standard deviation, in grey levels, at 224 pixels."""
    image = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    noise = np.random.default_rng(seed).normal(0, deviation, (SIDE, SIDE, 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


def moved(image, share):
    """The camera moved to the side by this share of the width."""
    pixels = np.asarray(image, dtype=np.float64)
    steps = range(round(image.width * share))
    return Image.fromarray(np.mean([np.roll(pixels, step, axis=1) for step in steps], axis=0).astype(np.uint8))


@pytest.mark.parametrize("kind", [*load_problems(), "no_issue"])
@pytest.mark.parametrize("side", [64, 224, 288])
def test_a_drawn_street_has_no_issue(kind, side):
    assert issues(street(kind), side) == NOTHING


@pytest.mark.parametrize(
    ("stops", "expected"),
    [
        pytest.param(2, NOTHING, id="dusk"),
        pytest.param(4, NOTHING, id="a dark photo that a person can still read"),
        pytest.param(8, DARK, id="nothing to read"),
    ],
)
def test_darkness(stops, expected):
    assert issues(darkened(street(), stops)) == expected
    assert issues(grainy(darkened(street(), stops), 3)) == expected


def test_a_lamp_does_not_make_a_black_street_readable_but_a_lit_patch_does():
    night = darkened(street(), 9)
    ImageDraw.Draw(night).ellipse((300, 60, 340, 100), fill="white")
    lit = night.copy()
    lit.paste(street().crop((160, 240, 480, 480)), (160, 240))

    assert issues(night) == DARK
    assert issues(lit) == NOTHING


@pytest.mark.parametrize(
    ("radius_share", "expected"),
    [pytest.param(0.003, NOTHING, id="soft"), pytest.param(0.03, BLURRED, id="out of focus")],
)
def test_focus(radius_share, expected):
    image = street().filter(ImageFilter.GaussianBlur(radius_share * 640))

    assert issues(image) == expected
    assert issues(grainy(image, 4)) == expected  # noise is no sharpness


@pytest.mark.parametrize(("share", "expected"), [(0.02, NOTHING), (0.2, BLURRED)])
def test_a_moved_camera_is_told_by_the_edges_that_it_left(share, expected):
    assert issues(moved(street(), share)) == expected


@pytest.mark.parametrize("colour", ["white", (160, 40, 30), (90, 90, 90)])
@pytest.mark.parametrize("deviation", [0, 5])
def test_a_frame_of_one_colour_has_no_detail(colour, deviation):
    assert issues(grainy(Image.new("RGB", (640, 480), colour), deviation)) == BARE


def test_a_wall_that_falls_off_in_shade_has_no_detail_but_a_small_mark_on_it_counts():
    wall = Image.linear_gradient("L").resize((640, 480)).point(lambda level: 110 + level // 4).convert("RGB")
    marked = wall.copy()
    ImageDraw.Draw(marked).rectangle((300, 200, 340, 225), fill=(60, 50, 50))

    assert issues(wall) == BARE
    assert issues(marked) == NOTHING


def test_a_black_frame_is_dark_and_not_also_something_else():
    assert issues(Image.new("RGB", (640, 480))) == DARK


def test_every_issue_has_its_advice_in_both_languages():
    assert set(ADVICE) == set(QualityIssue)
    for words in ADVICE.values():
        assert set(words) == {"zh", "en"}
    assert "重拍" in ADVICE[QualityIssue.TOO_DARK]["zh"]
