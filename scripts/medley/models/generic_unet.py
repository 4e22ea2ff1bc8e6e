"""U-Net whose stages and kernels follow from patch and spacing, as nnU-Net plans it (``medley.topology``).

Isensee et al. 2021, doi:10.1038/s41592-020-01008-z. Two convolutions a stage, each with normalisation and LeakyReLU
(slope 0.01), a stride in place of pooling, transposed convolutions back, He's initialisation; at width 1 the channels
are 32, doubled by every stage up to 512 (2D) or 320 (3D).

The blocks and their initialisation are those of MONAI's DynUNet; what joins them is not: DynUNet keeps every weight
under two names, which safetensors refuses, gives each stage of the decoder the kernel of the stage below it, and in
deep supervision enlarges the coarse logits instead of shrinking the truth.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from monai.networks.blocks.dynunet_block import UnetBasicBlock, UnetOutBlock, UnetUpBlock
from monai.networks.nets.dynunet import DynUNet
from torch import nn

from medley import topology
from medley.models._width import narrow

ENCODER = False
OPTIONS = ("patch", "patches", "foreground", "normalisation", "deep_supervision", "adversary")

FIRST_CHANNELS = 32
MOST_CHANNELS = {2: 512, 3: 320}  # by the number of axes
NORMALISATIONS = {"batch": ("batch", {}), "instance": ("instance", {"affine": True})}


class GenericUnet(nn.Module):
    """Images (n, channels, …) → logits (n, classes, …), of rows and columns, or slices, rows and columns.

    Stages of ``encoder`` go from fine to coarse; those of ``decoder``, and the ``heads`` of the last ones, back. With
    several heads (deep supervision) it answers in training with a list: the logits, then those of ever coarser
    stages. Sizes of images must be multiples of the product of the strides, as those of the patch are.
    """

    def __init__(
        self, encoder: Sequence[nn.Module], decoder: Sequence[nn.Module], heads: Sequence[nn.Module], bottleneck: int
    ) -> None:
        """Join the stages; ``bottleneck`` is the number of channels of the coarsest."""
        super().__init__()
        self.bottleneck = bottleneck
        self.encoder = nn.ModuleList(encoder)
        self.decoder = nn.ModuleList(decoder)
        self.heads = nn.ModuleList(heads)
        self.apply(DynUNet.initialize_weights)

    def forward(self, images: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        """Return the logits of ``images``, or a list of logits, the finest first."""
        return self.decode(self.encode(images))

    def encode(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the maps (n, channels, …) of all stages of the way down; the last is the bottleneck's."""
        maps = [images]
        for stage in self.encoder:
            maps.append(stage(maps[-1]))
        return maps[1:]

    def decode(self, maps: Sequence[torch.Tensor]) -> torch.Tensor | list[torch.Tensor]:
        """Return what ``forward`` does, of the maps that ``encode`` returns."""
        *skips, lowest = maps
        decoded = [lowest]
        for stage, skip in zip(self.decoder, reversed(skips), strict=True):
            decoded.append(stage(decoded[-1], skip))
        if not self.training or len(self.heads) == 1:
            logits: torch.Tensor = self.heads[-1](decoded[-1])
            return logits
        supervised = decoded[-len(self.heads) :]
        return [head(each) for head, each in zip(self.heads, supervised, strict=True)][::-1]


def build(member: dict[str, Any], channels: int, classes: int, weights: str | None) -> GenericUnet:
    """Return the network of ``member`` for its ``patch``; axes are in the order of arrays: [slices,] rows, columns.

    ``normalisation`` is instance unless the member says batch. With ``deep_supervision`` all stages of the decoder
    but the coarsest have a head. Raises InputError as ``topology.of_member`` does.
    """
    del weights  # those of an encoder, and there is none
    plan = topology.of_member(member)
    strides, kernels = ([_as_in_arrays(sizes) for sizes in stages] for stages in plan)
    axes, norm = len(member["patch"]), NORMALISATIONS[member.get("normalisation", "instance")]
    doubled = (min(FIRST_CHANNELS * 2**stage, MOST_CHANNELS[axes]) for stage in range(len(strides)))
    sizes = [narrow(size, member["width"]) for size in doubled]
    encoder = [
        UnetBasicBlock(axes, inputs, outputs, kernel, stride, norm)
        for inputs, outputs, kernel, stride in zip([channels, *sizes], sizes, kernels, strides, strict=False)
    ]
    decoder = [
        UnetUpBlock(axes, inputs, outputs, kernel, 1, stride, norm)
        for (outputs, inputs), kernel, stride in zip(itertools.pairwise(sizes), kernels, strides[1:], strict=False)
    ]
    supervised = sizes[:-2] if member.get("deep_supervision") else sizes[:1]
    heads = [UnetOutBlock(axes, size, classes) for size in supervised]
    return GenericUnet(encoder, decoder[::-1], heads[::-1], sizes[-1])


def _as_in_arrays(sizes: topology.Sizes) -> topology.Sizes:
    """Return sizes in the order of arrays: slices, if there are any, first."""
    rows, columns, *slices = sizes
    return *slices, rows, columns
