"""The plainest network of the gi_tract study: convolutions and max pooling, transposed convolutions back.

The authors name the layers, not their number or widths. Ours: four times a 3×3 convolution, ReLU and 2×2 max
pooling with 32, 64, 128, 256 channels; four transposed 2×2 convolutions back, ReLU between them, the last to the
logits; initialisation and channels of the image as in ``_stages``.
"""

from typing import Any

from torch import nn

from medley.models._stages import mirrored

ENCODER = False


def build(member: dict[str, Any], channels: int, classes: int, weights: str | None) -> nn.Module:
    """Return the network: images (n, channels, rows, columns) → logits (n, classes, rows, columns)."""
    del weights  # those of an encoder, and there is none
    return mirrored(member, channels, classes, _encode, _decode, _head)


def _encode(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2))


def _decode(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(_head(inputs, outputs), nn.ReLU(inplace=True))


def _head(inputs: int, classes: int) -> nn.Module:
    return nn.ConvTranspose2d(inputs, classes, 2, 2)
