"""U-Net (Ronneberger et al. 2015, arXiv:1505.04597) on a pretrained encoder, from segmentation-models-pytorch."""

from typing import Any

import segmentation_models_pytorch as smp
from torch import nn

from medley.models.encoders import encoder_arguments, first_channels, narrow, with_image_channels

DECODER_CHANNELS = (256, 128, 64, 32, 16)


def build(member: dict[str, Any], channels: int, classes: int, weights: str | None) -> nn.Module:
    """Return the network: images (n, channels, rows, columns) → logits (n, classes, rows, columns)."""
    network = smp.Unet(
        **encoder_arguments(member),
        decoder_channels=[narrow(size, member["width"]) for size in DECODER_CHANNELS],
        in_channels=first_channels(channels, weights),
        classes=classes,
    )
    return with_image_channels(network, channels, weights)
