"""Depthwise convolutions whose gradients do not take most of a step on a CPU.

Forward they are torch's own. Backward, oneDNN (which torch calls) is slow in two cases, and each has a fast equal:

- the gradient of the input at stride 2, up to 90 ms a layer: spread the given gradient out with zeros between, then it
  is a convolution at stride 1 with the kernel turned around (1-14 ms);
- the gradient of a 5 x 5 kernel, 16-24 ms: its four 3 x 3 corners, which overlap in the middle, each by the fast
  gradient of a 3 x 3 kernel (together 2 ms).

Together they double the photos a second of a run (`python -m benchmarks.fit`). A GPU needs neither.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from model.network import Block, Network


def use_fast_depthwise(network: Network) -> None:
    """Put the fast layer where a depthwise layer of the network has stride 2 or a 5 x 5 kernel; weights are shared."""
    for block in network.blocks:
        if not isinstance(block, Block):
            continue
        for place, layer in enumerate(block.layers):
            if (
                isinstance(layer, nn.Conv2d)
                and layer.groups > 1
                and (layer.stride == (2, 2) or layer.kernel_size[0] == 5)
            ):
                block.layers[place] = FastDepthwise(layer)


class FastDepthwise(nn.Module):
    """A depthwise convolution without bias, padded by half its kernel."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.weight = layer.weight
        self.stride = layer.stride[0]

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) → (batch, channels, height / stride, width / stride)."""
        weight = self.weight
        if torch.is_autocast_enabled("cpu"):
            dtype = torch.get_autocast_dtype("cpu")
            x, weight = x.to(dtype), weight.to(dtype)
        filtered: Tensor = _Depthwise.apply(x, weight, self.stride)
        return filtered


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        gradient = given[0].contiguous(memory_format=torch.channels_last)
        return _of_input(gradient, x, weight, ctx.stride), _of_kernel(gradient, x, weight, ctx.stride), None


def _of_input(gradient: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    spread = gradient
    if stride > 1:
        spread = torch.zeros_like(x)
        spread[:, :, ::stride, ::stride] = gradient
    return conv2d(spread, weight.flip(2, 3), padding=weight.shape[-1] // 2, groups=x.shape[1])


def _of_kernel(gradient: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    side = weight.shape[-1]
    padded = pad(x, [side // 2] * 4)
    rows, columns = (stride * (length - 1) + 3 for length in gradient.shape[2:])
    whole = torch.empty_like(weight)
    for top in range(0, side - 2, 2):  # 3 x 3: one corner; 5 x 5: four
        for left in range(0, side - 2, 2):
            seen = padded[:, :, top : top + rows, left : left + columns].contiguous(memory_format=torch.channels_last)
            corner = weight[:, :, :3, :3].contiguous()
            options = ([stride] * 2, [0, 0], [1, 1], False, [0, 0], x.shape[1], [False, True, False])
            _, whole[:, :, top : top + 3, left : left + 3], _ = torch.ops.aten.convolution_backward(
                gradient, seen, corner, None, *options
            )
    return whole
