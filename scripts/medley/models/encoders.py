"""Encoders of segmentation-models-pytorch: narrower for small runs, pretrained from a local file."""

from typing import Any

from safetensors.torch import load_file
from torch import nn

from medley.errors import InputError

RESNET_CHANNELS = (64, 128, 256, 512)


def encoder_arguments(member: dict[str, Any]) -> dict[str, Any]:
    """Return the encoder arguments of a segmentation-models-pytorch network.

    At ``width`` 1 the encoder is the library's own. Below it is the same ResNet from timm, whose
    stages can be narrowed. Raises InputError for other encoders, which cannot.
    """
    name, width = member["encoder"], member["width"]
    if width == 1:
        return {"encoder_name": name, "encoder_weights": None}
    if not name.startswith("resnet"):
        raise InputError(f"encoder {name!r} cannot be narrowed to width {width}; use a ResNet or width 1")
    channels = tuple(narrow(channels, width) for channels in RESNET_CHANNELS)
    return {"encoder_name": f"tu-{name}", "encoder_weights": None, "channels": channels}


def narrow(channels: int, width: float, step: int = 8) -> int:
    """Return ``channels`` scaled by ``width``, a multiple of ``step``."""
    return max(step, round(channels * width / step) * step)


def with_image_channels(network: Any, channels: int, weights: str | None) -> nn.Module:
    """Load pretrained encoder ``weights`` (safetensors) into ``network``, built for three image channels,
    and turn its first convolution to ``channels`` (pretrained kernels summed for one channel).
    """
    if weights is not None:
        network.encoder.load_state_dict(load_file(weights))
        network.encoder.set_in_channels(channels, pretrained=True)
    adapted: nn.Module = network
    return adapted


def first_channels(channels: int, weights: str | None) -> int:
    """Return the image channels to build a network with: three where pretrained weights follow."""
    return channels if weights is None else 3
