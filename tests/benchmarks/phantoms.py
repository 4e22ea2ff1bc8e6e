"""Made-up volumes for the benchmarks."""

import numpy as np
from scipy import ndimage


def ct(shape: tuple[int, int, int], seed: int) -> np.ndarray:
    """Return a CT in Hounsfield units, int16 (slices, rows, columns).

    A body of smooth organs in air, with noise of 12 HU, cut off at -1024 as scanners do.
    """
    generator = np.random.default_rng(seed)
    slices, rows, columns = shape
    y, x = np.ogrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    body = (y / 0.7) ** 2 + (x / 0.9) ** 2 < 1
    coarse = generator.standard_normal((max(slices // 8, 2), 16, 16))
    organs = ndimage.zoom(coarse, np.divide(shape, coarse.shape), order=1)
    noise = generator.standard_normal(shape, dtype=np.float32)
    grey = np.where(body, 40 + 60 * organs, -1000) + 12 * noise
    return np.rint(np.maximum(grey, -1024)).astype(np.int16)
