"""VGG (Simonyan and Zisserman 2014, arXiv:1409.1556) and DenseNet (Huang et al. 2016, arXiv:1608.06993) of
segmentation-models-pytorch, with fewer channels and for DeepLabV3+, which wants its last features at a sixteenth of
the image's size. The library refuses that, since both halve by pooling; left out is the last pooling.

The keys of weights are the library's: pretrained ones load.
"""

from typing import Any

from segmentation_models_pytorch.encoders import encoders
from segmentation_models_pytorch.encoders.densenet import DenseNetEncoder
from segmentation_models_pytorch.encoders.vgg import VGGEncoder
from torch import nn

from medley.models._width import narrow

STRIDE = 16  # of the last features, dilated


class DilatableVGG(VGGEncoder):  # type: ignore[misc]
    """The library's encoder. All its convolutions lie before the last pooling: without it none needs a dilation."""

    def make_dilated(self, output_stride: int) -> None:
        """Leave out the last pooling."""
        _check(output_stride)
        self.features[-1] = nn.Identity()


class DilatableDenseNet(DenseNetEncoder):  # type: ignore[misc]
    """The library's encoder."""

    def make_dilated(self, output_stride: int) -> None:
        """Leave out the last pooling; the convolutions after it reach as far as before by a dilation of 2."""
        _check(output_stride)
        self.features.transition3.pool = nn.Identity()
        for module in self.features.denseblock4.modules():
            if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
                module.dilation = module.padding = (2, 2)


def register(name: str, width: float) -> str:
    """Make the encoder ``name`` (``vgg19``, ``densenet121``) of ``width`` known to the library, and return how."""
    whole = encoders[name]["params"]
    if name.startswith("vgg"):
        sizes = {"out_channels": [narrow(size, width) for size in whole["out_channels"]]}
        config = [size if size == "M" else narrow(size, width) for size in whole["config"]]
        kind, params = DilatableVGG, {**whole, **sizes, "config": config}
    else:
        growth, first = narrow(whole["growth_rate"], width), narrow(whole["num_init_features"], width)
        kind, params = DilatableDenseNet, {**whole, "growth_rate": growth, "num_init_features": first}
        params["out_channels"] = _densenet_channels(params)
    known = f"{name}-{width:g}-dilatable"
    encoders[known] = {"encoder": kind, "pretrained_settings": {}, "params": params}
    return known


def _densenet_channels(params: dict[str, Any]) -> list[int]:
    """Return the channels of the image and after each stage; a transition halves them for the next block."""
    channels = [3, params["num_init_features"]]
    entering = params["num_init_features"]
    for layers in params["block_config"]:
        channels.append(entering + layers * params["growth_rate"])
        entering = channels[-1] // 2
    return channels


def _check(output_stride: int) -> None:
    if output_stride != STRIDE:
        raise ValueError(f"output stride {output_stride}: only {STRIDE} is built")
