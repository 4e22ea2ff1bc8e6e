"""The stages of a generic U-Net, from the patch that it sees and the spacing of its voxels, by nnU-Net's rule.

Isensee et al. 2021 (doi:10.1038/s41592-020-01008-z), supplementary note 2. An axis is halved while its map has at
least 8 voxels and its spacing is less than twice the finest among such axes; where it is the only one, from 12 on. A
kernel is 1 along an axis until its spacing is less than twice the finest of all axes, and 3 from there on and at the
bottom. Axes may stand in any order, the same in all that is given and returned.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from medley.errors import InputError

LEAST_EDGE = 4  # voxels of the smallest map, along each axis
LEAST_STAGES = 3

Sizes = tuple[int, ...]


class Topology(NamedTuple):
    """The stages of the way down, the finest first; the decoder mirrors them."""

    strides: tuple[Sizes, ...]  # by which each stage shrinks what it gets, 1 or 2 along each axis; 1 in the first
    kernels: tuple[Sizes, ...]  # of each stage's convolutions, 1 or 3 along each axis


def of_member(member: Mapping[str, Any]) -> Topology:
    """Return the topology of a resolved ``member``, axes in the order rows, columns, slices.

    Its ``patch`` is [rows, columns] or [rows, columns, slices] in voxels, its ``spacing`` that of its recipe in mm:
    rows, columns, slices, each of which may be None, or None. Only ratios of spacings count, so pixels that are not
    resampled are taken for square. Raises InputError where slices of a 3D patch are not resampled, and as
    ``topology`` does.
    """
    patch = member["patch"]
    spacing = (member["spacing"] or [None] * 3)[: len(patch)]
    if None not in spacing:
        return topology(patch, spacing)
    if len(patch) == 3:
        raise InputError(
            f"patch {patch}: recipe {member['recipe']!r} leaves the spacing of an axis open, and from it follows the "
            "network; write its `spacing` for rows, columns and slices, or a patch of rows and columns"
        )
    return topology(patch, [1.0, 1.0])


def topology(patch: Sequence[int], spacing: Sequence[float]) -> Topology:
    """Return the stages for a ``patch`` in voxels and its ``spacing`` in mm.

    Raises InputError for a patch that is too small, or that its stages do not divide.
    """
    sizes, spacings = list(patch), list(spacing)
    kernel = [1] * len(sizes)
    strides, kernels = [(1,) * len(sizes)], []
    while halved := _halved(sizes, spacings):
        finest = min(spacings)
        kernel = [3 if size == 3 or apart / finest < 2 else 1 for size, apart in zip(kernel, spacings, strict=True)]
        kernels.append(tuple(kernel))
        strides.append(tuple(2 if axis in halved else 1 for axis in range(len(sizes))))
        for axis in halved:
            sizes[axis] = -(-sizes[axis] // 2)
            spacings[axis] *= 2
    kernels.append((3,) * len(sizes))
    if len(strides) < LEAST_STAGES:
        raise InputError(
            f"patch {list(patch)} is too small for a U-Net, which halves it at least twice; make it larger"
        )
    _check_divisible(patch, strides)
    return Topology(tuple(strides), tuple(kernels))


def _halved(sizes: Sequence[int], spacings: Sequence[float]) -> list[int]:
    """Return the axes that the next stage halves; none where the bottom is reached."""
    large = [axis for axis, size in enumerate(sizes) if size >= 2 * LEAST_EDGE]
    if not large:
        return []
    finest = min(spacings[axis] for axis in large)
    halved = [axis for axis in large if spacings[axis] / finest < 2]
    if len(halved) == 1 and sizes[halved[0]] < 3 * LEAST_EDGE:
        return []
    return halved


def _check_divisible(patch: Sequence[int], strides: Sequence[Sizes]) -> None:
    """Raise InputError where a size of ``patch`` is no multiple of the product of its strides."""
    steps = [2 ** along.count(2) for along in zip(*strides, strict=True)]
    fitting = [-(-size // step) * step for size, step in zip(patch, steps, strict=True)]
    if fitting != list(patch):
        raise InputError(f"patch {list(patch)}: the network halves its axes so often that it must be {fitting}")
