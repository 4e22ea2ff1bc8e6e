"""Patches of a fixed size as training samples, and the tiles that cover whole cases for validation.

A patch is one of two kinds: flat, of one slice (rows, columns), or of a volume (slices, rows, columns). What reaches
beyond a case is 0, in its image as in its mask, as the sliding window of the prediction sees it.
"""

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medley.augmentations import Augmentation
from medley.labels import Values, select
from medley.samples import Floats, Key, Mask, Samples, Slices, Targets, streams

Place = tuple[int, ...]  # of the first voxel: slice, row, column; below 0 outside the case


def build(
    member: Mapping[str, Any],
    training: bool,
    folder: Path,
    cases: Sequence[str],
    values: Values,
    augmentation: Augmentation | None = None,
) -> Samples:
    """Return the samples of a resolved ``member`` from ``cases`` of the store ``folder``, see ``Samples``.

    Whole slices; or where it has a ``patch``, random patches for ``training``, and else tiles.
    """
    opened = (folder, cases, member["labels"], values, member["head"])
    if "patch" not in member:
        return Slices(*opened, augmentation)
    if training:
        return Patches(*opened, member["patch"], member["patches"], member["foreground"], augmentation)
    return Tiles(*opened, member["patch"], augmentation)


class Patched(Samples):
    """Samples of one size, cut out of some cases."""

    def __init__(
        self,
        folder: Path,
        cases: Sequence[str],
        labels: Sequence[str],
        values: Values,
        head: str,
        patch: Sequence[int],
        augmentation: Augmentation | None = None,
    ) -> None:
        """Open ``cases`` as ``Samples`` does; ``patch`` is (rows, columns) or (rows, columns, slices) in voxels."""
        super().__init__(folder, cases, labels, values, head, augmentation)
        rows, columns, *slices = patch
        self.flat = not slices
        self.size = (*(slices or [1]), rows, columns)

    def _cut(self, case: str, place: Place) -> tuple[Floats, Mask]:
        """Return image (channels, …) and mask (…) of the patch of ``case`` that begins at ``place``."""
        image, mask = cut(self.image(case), place, self.size), cut(self.mask(case), place, self.size)
        return (image[:, 0], mask[0]) if self.flat else (image, mask)


class Patches(Patched):
    """As many patches an epoch as are asked for, from cases and places drawn at random.

    Of the first ``foreground`` of a batch the centre is a voxel of a label: of the labels that the case has one is
    drawn, then a voxel of it (as nnU-Net does, Isensee et al. 2021, doi:10.1038/s41592-020-01008-z). All other
    patches lie anywhere in the case.
    """

    def __init__(
        self,
        folder: Path,
        cases: Sequence[str],
        labels: Sequence[str],
        values: Values,
        head: str,
        patch: Sequence[int],
        count: int,
        foreground: float,
        augmentation: Augmentation | None = None,
    ) -> None:
        """Draw ``count`` patches an epoch, the share ``foreground`` of each batch about a voxel of a label."""
        super().__init__(folder, cases, labels, values, head, patch, augmentation)
        self.count, self.foreground = count, foreground

    def __len__(self) -> int:
        """Return the number of patches of an epoch."""
        return self.count

    def case_of(self, sample: int) -> str:
        """Return the name of the case that a sample comes from: samples are numbers of cases."""
        return self.cases[sample]

    def order(self, sampling: str | None, seed: int, epoch: int) -> list[int]:
        """Return the cases that patches are cut from, each as likely as any other, fixed by seed and epoch."""
        drawn = np.random.default_rng([seed, epoch]).integers(len(self.cases), size=self.count)
        return [int(number) for number in drawn]

    def batch(self, samples: Sequence[int], key: Key = None) -> tuple[Floats, Targets]:
        """Return one patch of each case of ``samples``, see ``Samples``; where it lies is fixed by ``key``.

        Raises ValueError without a key.
        """
        if key is None:
            raise ValueError("patches are drawn by a key; without one take Tiles")
        centred = round(self.foreground * len(samples))
        draws = streams((*key, 1), len(samples))  # not those of the augmentation
        pairs = [
            self._cut(self.cases[sample], self._place(self.cases[sample], number < centred, generator))
            for number, (sample, generator) in enumerate(zip(samples, draws, strict=True))
        ]
        return self._stacked(pairs, key)

    def _place(self, case: str, about_label: bool, generator: np.random.Generator) -> Place:
        """Return where a patch of ``case`` begins: about a voxel of a label, or anywhere."""
        mask = self.mask(case)
        there = [label for label in self.labels if select(mask, self.values[label]).any()] if about_label else []
        if not there:
            return random_place(mask.shape, self.size, generator)
        label = there[int(generator.integers(len(there)))]
        voxels = np.flatnonzero(select(mask, self.values[label]))
        centre = np.unravel_index(int(generator.choice(voxels)), mask.shape)
        return place_about([int(index) for index in centre], mask.shape, self.size)


