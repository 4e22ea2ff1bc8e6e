"""Random slices and patches of the array store, against nnU-Net's: blosc2, zstd at level 8, memory maps.

Blocks and chunks are those that nnU-Net computes for patches of 64³ (16³ in 64³). Files are opened once on
both sides, as training here does; nnU-Net opens one for each patch.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from medley import store
from medley.resample import resample
from tests.benchmarks import peers
from tests.benchmarks.phantoms import ct
from tests.benchmarks.timing import compare

SCANNED, SHAPE, PATCH = (64, 205, 205), (64, 256, 256), 64  # slices, rows, columns; before and after resampling
VOLUMES = 3
READS = 40
GOAL = 15
Place = tuple[int, tuple[slice, ...]]


def run() -> list[dict[str, Any]]:
    """Return one row for axial slices and one for patches."""
    blosc2 = peers.blosc2()
    generator = np.random.default_rng(0)
    names = {"random axial slice": axial_slice, "random 64³ patch": patch}
    places = {name: [place(generator) for _ in range(READS)] for name, place in names.items()}
    if blosc2 is None:
        nothing = dict.fromkeys(("ours", "theirs", "ratio", "peak_memory_mb"))
        return [{"name": name, **nothing, "goal": GOAL, "note": "not measured: no blosc2"} for name in places]
    blosc2.set_nthreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(VOLUMES):
            volume = resample(ct(SCANNED, number).astype(np.float32), SHAPE, order=3)
            normalised = ((volume - volume.mean()) / volume.std()).astype(np.float32)[None]
            store.write_case(folder, str(number), normalised, np.zeros(SHAPE, np.uint8))
            options = {"chunks": (1, 64, 64, 64), "blocks": (1, 16, 16, 16), "mmap_mode": "w+"}
            zstd = {"codec": blosc2.Codec.ZSTD, "clevel": 8}
            blosc2.asarray(normalised, urlpath=str(folder / f"{number}.b2nd"), cparams=zstd, **options)
        share = (folder / "0.b2nd").stat().st_size / normalised.nbytes
        note = f"{READS} reads; blosc2 {blosc2.__version__}, its file is {share:.0%} of ours"
        maps = [store.open_image(folder, str(number)) for number in range(VOLUMES)]
        reading = {"mode": "r", "dparams": {"nthreads": 1}, "mmap_mode": "r"}
        arrays = [blosc2.open(str(folder / f"{number}.b2nd"), **reading) for number in range(VOLUMES)]
        return [row(name, maps, arrays, places[name], note) for name in places]


def row(name: str, maps: list[Any], arrays: list[Any], places: list[Place], note: str) -> dict[str, Any]:
    """Compare values, then speed."""

    def ours() -> None:
        for number, where in places:
            np.array(maps[number][where])

    def theirs() -> None:
        for number, where in places:
            arrays[number][where]

    for number, where in places:
        np.testing.assert_array_equal(maps[number][where], arrays[number][where])
    return compare(name, ours, theirs, GOAL, note)


def axial_slice(generator: np.random.Generator) -> Place:
    """Return a volume's number and where one of its slices lies."""
    number = int(generator.integers(SHAPE[0]))
    return int(generator.integers(VOLUMES)), (slice(None), slice(number, number + 1), slice(None), slice(None))


def patch(generator: np.random.Generator) -> Place:
    """Return a volume's number and where one of its patches lies."""
    starts = [int(generator.integers(size - PATCH + 1)) for size in SHAPE]
    return int(generator.integers(VOLUMES)), (slice(None), *(slice(start, start + PATCH) for start in starts))
