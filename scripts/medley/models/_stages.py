"""What the networks of the gi_tract study are made of: named stages in a row, joined by sums.

Ours, in all of them: one image channel becomes three equal ones; PyTorch's own initialisation; dropout drops
whole channels, with probability 0.1 unless the member says otherwise.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from medley.models._width import narrow

DROPOUT = 0.1
CHANNELS = (32, 64, 128, 256)  # of the networks that ``mirrored`` builds, at width 1


class Stages(nn.Module):
    """Named stages, one after another: images (n, channels, rows, columns) → logits (n, classes, rows, columns).

    ``skips`` names the stages to whose output that of an earlier one is added: ``{later: earlier}``; where sizes
    differ, the later is stretched first (nearest). Images whose rows or columns are less than ``least`` or no
    multiple of ``step`` get zeros below and to the right, which are cut off the logits again.
    """

    def __init__(
        self, stages: Mapping[str, nn.Module], step: int, least: int = 1, skips: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleDict(stages)
        self.step, self.least = step, least
        self.skips = dict(skips or {})

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits of ``images``, both float (n, channels, rows, columns)."""
        rows, columns = images.shape[-2:]
        below, right = self._lacking(rows), self._lacking(columns)
        features = nn.functional.pad(images, (0, right, 0, below)) if below or right else images
        if features.shape[1] == 1:
            features = features.expand(-1, 3, -1, -1)
        kept: dict[str, torch.Tensor] = {}
        for name, stage in self.stages.items():
            features = stage(features)
            if name in self.skips:
                earlier = kept[self.skips[name]]
                if features.shape != earlier.shape:
                    features = nn.functional.interpolate(features, earlier.shape[-2:])
                features = features + earlier
            elif name in self.skips.values():
                kept[name] = features
        return features[..., :rows, :columns]

    def _lacking(self, size: int) -> int:
        """Return how many pixels ``size`` lacks to a size that the stages turn into itself."""
        return max(self.least, -(-size // self.step) * self.step) - size


def mirrored(
    member: Mapping[str, Any],
    channels: int,
    classes: int,
    encode: Callable[[int, int], nn.Module],
    decode: Callable[[int, int], nn.Module],
    head: Callable[[int, int], nn.Module],
    skips: Mapping[str, str] | None = None,
) -> Stages:
    """Return a network that halves rows and columns four times and doubles them as often.

    ``encode`` and ``decode`` build a level from its channels in and out, ``head`` the last one, to ``classes``.
    """
    sizes = [narrow(size, member["width"]) for size in CHANNELS]
    stages: dict[str, nn.Module] = {}
    for number, (inputs, outputs) in enumerate(itertools.pairwise([first_channels(channels), *sizes]), start=1):
        stages[f"encoder_{number}"] = encode(inputs, outputs)
    for number, (inputs, outputs) in enumerate(itertools.pairwise(sizes[::-1]), start=1):
        stages[f"decoder_{number}"] = decode(inputs, outputs)
    stages["head"] = head(sizes[0], classes)
    return Stages(stages, step=2 ** len(CHANNELS), skips=skips)


class Residual(nn.Module):
    """Layers to whose output their input is added (``identity``), then ReLU (``activation``)."""

    def __init__(self, layers: list[nn.Module], identity: bool, activation: bool = False) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.identity = identity
        self.activation = activation

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return what the layers make of ``inputs``: float (n, channels, rows, columns)."""
        outputs: torch.Tensor = self.layers(inputs)
        if self.identity:
            outputs = outputs + inputs
        return nn.functional.relu(outputs) if self.activation else outputs


def convolution(inputs: int, outputs: int, dropout: float, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    """Return a convolution without bias, padded to keep the size, with batch norm, ReLU and, above 0, dropout."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]
    return [*layers, nn.Dropout2d(dropout)] if dropout else layers


def transposed(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, padding: int = 1) -> list[nn.Module]:
    """Return a transposed convolution without bias, and its batch norm."""
    return [
        nn.ConvTranspose2d(inputs, outputs, kernel, stride, padding, bias=False),
        nn.BatchNorm2d(outputs),
    ]


def doubled(inputs: int, outputs: int, dropout: float) -> list[nn.Module]:
    """Return a transposed convolution that doubles rows and columns, with batch norm, ReLU and dropout."""
    return [*transposed(inputs, outputs, 2, 2, 0), nn.ReLU(inplace=True), nn.Dropout2d(dropout)]


def normalised_head(inputs: int, classes: int) -> nn.Module:
    """Return the last level of a network whose logits are normalised."""
    return nn.Sequential(*transposed(inputs, classes, 2, 2, 0))


def first_channels(channels: int) -> int:
    """Return the channels that the first stage gets of images of ``channels``."""
    return 3 if channels == 1 else channels


def dropout_of(member: Mapping[str, Any]) -> float:
    """Return the probability with which a member's network drops a channel."""
    return float(member.get("dropout", DROPOUT))
