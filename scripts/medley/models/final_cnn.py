"""The network that the gi_tract study ends with: eight residual blocks down, eight up, joined by sums.

At width 1 every layer is that of the authors' printed table (121 rows, 25,436,486 parameters for three channels and
three classes). The table also forces the residuals to be identities, in the blocks that keep their shape, and the
skips to be sums. Ours, since the table leaves it open: which skips (E6, E4, E2, after D3, D5, D7); no activation in
the decoder, unless the member says ``decoder_activation: relu``; dropout, initialisation and channels of the image
as in ``_stages``.

The blocks undo each other for rows and columns of 96, 224, 352 … pixels. For other multiples of 32 from 96 up the
map after D3 is stretched by one to three pixels to that of E6; the rest is padded.
"""

from functools import partial
from typing import Any

import torch
from torch import nn

from medley.models._stages import Residual, Stages, convolution, dropout_of, first_channels, transposed
from medley.models._width import narrow

ENCODER = False
OPTIONS = ("dropout", "decoder_activation")

# Channels in and out and, where it is not 1, the stride of the first convolution. A row a block, from E1 and D1 on.
ENCODERS = ((64, 64), (64, 64), (64, 128, 2), (128, 128), (128, 256, 2), (256, 256), (256, 512, 2), (512, 512))
POOLED = (1, 3, 5, 7)  # the blocks of the encoder after which maximum pooling follows
# Channels in and out and, where they are not 3, 1, 1, kernel, stride and padding of the first convolution.
DECODERS = (
    (512, 512), (512, 512), (512, 256, 3, 4, 0), (256, 256),
    (256, 128, 6, 4, 1), (128, 128), (128, 64, 6, 4, 1), (64, 64),
)  # fmt: skip
SKIPS = {"decoder_3": "encoder_6", "decoder_5": "encoder_4", "decoder_7": "encoder_2"}


class EncoderBlock(Residual):
    """Two 3×3 convolutions, the first with a stride, each with batch norm, ReLU and dropout."""

    def __init__(self, inputs: int, outputs: int, dropout: float, stride: int = 1) -> None:
        first = convolution(inputs, outputs, dropout, stride=stride)
        super().__init__([*first, *convolution(outputs, outputs, dropout)], identity=stride == 1)


class DecoderBlock(Residual):
    """Two transposed convolutions, the first of which may enlarge, each with batch norm."""

    def __init__(
        self, inputs: int, outputs: int, activation: bool, kernel: int = 3, stride: int = 1, padding: int = 1
    ) -> None:
        first = transposed(inputs, outputs, kernel, stride, padding)
        super().__init__([*first, *transposed(outputs, outputs)], identity=stride == 1, activation=activation)


def build(member: dict[str, Any], channels: int, classes: int, weights: str | None) -> nn.Module:
    """Return the network: images (n, channels, rows, columns) → logits (n, classes, rows, columns)."""
    del weights  # those of an encoder, and there is none
    width, dropout = member["width"], dropout_of(member)
    activation = member.get("decoder_activation") == "relu"
    thin = narrow(64, width)
    stages: dict[str, nn.Module] = {"stem": nn.Sequential(*convolution(first_channels(channels), thin, 0, kernel=7))}
    for number, (inputs, outputs, *stride) in enumerate(ENCODERS, start=1):
        block = EncoderBlock(narrow(inputs, width), narrow(outputs, width), dropout, *stride)
        stages[f"encoder_{number}"] = block
        if number in POOLED:
            stages[f"pool_{POOLED.index(number) + 1}"] = nn.MaxPool2d(2)
    for number, (inputs, outputs, *shape) in enumerate(DECODERS, start=1):
        stages[f"decoder_{number}"] = DecoderBlock(narrow(inputs, width), narrow(outputs, width), activation, *shape)
    stages["head"] = nn.Sequential(*transposed(thin, classes, 8, 2, 3))
    return Stages(stages, step=32, least=96, skips=SKIPS)


def activations(network: Stages, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return what each stage of ``network`` makes of ``images``, by name, in order: (n, channels, rows, columns).

    The outputs are the stages' own, before the sum of a skip. The network is left as it was.
    """
    seen: dict[str, torch.Tensor] = {}

    def look(name: str, _stage: nn.Module, _inputs: Any, outputs: torch.Tensor) -> None:
        seen[name] = outputs.detach()

    hooks = [stage.register_forward_hook(partial(look, name)) for name, stage in network.stages.named_children()]
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(images)
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    return seen
