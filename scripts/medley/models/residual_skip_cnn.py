"""``simple_cnn_bn_dropout`` of the gi_tract study with residuals, skips and twice the convolutions.

The authors give no layers. Ours: each level has a second 3×3 convolution around which the identity is added, and
the output of each level of the encoder is added to the decoder's of the same shape: sums, as in ``final_cnn``.
The levels' widths are those of ``simple_cnn``.
"""

from typing import Any

from torch import nn

from medley.models._stages import Residual, convolution, doubled, dropout_of, mirrored, normalised_head

ENCODER = False
OPTIONS = ("dropout",)
SKIPS = {"decoder_1": "encoder_3", "decoder_2": "encoder_2", "decoder_3": "encoder_1"}


def build(member: dict[str, Any], channels: int, classes: int, weights: str | None) -> nn.Module:
    """Return the network: images (n, channels, rows, columns) → logits (n, classes, rows, columns)."""
    del weights  # those of an encoder, and there is none
    dropout = dropout_of(member)

    def second(size: int) -> nn.Module:
        return Residual(convolution(size, size, dropout), identity=True)

    def encode(inputs: int, outputs: int) -> nn.Module:
        again = second(outputs)
        return nn.Sequential(*convolution(inputs, outputs, dropout), again, nn.MaxPool2d(2))

    def decode(inputs: int, outputs: int) -> nn.Module:
        return nn.Sequential(*doubled(inputs, outputs, dropout), second(outputs))

    return mirrored(member, channels, classes, encode, decode, normalised_head, SKIPS)
