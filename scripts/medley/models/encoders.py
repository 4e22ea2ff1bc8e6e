"""Networks of segmentation-models-pytorch: their encoders, narrower for small runs, pretrained from a local file."""

from collections.abc import Callable
from typing import Any

from safetensors.torch import load_file
from torch import nn

from medley.errors import InputError
from medley.models import _dilatable, _efficientnet
from medley.models._width import narrow

RESNET_CHANNELS = (64, 128, 256, 512)
DILATABLE = ("vgg", "densenet")
NARROWABLE = ("resnet", "efficientnet-b", "vgg", "densenet")  # how the names begin of encoders that can be narrowed


def with_encoder(
    architecture: Callable[..., Any],
    member: dict[str, Any],
    channels: int,
    classes: int,
    weights: str | None,
    **decoder: Any,
) -> nn.Module:
    """Return the library's network of ``architecture`` (``smp.Unet`` …) with the encoder of ``member``.

    ``decoder`` are the architecture's own arguments. With ``weights`` (a safetensors file) the encoder is built for
    the three image channels that it was pretrained on; then its first convolution is turned to ``channels``
    (pretrained kernels summed for one channel). Raises InputError for an encoder that cannot have the member's width.
    """
    first = channels if weights is None else 3
    network = architecture(**_encoder_arguments(member), **decoder, in_channels=first, classes=classes)
    if weights is not None:
        network.encoder.load_state_dict(load_file(weights))
        network.encoder.set_in_channels(channels, pretrained=True)
    built: nn.Module = network
    return built


def _encoder_arguments(member: dict[str, Any]) -> dict[str, Any]:
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
