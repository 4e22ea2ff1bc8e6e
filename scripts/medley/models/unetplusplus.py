"""U-Net++ (Zhou et al. 2018, arXiv:1807.10165), from segmentation-models-pytorch.

Parameters to freeze and thaw go by the names of its modules: ``encoder`` is all that weights can be had for. The
last layers of an EfficientNet-B3 that logits depend on are ``encoder._blocks.25._project_conv`` and its batch norm
``encoder._blocks.25._bn2``; ``encoder._conv_head`` and ``encoder._bn1`` come after it, and nothing reads them.
"""

from typing import Any

import segmentation_models_pytorch as smp
from torch import nn

from medley.models.encoders import encoder_arguments, first_channels, narrow, with_image_channels

DECODER_CHANNELS = (256, 128, 64, 32, 16)


def build(member: dict[str, Any], channels: int, classes: int, weights: str | None) -> nn.Module:
    """Return the network: images (n, channels, rows, columns) → logits (n, classes, rows, columns)."""
    network = smp.UnetPlusPlus(
        **encoder_arguments(member),
        decoder_channels=[narrow(size, member["width"]) for size in DECODER_CHANNELS],
        in_channels=first_channels(channels, weights),
        classes=classes,
    )
    return with_image_channels(network, channels, weights)
