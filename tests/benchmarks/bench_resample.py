"""Cubic resampling of a volume: spline matrices against scipy.ndimage.zoom."""

import numpy as np
from scipy import ndimage

from medley.resample import matrix, resample
from tests.benchmarks.timing import compare

OLD, NEW = (60, 256, 256), (150, 137, 137)  # 0.8×0.8×5 mm → 1.5×1.5×2 mm, slices first


def run() -> list[dict[str, object]]:
    """Compare one volume; matrices are made once per pair of sizes, so making them is timed apart."""
    volume = np.random.default_rng(0).normal(size=OLD).astype(np.float32)
    factors = [new / old for old, new in zip(OLD, NEW, strict=True)]

    def scipy_zoom() -> np.ndarray:
        return ndimage.zoom(volume, factors, order=3, mode="nearest", grid_mode=True)

    def cold() -> np.ndarray:
        matrix.cache_clear()
        return resample(volume, NEW, order=3)

    difference = float(np.abs(resample(volume, NEW, order=3) - scipy_zoom()).max() / volume.std())
    note = f"largest difference {difference:.1e} of the standard deviation"
    return [
        compare("cubic resampling 256×256×60", lambda: resample(volume, NEW, order=3), scipy_zoom, goal=20, note=note),
        compare("the same, matrices made anew", cold, scipy_zoom, goal=None, note=note),
    ]
