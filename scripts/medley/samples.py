"""Training samples from the array store: whole slices here, patches in ``medley.patches``."""

import abc
import collections
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from medley import store
from medley.augmentations import Augmentation
from medley.labels import Values, class_indices, select

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.uint8]
Targets = npt.NDArray[np.int64] | Floats
Key = Sequence[int] | None
OPEN = 200  # memory maps of images, and as many of masks, kept open by one set of samples


class Samples(abc.ABC):
    """Samples of some cases, read from memory maps on demand."""

    def __init__(
        self,
        folder: Path,
        cases: Sequence[str],
        labels: Sequence[str],
        values: Values,
        head: str,
        augmentation: Augmentation | None = None,
    ) -> None:
        """Open the arrays of ``cases`` in the store ``folder``; ``values`` maps each label to its mask values."""
        self.cases = list(cases)
        self.labels, self.values, self.head = list(labels), values, head
        self.augmentation = augmentation
        # Every open map keeps a file descriptor, and those are few: ten thousand cases need this limit.
        self.image = functools.lru_cache(OPEN)(functools.partial(store.open_image, folder))
        self.mask = functools.lru_cache(OPEN)(functools.partial(store.open_mask, folder))

    @abc.abstractmethod
    def __len__(self) -> int:
        """Return the number of samples of an epoch."""

    @property
    def channels(self) -> int:
        """Return the number of image channels."""
        return int(self.image(self.cases[0]).shape[0])

    @abc.abstractmethod
    def case_of(self, sample: int) -> str:
        """Return the name of the case that a sample comes from."""

    @abc.abstractmethod
    def order(self, sampling: str | None, seed: int, epoch: int) -> list[int]:
        """Return the samples of an epoch, fixed by seed and epoch: each once, or as ``sampling`` draws them."""

    @abc.abstractmethod
    def batch(self, samples: Sequence[int], key: Key = None) -> tuple[Floats, Targets]:
        """Return images float32 (n, channels, …) and targets; … are rows and columns, of volumes slices before them.

        Targets are class indices int64 (n, …) for softmax, float32 (n, labels, …) for sigmoid.
        Where there is an augmentation and a ``key`` of numbers from 0 on, such as seed, epoch and batch, samples are
        augmented: in a way fixed by the key and the place in the batch, whatever was drawn before.
        """

    def _stacked(self, pairs: Sequence[tuple[Floats, Mask]], key: Key) -> tuple[Floats, Targets]:
        """Return a batch of images (channels, …) and masks (…), augmented where there is a ``key`` to do it by."""
        if self.augmentation is not None and key is not None:
            pairs = [
                self.augmentation(*pair, stream) for pair, stream in zip(pairs, streams(key, len(pairs)), strict=True)
            ]
        images, masks = (np.stack(arrays) for arrays in zip(*pairs, strict=True))
        if self.head == "softmax":
            return images, class_indices(masks, self.labels, self.values).astype(np.int64)
        planes = [select(masks, self.values[label]) for label in self.labels]
        return images, np.stack(planes, axis=1).astype(np.float32)


class Slices(Samples):
    """All slices of some cases, in the order of cases and slices."""

    @functools.cached_property
    def places(self) -> list[tuple[str, int]]:
        """Return case and slice of each sample."""
        return [(case, number) for case in self.cases for number in range(len(self.mask(case)))]

    def __len__(self) -> int:
        """Return the number of slices."""
        return len(self.places)

    def case_of(self, sample: int) -> str:
        """Return the name of the case that a sample comes from."""
        return self.places[sample][0]

    def order(self, sampling: str | None, seed: int, epoch: int) -> list[int]:
        """Return the samples of an epoch, fixed by seed and epoch: each once, or as ``sampling`` draws them."""
        if sampling == "combinations":
            return weighted_order(self._weights, seed, epoch)
        return epoch_order(len(self), seed, epoch)

    @functools.cached_property
    def _weights(self) -> list[float]:
        return self.combination_weights()  # reads every mask

    def combination_weights(self) -> list[float]:
        """Return for each sample 1 / the number of samples that show the same labels; none is a combination too.

        Drawn with these weights, every combination is seen as often as any other.
        """
        combinations = [self._labels_in(self.mask(case)[number]) for case, number in self.places]
        counts = collections.Counter(combinations)
        return [1 / counts[combination] for combination in combinations]

    def _labels_in(self, mask: Mask) -> frozenset[str]:
        present = set(np.flatnonzero(np.bincount(mask.ravel())).tolist())
        return frozenset(label for label in self.labels if not present.isdisjoint(self.values[label]))

    def batch(self, samples: Sequence[int], key: Key = None) -> tuple[Floats, Targets]:
        """Return slices, see ``Samples``."""
        places = [self.places[sample] for sample in samples]
        return self._stacked([(self.image(case)[:, number], self.mask(case)[number]) for case, number in places], key)


def streams(key: Sequence[int], count: int) -> list[np.random.Generator]:
    """Return a generator for each place of a batch of ``count``, fixed by the batch's ``key`` and the place."""
    return [np.random.default_rng(np.random.SeedSequence(key, spawn_key=(place,))) for place in range(count)]


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


def weighted_order(weights: Sequence[float], seed: int, epoch: int) -> list[int]:
    """Return the samples that are seen in ``epoch``, as many draws as ``weights``, fixed by seed and epoch.

    They are drawn with replacement, each in proportion to its weight (above 0), so that some come twice, others not.
    """
    shares = np.asarray(weights, dtype=np.float64)
    generator = np.random.default_rng([seed, epoch])
    return [int(sample) for sample in generator.choice(len(shares), len(shares), p=shares / shares.sum())]
