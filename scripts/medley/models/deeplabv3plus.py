"""DeepLabV3+ (Chen et al. 2018, arXiv:1802.02611), from segmentation-models-pytorch."""

from typing import Any

import segmentation_models_pytorch as smp
from torch import nn

from medley.models.encoders import encoder_arguments, first_channels, narrow, with_image_channels


def build(member: dict[str, Any], channels: int, classes: int, weights: str | None) -> nn.Module:
    """Return the network: images (n, channels, rows, columns) → logits (n, classes, rows, columns)."""
    network = smp.DeepLabV3Plus(
        **encoder_arguments(member),
        decoder_channels=narrow(256, member["width"]),
        in_channels=first_channels(channels, weights),
        classes=classes,
    )
    return with_image_channels(network, channels, weights)
