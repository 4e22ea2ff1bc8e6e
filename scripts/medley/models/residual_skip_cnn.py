"""``simple_cnn_bn_dropout`` of the gi_tract study with residuals, skips and twice the convolutions.

The authors give no layers. Ours: each level has a second 3×3 convolution around which the identity is added, and
the output of each level of the encoder is added to the decoder's of the same shape: sums, as in ``final_cnn``.
The levels' widths are those of ``simple_cnn``.
"""

from itertools import pairwise
from typing import Any

from torch import nn

from medley.models._stages import Residual, Stages, convolution, dropout_of, first_channels, transposed
from medley.models.encoders import narrow
from medley.models.simple_cnn import CHANNELS

ENCODER = False
OPTIONS = ("dropout",)
SKIPS = {"decoder_1": "encoder_3", "decoder_2": "encoder_2", "decoder_3": "encoder_1"}


def build(member: dict[str, Any], channels: int, classes: int, weights: str | None) -> nn.Module:
    """Return the network: images (n, channels, rows, columns) → logits (n, classes, rows, columns)."""
    del weights  # those of an encoder, and there is none
    dropout = dropout_of(member)
    sizes = [narrow(size, member["width"]) for size in CHANNELS]
    stages: dict[str, nn.Module] = {}
    for number, (inputs, outputs) in enumerate(pairwise([first_channels(channels), *sizes]), start=1):
        second = Residual(convolution(outputs, outputs, dropout), identity=True)
        stages[f"encoder_{number}"] = nn.Sequential(*convolution(inputs, outputs, dropout), second, nn.MaxPool2d(2))
    for number, (inputs, outputs) in enumerate(pairwise(sizes[::-1]), start=1):
        layers = [*transposed(inputs, outputs, 2, 2, 0), nn.ReLU(inplace=True), nn.Dropout2d(dropout)]
        second = Residual(convolution(outputs, outputs, dropout), identity=True)
        stages[f"decoder_{number}"] = nn.Sequential(*layers, second)
    stages["head"] = nn.Sequential(*transposed(sizes[0], classes, 2, 2, 0))
    return Stages(stages, step=2 ** len(CHANNELS), skips=SKIPS)
