"""``simple_cnn`` of the gi_tract study with batch norm after each convolution and dropout after each activation.

Its widths are ours as there; as in ``final_cnn``, whose layers are known, the logits are normalised too.
"""

from typing import Any

from torch import nn

from medley.models._stages import convolution, doubled, dropout_of, mirrored, normalised_head

ENCODER = False
OPTIONS = ("dropout",)


def build(member: dict[str, Any], channels: int, classes: int, weights: str | None) -> nn.Module:
    """Return the network: images (n, channels, rows, columns) → logits (n, classes, rows, columns)."""
    del weights  # those of an encoder, and there is none
    dropout = dropout_of(member)

    def encode(inputs: int, outputs: int) -> nn.Module:
        return nn.Sequential(*convolution(inputs, outputs, dropout), nn.MaxPool2d(2))

    def decode(inputs: int, outputs: int) -> nn.Module:
        return nn.Sequential(*doubled(inputs, outputs, dropout))

    return mirrored(member, channels, classes, encode, decode, normalised_head)
