"""``simple_cnn`` of the gi_tract study with batch norm after each convolution and dropout after each activation.

Its widths are ours as there; as in ``final_cnn``, whose layers are known, the logits are normalised too.
"""

from itertools import pairwise
from typing import Any

from torch import nn

from medley.models._stages import Stages, convolution, dropout_of, first_channels, transposed
from medley.models.encoders import narrow
from medley.models.simple_cnn import CHANNELS

ENCODER = False
OPTIONS = ("dropout",)


def build(member: dict[str, Any], channels: int, classes: int, weights: str | None) -> nn.Module:
    """Return the network: images (n, channels, rows, columns) → logits (n, classes, rows, columns)."""
    del weights  # those of an encoder, and there is none
    dropout = dropout_of(member)
    sizes = [narrow(size, member["width"]) for size in CHANNELS]
    stages: dict[str, nn.Module] = {}
    for number, (inputs, outputs) in enumerate(pairwise([first_channels(channels), *sizes]), start=1):
        stages[f"encoder_{number}"] = nn.Sequential(*convolution(inputs, outputs, dropout), nn.MaxPool2d(2))
    for number, (inputs, outputs) in enumerate(pairwise(sizes[::-1]), start=1):
        layers = [*transposed(inputs, outputs, 2, 2, 0), nn.ReLU(inplace=True), nn.Dropout2d(dropout)]
        stages[f"decoder_{number}"] = nn.Sequential(*layers)
    stages["head"] = nn.Sequential(*transposed(sizes[0], classes, 2, 2, 0))
    return Stages(stages, step=2 ** len(CHANNELS))
