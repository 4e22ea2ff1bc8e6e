"""Feature pyramid network (Kirillov et al. 2019, arXiv:1901.02446), from segmentation-models-pytorch."""

from typing import Any

import segmentation_models_pytorch as smp
from torch import nn

from medley.models._width import narrow
from medley.models.encoders import with_encoder

GROUPS = 32  # of the group normalisation in the library's decoder: its channels are a multiple of them
CHANNELS_PER_GROUP = 4  # at width 1


def build(member: dict[str, Any], channels: int, classes: int, weights: str | None) -> nn.Module:
    """Return the network: images (n, channels, rows, columns) → logits (n, classes, rows, columns)."""
    decoder = {
        "decoder_pyramid_channels": narrow(256, member["width"]),
        "decoder_segmentation_channels": narrow(128, member["width"], step=GROUPS),
    }
    network = with_encoder(smp.FPN, member, channels, classes, weights, **decoder)
    _keep_group_size(network.get_submodule("decoder"))
    return network


def _keep_group_size(decoder: nn.Module) -> None:
    """Give a narrowed decoder fewer groups instead of smaller ones.

    A group of one channel is instance normalisation: no channel can then be low all over an image, and
    the Dice loss gets stuck with a class that covers part of the background.
    """
    for module in decoder.modules():
        if isinstance(module, nn.GroupNorm):
            module.num_groups = module.num_channels // CHANNELS_PER_GROUP
