"""Feature pyramid network (Kirillov et al. 2019, arXiv:1901.02446), from segmentation-models-pytorch."""

from typing import Any

import segmentation_models_pytorch as smp
from torch import nn

from medley.models.encoders import encoder_arguments, first_channels, narrow, with_image_channels

GROUPS = 32  # of the group normalisation in the decoder


def build(member: dict[str, Any], channels: int, classes: int, weights: str | None) -> nn.Module:
    """Return the network: images (n, channels, rows, columns) → logits (n, classes, rows, columns)."""
    network = smp.FPN(
        **encoder_arguments(member),
        decoder_pyramid_channels=narrow(256, member["width"]),
        decoder_segmentation_channels=narrow(128, member["width"], step=GROUPS),
        in_channels=first_channels(channels, weights),
        classes=classes,
    )
    return with_image_channels(network, channels, weights)
