"""Encoders of segmentation-models-pytorch: narrower for small runs, pretrained from a local file."""

from typing import Any

from safetensors.torch import load_file
from torch import nn

from medley.errors import InputError
from medley.models import _dilatable, _efficientnet

RESNET_CHANNELS = (64, 128, 256, 512)
DILATABLE = ("vgg", "densenet")
NARROWABLE = ("resnet", "efficientnet-b", "vgg", "densenet")  # how the names begin of encoders that can be narrowed


def encoder_arguments(member: dict[str, Any]) -> dict[str, Any]:
    """Return the encoder arguments of a segmentation-models-pytorch network.

    At ``width`` 1 the encoder is the library's own. Below it is the same ResNet from timm, whose
    stages can be narrowed, or the library's EfficientNet, VGG or DenseNet with fewer channels. Raises
    InputError for other encoders, which cannot be narrowed.
    """
    name, width = member["encoder"], member["width"]
    if name.startswith(DILATABLE):
        return {"encoder_name": _dilatable.register(name, width), "encoder_weights": None}
    if width == 1:
        return {"encoder_name": name, "encoder_weights": None}
    if not name.startswith(NARROWABLE):
        raise InputError(f"encoder {name!r} cannot have width {width:g}; use a ResNet, an EfficientNet or width 1")
    if name.startswith("efficientnet-b"):
        return {"encoder_name": _efficientnet.register(name, width), "encoder_weights": None}
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
