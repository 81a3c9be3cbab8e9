"""The CNN: EfficientNet-Lite0 with one independent score a problem. The only file of this room that imports torch.

EfficientNet-Lite0 (Tan & Le 2019; Lite variant, TensorFlow TPU models 2020) has no squeeze-excite and ReLU6 instead of
swish: it loses little accuracy and quantises well. Scaling is the first layer, so it travels inside the ONNX graph
and the network takes the bytes of the photo as they are.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

FEATURES = 1280
BATCH_NORM_EPSILON = 1e-3  # of the original checkpoints
PIXEL_MEAN, PIXEL_SCALE = 127.0, 128.0  # of the original checkpoints: (pixel - 127) / 128


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A run of blocks with the same output; only the first one strides."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES = (  # output for 224 px in the comments
    Stage(blocks=1, kernel=3, stride=1, expansion=1, channels=16),  # (batch, 16, 112, 112)
    Stage(blocks=2, kernel=3, stride=2, expansion=6, channels=24),  # (batch, 24, 56, 56)
    Stage(blocks=2, kernel=5, stride=2, expansion=6, channels=40),  # (batch, 40, 28, 28)
    Stage(blocks=3, kernel=3, stride=2, expansion=6, channels=80),  # (batch, 80, 14, 14)
    Stage(blocks=3, kernel=5, stride=1, expansion=6, channels=112),  # (batch, 112, 14, 14)
    Stage(blocks=4, kernel=5, stride=2, expansion=6, channels=192),  # (batch, 192, 7, 7)
    Stage(blocks=1, kernel=3, stride=1, expansion=6, channels=320),  # (batch, 320, 7, 7)
)
STEM_CHANNELS = 32


def _convolve(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    # Padding is symmetric where the ImageNet weights were trained with one pixel less at the top and left: fine-tuning
    # absorbs the shift, and explicit padding layers cost a tenth of the training time.
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=BATCH_NORM_EPSILON),
    ]


class Block(nn.Module):
    """Inverted residual: widen, filter each channel on its own, narrow; added to the input where shapes agree."""

    def __init__(self, inputs: int, stage: Stage, stride: int) -> None:
        super().__init__()
        wide = inputs * stage.expansion
        layers: list[nn.Module] = []
        if stage.expansion > 1:
            layers += [*_convolve(inputs, wide, 1), nn.ReLU6(inplace=True)]
        layers += [*_convolve(wide, wide, stage.kernel, stride, groups=wide), nn.ReLU6(inplace=True)]
        layers += _convolve(wide, stage.channels, 1)
        self.layers = nn.Sequential(*layers)
        self.adds_input = stride == 1 and inputs == stage.channels

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, height, width) → (batch, channels, height / stride, width / stride)."""
        filtered: Tensor = self.layers(x)
        return x + filtered if self.adds_input else filtered


class Network(nn.Module):
    """Photos → one logit a problem; problems are independent, a photo may show several or none."""

    def __init__(self, outputs: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_convolve(3, STEM_CHANNELS, 3, stride=2), nn.ReLU6(inplace=True))
        blocks = []
        channels = STEM_CHANNELS
        for stage in STAGES:
            for index in range(stage.blocks):
                blocks.append(Block(channels, stage, stage.stride if index == 0 else 1))
                channels = stage.channels
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(*_convolve(channels, FEATURES, 1), nn.ReLU6(inplace=True))
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(FEATURES, outputs)

    def forward(self, pixels: Tensor) -> Tensor:
        """(batch, 3, side, side) uint8 RGB 0-255 → (batch, outputs) logits."""
        return self.classify(self.dropout(self.features(pixels)))  # type: ignore[no-any-return]

    def features(self, pixels: Tensor) -> Tensor:
        """(batch, 3, side, side) uint8 RGB 0-255 → (batch, 1280), averaged over the picture."""
        return torch.mean(self.feature_map(pixels), dim=(2, 3))

    def feature_map(self, pixels: Tensor) -> Tensor:
        """(batch, 3, side, side) uint8 RGB 0-255 → (batch, 1280, side / 32, side / 32), not averaged yet."""
        x = (pixels.to(self.classify.weight.dtype) - PIXEL_MEAN) / PIXEL_SCALE
        return self.head(self.blocks(self.stem(x)))  # type: ignore[no-any-return]
