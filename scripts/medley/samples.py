"""Slices of the array store as training samples."""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from medley import store
from medley.labels import Values, class_indices, select

Floats = npt.NDArray[np.float32]
OPEN = 200  # memory maps of images, and as many of masks, kept open by one set of samples


class Slices:
    """All slices of some cases, in the order of cases and slices; read from memory maps on demand."""

    def __init__(self, folder: Path, cases: Sequence[str], labels: Sequence[str], values: Values, head: str) -> None:
        """Open the arrays of ``cases`` in the store ``folder``; ``values`` maps each label to its mask values."""
        self.cases = list(cases)
        self.labels, self.values, self.head = list(labels), values, head
        # Every open map keeps a file descriptor, and those are few: ten thousand cases need this limit.
        self.image = functools.lru_cache(OPEN)(functools.partial(store.open_image, folder))
        self.mask = functools.lru_cache(OPEN)(functools.partial(store.open_mask, folder))
        self.places = [(case, number) for case in cases for number in range(len(store.open_mask(folder, case)))]

    def __len__(self) -> int:
        """Return the number of slices."""
        return len(self.places)

    @property
    def channels(self) -> int:
        """Return the number of image channels."""
        return int(self.image(self.cases[0]).shape[0])

    def case_of(self, sample: int) -> str:
        """Return the name of the case that a sample comes from."""
        return self.places[sample][0]

    def batch(self, samples: Sequence[int]) -> tuple[Floats, npt.NDArray[np.int64] | Floats]:
        """Return images float32 (n, channels, rows, columns) and targets.

        Targets are class indices int64 (n, rows, columns) for softmax, float32 (n, labels, rows, columns) for sigmoid.
        """
        places = [self.places[sample] for sample in samples]
        images = np.stack([self.image(case)[:, number] for case, number in places])
        masks = np.stack([self.mask(case)[number] for case, number in places])
        if self.head == "softmax":
            return images, class_indices(masks, self.labels, self.values).astype(np.int64)
        planes = [select(masks, self.values[label]) for label in self.labels]
        return images, np.stack(planes, axis=1).astype(np.float32)


def batches(samples: Sequence[int], size: int) -> list[list[int]]:
    """Cut ``samples`` into consecutive batches of ``size``; the last may be smaller, but never one alone.

    A single sample has no variance for batch normalisation at 1×1 features, so it joins the batch before.
    """
    cut = [list(samples[start : start + size]) for start in range(0, len(samples), size)]
    if len(cut) > 1 and len(cut[-1]) == 1:
        cut[-2].extend(cut.pop())
    return cut


def epoch_order(count: int, seed: int, epoch: int) -> list[int]:
    """Return the order in which ``count`` samples are seen in ``epoch``: a permutation fixed by seed and epoch."""
    return [int(sample) for sample in np.random.default_rng([seed, epoch]).permutation(count)]