class Tiles(Patched):
    """Patches side by side that cover each case, in the order of cases and places. They overlap where they must."""

    @functools.cached_property
    def places(self) -> list[tuple[str, Place]]:
        """Return case and first voxel of each tile."""
        return [(case, place) for case in self.cases for place in tiles(self.mask(case).shape, self.size)]

    def __len__(self) -> int:
        """Return the number of tiles."""
        return len(self.places)

    def case_of(self, sample: int) -> str:
        """Return the name of the case that a tile comes from."""
        return self.places[sample][0]

    def order(self, sampling: str | None, seed: int, epoch: int) -> list[int]:
        """Return every tile once, in order."""
        return list(range(len(self)))

    def batch(self, samples: Sequence[int], key: Key = None) -> tuple[Floats, Targets]:
        """Return tiles, see ``Samples``."""
        return self._stacked([self._cut(*self.places[sample]) for sample in samples], key)


def cut(array: npt.NDArray[Any], place: Place, size: Sequence[int]) -> npt.NDArray[Any]:
    """Return the part of ``array`` (…, slices, rows, columns) of ``size`` that begins at ``place``, 0 outside it."""
    ends = [min(start + want, have) for start, want, have in zip(place, size, array.shape[-3:], strict=True)]
    kept = [slice(max(start, 0), end) for start, end in zip(place, ends, strict=True)]
    into = [slice(part.start - start, part.stop - start) for part, start in zip(kept, place, strict=True)]
    result = np.zeros((*array.shape[:-3], *size), dtype=array.dtype)
    there: tuple[Any, ...] = (..., *kept)
    here: tuple[Any, ...] = (..., *into)
    result[here] = array[there]
    return result


def random_place(shape: Sequence[int], size: Sequence[int], generator: np.random.Generator) -> Place:
    """Return where a patch of ``size`` begins in a case of ``shape``; about the middle of an axis that it exceeds."""
    return tuple(
        int(generator.integers(have - want + 1)) if have > want else _middle(have, want)
        for have, want in zip(shape, size, strict=True)
    )


def place_about(centre: Sequence[int], shape: Sequence[int], size: Sequence[int]) -> Place:
    """Return where a patch of ``size`` about ``centre`` begins, moved into the case as far as it fits."""
    return tuple(
        min(max(0, middle - want // 2), have - want) if have > want else _middle(have, want)
        for middle, have, want in zip(centre, shape, size, strict=True)
    )


def tiles(shape: Sequence[int], size: Sequence[int]) -> list[Place]:
    """Return where tiles of ``size`` begin that cover ``shape``: as few as can be along each axis, evenly spread."""
    return list(itertools.product(*(_spread(have, want) for have, want in zip(shape, size, strict=True))))


def _spread(have: int, want: int) -> list[int]:
    gaps = math.ceil(have / want) - 1
    return [number * (have - want) // gaps for number in range(gaps + 1)] if gaps else [_middle(have, want)]


def _middle(have: int, want: int) -> int:
    """Return where a patch begins that covers an axis which is shorter, or as long."""
    return -((want - have) // 2)
