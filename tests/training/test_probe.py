"""The last layer that a run starts from: it tells apart what the features can tell, and nothing else has moved."""

import numpy as np
import pytest
import torch

from model.network import Network
from training.probe import AS_GOOD, UNSEEN_LOGIT, fit_last_layer, lowest_as_good

SIDE = 48


@pytest.fixture(scope="module")
def pictures():
    """(24, 3, 60, 60): the first half dark, the second half bright, all with noise."""
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 60, size=(24, 3, 60, 60), dtype=np.uint8)
    noise[12:] += 180
    return noise


@pytest.fixture(scope="module")
def fitted(pictures):
    torch.manual_seed(3)
    network = Network(3)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    labels = np.zeros((24, 3), dtype=np.float32)
    labels[12:, 0] = 1  # bright
    labels[:12, 1] = 1  # dark, but nobody judged the last four
    labels[-4:, 1] = np.nan
    fit_last_layer(network, pictures, labels, SIDE, [0.1])
    return network, before


def test_the_last_layer_tells_apart_what_the_features_tell(fitted, pictures):
    network, _ = fitted
    shown = torch.nn.functional.interpolate(torch.from_numpy(pictures).float(), SIDE)
    with torch.inference_mode():
        bright, dark, _ = network.eval()(shown).T

    assert bright[12:].min() > bright[:12].max()
    assert dark[:12].min() > dark[12:].max()


def test_a_problem_that_no_photo_shows_starts_as_unlikely_everywhere(fitted):
    layer = fitted[0].classify

    assert not layer.weight[2].any()
    assert layer.bias[2].item() == pytest.approx(UNSEEN_LOGIT)


def test_nothing_but_the_last_layer_moves(fitted):
    network, before = fitted
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}

    assert changed == {"classify.weight", "classify.bias"}


def test_photos_that_all_look_the_same_leave_the_share_that_shows_a_problem():
    torch.manual_seed(3)
    network = Network(1)
    same = np.full((8, 3, 60, 60), 90, dtype=np.uint8)
    labels = np.array([[1.0], [0], [0], [0], [1], [0], [0], [0]], dtype=np.float32)

    fit_last_layer(network, same, labels, SIDE, [0.1])

    with torch.inference_mode():
        score = network.eval()(torch.from_numpy(same[:1])).sigmoid().item()
    assert score == pytest.approx(0.25, abs=0.02)


def test_pages_are_learned_from_as_showing_nothing(pictures):
    torch.manual_seed(3)
    network = Network(1)
    half = np.repeat(np.array([[0.0], [1.0]], dtype=np.float32), 12, axis=0)

    fit_last_layer(network, pictures, half, SIDE, [0.1], pages=pictures[12:])

    with torch.inference_mode():
        score = network.eval()(torch.from_numpy(pictures)).sigmoid().mean().item()
    assert score == pytest.approx(12 / (24 + 12), abs=0.02)  # features of untrained weights hardly tell the two apart


def test_of_several_strengths_the_lowest_is_taken_that_ranks_held_out_photos_as_well(pictures):
    torch.manual_seed(3)
    network = Network(2)
    labels = np.zeros((24, 2), dtype=np.float32)
    labels[12:, 0] = 1  # bright: the weakest regression tells it
    labels[6:12, 1] = labels[18:, 1] = np.nan  # nothing tells the others apart

    taken = fit_last_layer(network, pictures, labels, SIDE, [1e-3, 0.1, 1.0], held_out=(pictures, labels))

    assert taken[0] == 1e-3
    weight = network.classify.weight.clone()
    torch.manual_seed(3)
    alone = Network(2)
    fit_last_layer(alone, pictures, labels, SIDE, [taken[0]])
    assert torch.allclose(weight[0], alone.classify.weight[0])


def test_what_the_held_out_photos_say_decides_each_problem(pictures, monkeypatch):
    seen = []
    monkeypatch.setattr("training.probe.lowest_as_good", lambda precisions: seen.append(precisions) or 2)
    torch.manual_seed(3)
    network = Network(1)
    labels = np.repeat(np.array([[0.0], [1.0]], dtype=np.float32), 12, axis=0)

    taken = fit_last_layer(network, pictures, labels, SIDE, [1e-3, 0.1, 1.0], held_out=(pictures, 1 - labels))

    assert taken == (1.0,)
    ((backwards, _, _),) = seen  # the labels that were held out, not those that were learned from
    assert backwards < 0.5


def test_a_lower_strength_holds_the_weights_smaller(pictures):
    torch.manual_seed(3)
    network = Network(1)
    labels = np.repeat(np.array([[0.0], [1.0]], dtype=np.float32), 12, axis=0)
    norms = []
    for strength in (1e-5, 1e-3):
        fit_last_layer(network, pictures, labels, SIDE, [strength])
        norms.append(network.classify.weight.norm().item())

    assert norms[0] < 0.5 * norms[1]


@pytest.mark.parametrize(
    ("precisions", "place"),
    [
        pytest.param([0.9, 0.9 + AS_GOOD / 2, 0.9], 0, id="within the tolerance"),
        pytest.param([0.8, 0.9, 0.9 + AS_GOOD / 2], 1, id="one is clearly worse"),
        pytest.param([0.1, 0.2, 0.9], 2, id="only the highest will do"),
        pytest.param([float("nan")] * 3, 0, id="no held-out photo shows it"),
    ],
)
def test_almost_as_good_is_good_enough(precisions, place):
    assert lowest_as_good(precisions) == place
