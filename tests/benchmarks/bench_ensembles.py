"""Ensembles from the store, against numpy's mean over members in compressed .npz files.

A synthetic volume: members agree in 19 voxels of 20 and are open (see ``medley.encoding``) in a third;
of networks trained on ACDC, an FPN is open in 3 to 6 of a hundred, a DeepLabV3+ in 64. Both are timed on a
sample of the volumes and scaled.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from medley import probabilities
from tests.benchmarks.timing import compare

MEMBERS = 20
CASE = "case"
CHANNELS = 4
SAMPLE = 5  # volumes that a pass of ours reads; the peer's reads one


def run() -> list[dict[str, Any]]:
    """Return one row for the mean and one for other weights."""
    weights = np.random.default_rng(0).dirichlet(np.ones(MEMBERS)).tolist()
    with tempfile.TemporaryDirectory() as folder:
        cardiac = Store(Path(folder) / "cardiac", (10, 256, 216))
        square = Store(Path(folder) / "square", (10, 256, 256))
        return [
            row("mean of 20 members × 40 volumes", cardiac, 40, None, goal=15),
            row("re-weighting 20 members × 100 volumes", square, 100, weights, goal=10),
        ]


class Store:
    """A volume (slices, rows, columns) of MEMBERS members, stored by medley and by numpy."""

    def __init__(self, folder: Path, shape: tuple[int, int, int]) -> None:
        self.folders = [folder / f"member-{number}" for number in range(MEMBERS)]
        shared = smooth(shape, [0])
        shared[0] += 1  # most is background
        for number, member in enumerate(self.folders, start=1):
            values = softmax(25 * (shared + 0.02 * smooth(shape, [0, number])))
            probabilities.write_case(member, CASE, values)
            np.savez_compressed(member / f"{CASE}.npz", p=values)
        self.share = (member / f"{CASE}.probabilities").stat().st_size / values.nbytes

    def ours(self, weights: list[float] | None) -> np.ndarray:
        return probabilities.read_mean(self.folders, CASE, weights)

    def theirs(self, weights: list[float] | None) -> np.ndarray:
        loaded = [np.load(member / f"{CASE}.npz")["p"] for member in self.folders]
        return np.mean(loaded, axis=0) if weights is None else np.tensordot(np.float32(weights), loaded, axes=1)


def smooth(shape: tuple[int, int, int], seed: list[int]) -> np.ndarray:
    """Return smooth noise of unit variance, (channels, slices, rows, columns)."""
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal((CHANNELS, *shape), dtype=np.float32)
    blurred = ndimage.gaussian_filter(noise, (0, 1, 10, 10))
    return blurred / blurred.std()


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=0))
    return (powers / powers.sum(axis=0)).astype(np.float32)


def row(name: str, store: Store, volumes: int, weights: list[float] | None, goal: float) -> dict[str, Any]:
    """Compare values, then speed, on the same volume."""
    exact, read = store.theirs(weights), store.ours(weights)
    flipped = (exact.argmax(axis=0) != read.argmax(axis=0)).mean()
    np.testing.assert_allclose(read, exact, atol=2 / 65535)

    def ours() -> None:
        for _ in range(SAMPLE):
            store.ours(weights)

    same = probabilities.agreement(store.folders, CASE).mean()
    note = (
        f"timed on {SAMPLE} volumes, the peer on 1, and scaled; members agree in {same:.1%} of voxels, the "
        f"decision differs in {1e6 * flipped:.0f} of a million; the store is {store.share:.1%} of float32"
    )
    return compare(name, ours, lambda: store.theirs(weights), goal, note, (volumes / SAMPLE, volumes))
