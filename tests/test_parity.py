"""Training and serving see the same photo and say the same of it."""

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from datasets.drawn import draw_set
from datasets.manifest import read_manifest
from model.card import WEIGHTS_FILE
from model.classifier import Classifier, current_release
from model.network import Network
from model.preprocessing import prepare_photo
from tests.golden.draw import GOLDEN, SIDE


def test_a_golden_photo_gives_its_golden_pixels():
    """A rotated phone photo, drawn: decoder, orientation, reduction and resize in one comparison."""
    prepared = prepare_photo((GOLDEN / "photo.jpg").read_bytes(), SIDE)

    expected = np.asarray(Image.open(GOLDEN / "pixels.png")).transpose(2, 0, 1)
    difference = np.abs(prepared.pixels.astype(int) - expected)
    assert (prepared.width, prepared.height) == (900, 1200)
    assert difference.max() <= 2  # decoders of other versions may round differently, never more
    assert difference.mean() <= 0.1


@pytest.fixture(scope="module")
def drawn_photos(tmp_path_factory):
    manifest = read_manifest(draw_set(tmp_path_factory.mktemp("drawn"), photos_per_kind=3, seed=1))
    return [photo.path.read_bytes() for photo in manifest.photos]


def test_torch_and_onnxruntime_give_the_same_scores(drawn_photos):
    folder = current_release()
    classifier = Classifier.load(folder, precision="fp32")
    network = Network(len(classifier.card.labels))
    network.load_state_dict(load_file(folder / WEIGHTS_FILE))
    network.eval()
    pixels = np.stack([classifier.prepare(photo).pixels for photo in drawn_photos])

    with torch.inference_mode():
        photos = torch.from_numpy(pixels)
        logits, features = network(photos).numpy(), network.features(photos).numpy()

    expected = classifier.calibrate(logits + classifier.likeness(features))

    assert classifier.scores(pixels) == pytest.approx(expected, abs=1e-3)
