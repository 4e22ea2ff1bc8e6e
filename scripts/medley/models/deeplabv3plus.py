"""DeepLabV3+ (Chen et al. 2018, arXiv:1802.02611), from segmentation-models-pytorch."""

from typing import Any

import segmentation_models_pytorch as smp
from torch import nn

from medley.models._width import narrow
from medley.models.encoders import with_encoder


def build(member: dict[str, Any], channels: int, classes: int, weights: str | None) -> nn.Module:
    """Return the network: images (n, channels, rows, columns) → logits (n, classes, rows, columns)."""
    decoder_channels = narrow(256, member["width"])
    return with_encoder(smp.DeepLabV3Plus, member, channels, classes, weights, decoder_channels=decoder_channels)
