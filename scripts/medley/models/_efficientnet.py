"""EfficientNets (Tan and Le 2019, arXiv:1905.11946) of segmentation-models-pytorch with fewer channels."""

from segmentation_models_pytorch.encoders import encoders
from segmentation_models_pytorch.encoders._efficientnet import EfficientNet, get_model_params
from segmentation_models_pytorch.encoders.efficientnet import EfficientNetEncoder


class NarrowEfficientNet(EfficientNetEncoder):  # type: ignore[misc]
    """The library's encoder with its width coefficient scaled: the same blocks by the same names."""

    def __init__(self, model_name: str, width: float, out_indexes: list[int], depth: int, output_stride: int) -> None:
        _, whole = get_model_params(model_name, None)
        narrower = {"width_coefficient": whole.width_coefficient * width}
        EfficientNet.__init__(self, *get_model_params(model_name, narrower))
        del self._fc
        ends = [self._blocks[index]._project_conv.out_channels for index in out_indexes]
        self._out_channels = [3, self._conv_stem.out_channels, *ends]
        self._out_indexes, self._depth, self._output_stride, self._in_channels = out_indexes, depth, output_stride, 3
        self._drop_connect_rate = self._global_params.drop_connect_rate


def register(name: str, width: float) -> str:
    """Make the encoder ``name`` (``efficientnet-b3``) of ``width`` known to the library; return its name there."""
    whole = encoders[name]["params"]
    params = {"model_name": name, "width": width, "out_indexes": whole["out_indexes"]}
    encoders[f"{name}-{width:g}"] = {"encoder": NarrowEfficientNet, "pretrained_settings": {}, "params": params}
    return f"{name}-{width:g}"
