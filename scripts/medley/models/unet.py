"""U-Net (Ronneberger et al. 2015, arXiv:1505.04597) on a pretrained encoder, from segmentation-models-pytorch."""

from typing import Any

import segmentation_models_pytorch as smp
from torch import nn

from medley.models._width import narrow
from medley.models.encoders import with_encoder

DECODER_CHANNELS = (256, 128, 64, 32, 16)


def build(member: dict[str, Any], channels: int, classes: int, weights: str | None) -> nn.Module:
    """Return the network: images (n, channels, rows, columns) → logits (n, classes, rows, columns)."""
    return with_encoder(smp.Unet, member, channels, classes, weights, decoder_channels=decoder_channels(member))


def decoder_channels(member: dict[str, Any]) -> list[int]:
    """Return the channels after each of the decoder's five stages."""
    return [narrow(size, member["width"]) for size in DECODER_CHANNELS]
