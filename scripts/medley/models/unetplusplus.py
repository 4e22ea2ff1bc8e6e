"""U-Net++ (Zhou et al. 2018, arXiv:1807.10165), from segmentation-models-pytorch.

Parameters to freeze and thaw go by the names of its modules: ``encoder`` is all that weights can be had for. The
last layers of an EfficientNet-B3 that logits depend on are ``encoder._blocks.25._project_conv`` and its batch norm
``encoder._blocks.25._bn2``; ``encoder._conv_head`` and ``encoder._bn1`` come after it, and nothing reads them.
"""

from typing import Any

import segmentation_models_pytorch as smp
from torch import nn

from medley.models.encoders import with_encoder
from medley.models.unet import decoder_channels


def build(member: dict[str, Any], channels: int, classes: int, weights: str | None) -> nn.Module:
    """Return the network: images (n, channels, rows, columns) → logits (n, classes, rows, columns)."""
    return with_encoder(smp.UnetPlusPlus, member, channels, classes, weights, decoder_channels=decoder_channels(member))
