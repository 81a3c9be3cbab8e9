"""The fast layer computes what torch's own does, forward and backward, and only its gradients take another road."""

import pytest
import torch
from torch import nn

from model.network import Network
from training.depthwise import FastDepthwise, use_fast_depthwise


@pytest.mark.parametrize("side", [10, 11])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
def test_output_and_gradients_are_those_of_torch(kernel, stride, side):
    torch.manual_seed(5)
    layer = nn.Conv2d(6, 6, kernel, stride, padding=kernel // 2, groups=6, bias=False).double()
    x = torch.randn(3, 6, side, side + 2, dtype=torch.float64, requires_grad=True)
    same_x = x.detach().clone().requires_grad_()

    expected, found = layer(x), FastDepthwise(layer)(same_x)
    weights = torch.randn_like(expected)
    (expected * weights).sum().backward()
    gradient, layer.weight.grad = layer.weight.grad.clone(), None
    (found * weights).sum().backward()

    assert torch.allclose(found, expected)
    assert torch.allclose(same_x.grad, x.grad)
    assert torch.allclose(layer.weight.grad, gradient)


def test_the_network_keeps_its_weights_and_their_names():
    network = Network(5)
    before = network.state_dict()

    use_fast_depthwise(network)

    assert list(network.state_dict()) == list(before)
    assert (
        sum(isinstance(module, FastDepthwise) for module in network.modules()) == 11
    )  # nine 5 x 5, two 3 x 3 that stride


def test_mixed_precision_gives_gradients_in_the_weights_own_precision():
    layer = nn.Conv2d(4, 4, 5, 2, padding=2, groups=4, bias=False)
    with torch.autocast("cpu", torch.bfloat16):
        found = FastDepthwise(layer)(torch.randn(2, 4, 8, 8))
    found.float().sum().backward()

    assert found.dtype == torch.bfloat16
    assert layer.weight.grad.dtype == torch.float32
