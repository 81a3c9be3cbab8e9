"""Each corruption does what it says: on drawn scenes, as no photo is part of this repository."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from datasets.drawn import draw_photo
from training.corruptions import CORRUPTIONS, SEVERITIES

LEAST_VISIBLE = 12  # grey levels, reached by one pixel of a hundred: a stamp covers no more


@pytest.fixture(scope="module")
def photo():
    """Softened, as drawings are all grain, which the least blur takes."""
    scene = draw_photo("exposed_garbage", np.random.default_rng(3), 320, 240)
    return scene.filter(ImageFilter.GaussianBlur(1))


def distance(one, other):
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).mean())


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_dimensions_and_mode_are_kept_and_the_photo_is_left_alone(name, photo):
    before = photo.tobytes()

    for severity in SEVERITIES:
        corrupted = CORRUPTIONS[name](photo, severity, np.random.default_rng(1))
        assert (corrupted.size, corrupted.mode) == (photo.size, "RGB")
    assert photo.tobytes() == before


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_same_seed_gives_the_same_photo(name, photo):
    one, other = (CORRUPTIONS[name](photo, 3, np.random.default_rng(1)) for _ in range(2))

    assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_severity_leads_away_from_the_photo_and_3_is_visible(name, photo):
    corrupted = [CORRUPTIONS[name](photo, severity, np.random.default_rng(1)) for severity in SEVERITIES]

    distances = [distance(image, photo) for image in corrupted]
    assert distances == sorted(distances)
    assert distances[4] > 1.5 * distances[0]
    changed = np.abs(np.asarray(corrupted[2], dtype=float) - np.asarray(photo, dtype=float))
    assert np.quantile(changed, 0.99) > LEAST_VISIBLE


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_large_photo_suffers_as_a_small_one_does(name):
    small = draw_photo("road_damage", np.random.default_rng(3), 448, 336)
    large = small.resize((1344, 1008), Image.Resampling.BICUBIC)
    seen = (224, 224)

    def harm(image):
        corrupted = CORRUPTIONS[name](image, 3, np.random.default_rng(1))
        return distance(
            corrupted.resize(seen, Image.Resampling.BILINEAR), image.resize(seen, Image.Resampling.BILINEAR)
        )

    assert harm(large) == pytest.approx(harm(small), rel=0.25)


@pytest.mark.parametrize("dimensions", [(32, 448), (448, 32), (33, 47)])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_odd_dimensions_are_no_obstacle(name, dimensions):
    plain = Image.new("RGB", dimensions, (90, 120, 150))

    assert CORRUPTIONS[name](plain, 5, np.random.default_rng(1)).size == dimensions


@pytest.mark.parametrize("seed", [0, 1])
def test_a_tilted_photo_has_no_black_corner(seed):
    bright = Image.new("RGB", (200, 120), (200, 210, 220))

    assert np.asarray(CORRUPTIONS["tilt"](bright, 5, np.random.default_rng(seed))).min() >= 195


def test_light_fades_and_contrast_shrinks(photo):
    dark = CORRUPTIONS["low_light"](photo, 3, np.random.default_rng(1))
    flat = CORRUPTIONS["contrast"](photo, 3, np.random.default_rng(1))

    assert np.asarray(dark).mean() < 0.5 * np.asarray(photo).mean()
    assert np.asarray(flat).std() < 0.35 * np.asarray(photo).std()
    assert np.asarray(flat).mean() == pytest.approx(np.asarray(photo).mean(), abs=4)


def test_blur_takes_the_edges(photo):
    def sharpness(image):
        return np.abs(np.diff(np.asarray(image, dtype=float), axis=1)).mean()

    for name in ("motion_blur", "focus_blur"):
        assert sharpness(CORRUPTIONS[name](photo, 3, np.random.default_rng(1))) < 0.8 * sharpness(photo)


def test_jpeg_has_the_quality_it_says(photo):
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=30)

    expected = Image.open(file)
    assert CORRUPTIONS["jpeg"](photo, 3, np.random.default_rng(1)).tobytes() == expected.tobytes()


@pytest.mark.parametrize("severity", [0, 6])
def test_a_severity_that_is_none_is_refused(severity, photo):
    with pytest.raises(ValueError, match="severity must be one of"):
        CORRUPTIONS["noise"](photo, severity, np.random.default_rng(1))
