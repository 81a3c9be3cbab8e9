"""The CNN: shapes, size, and that scaling travels with it."""

import pytest
import torch

from model.network import FEATURES, Network


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    return Network(5).eval()


@pytest.mark.parametrize("side", [64, 96])
def test_it_takes_bytes_of_any_side_and_gives_one_logit_a_problem(network, side):
    pixels = torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8)

    with torch.inference_mode():
        assert network.features(pixels).shape == (2, FEATURES)
        assert network(pixels).shape == (2, 5)


def test_it_is_efficientnet_lite0():
    parameters = sum(parameter.numel() for parameter in Network(1000).parameters())

    assert parameters == 4_652_008  # Lite0 of the paper's authors, with its 1,000 ImageNet outputs
