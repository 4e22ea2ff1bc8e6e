"""The plainest network of the gi_tract study: convolutions and max pooling, transposed convolutions back.

The authors name the layers, not their number or widths. Ours: four times a 3×3 convolution, ReLU and 2×2 max
pooling with 32, 64, 128, 256 channels; four transposed 2×2 convolutions back, ReLU between them, the last to the
logits; initialisation and channels of the image as in ``_stages``.
"""

from itertools import pairwise
from typing import Any

from torch import nn

from medley.models._stages import Stages, first_channels
from medley.models.encoders import narrow

ENCODER = False
CHANNELS = (32, 64, 128, 256)


def build(member: dict[str, Any], channels: int, classes: int, weights: str | None) -> nn.Module:
    """Return the network: images (n, channels, rows, columns) → logits (n, classes, rows, columns)."""
    del weights  # those of an encoder, and there is none
    sizes = [narrow(size, member["width"]) for size in CHANNELS]
    stages: dict[str, nn.Module] = {}
    for number, (inputs, outputs) in enumerate(pairwise([first_channels(channels), *sizes]), start=1):
        stages[f"encoder_{number}"] = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)
        )
    for number, (inputs, outputs) in enumerate(pairwise(sizes[::-1]), start=1):
        stages[f"decoder_{number}"] = nn.Sequential(nn.ConvTranspose2d(inputs, outputs, 2, 2), nn.ReLU(inplace=True))
    stages["head"] = nn.ConvTranspose2d(sizes[0], classes, 2, 2)
    return Stages(stages, step=2 ** len(CHANNELS))
