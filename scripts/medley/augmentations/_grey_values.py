"""Random changes of grey values, for images of any scale such as z-scored ones.

albumentations' own take floating-point images for values in [0, 1] and cut off the rest. Each function takes an image
float32 (rows, columns, channels) and a generator and returns a new image of the same shape and type; what it draws
holds for all channels, which may be the slices of one volume.
"""

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

BRIGHTNESS = CONTRAST = (0.75, 1.25)  # these four as in nnU-Net (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z)
GAMMA = (0.7, 1.5)
NOISE = 0.1  # the largest variance
COARSER = (0.5, 1.0)  # rows and columns that are left, as a share
KNOTS = 6  # of the random curve between darkest and brightest


def brightness(image: Floats, generator: np.random.Generator) -> Floats:
    """Multiply all values by one factor."""
    brighter: Floats = image * np.float32(generator.uniform(*BRIGHTNESS))
    return brighter


def contrast(image: Floats, generator: np.random.Generator) -> Floats:
    """Move all values from their mean, or to it, by one factor; they keep to the range that they had."""
    mean = image.mean(dtype=np.float64)
    spread = mean + (image - mean) * generator.uniform(*CONTRAST)
    kept: Floats = np.clip(spread, image.min(), image.max()).astype(np.float32)
    return kept


def gamma(image: Floats, generator: np.random.Generator) -> Floats:
    """Raise all values to one power, as shares of their range; mean and deviation stay what they were."""
    low, extent = image.min(), np.ptp(image)
    if extent == 0:
        return image
    power = generator.uniform(*GAMMA)
    return _as_before(((image - low) / extent) ** power, image)


def histogram(image: Floats, generator: np.random.Generator) -> Floats:
    """Send all values through one random rising curve; mean and deviation stay what they were.

    Between darkest and brightest the curve is linear from knot to knot, evenly placed; the steps between knots are
    drawn evenly from all that sum to the range (a flat Dirichlet distribution). What another scanner makes of the same
    tissues is imitated so without any image of it.
    """
    low, high = image.min(), image.max()
    if low == high:
        return image
    steps = generator.dirichlet(np.ones(KNOTS + 1))
    curve = np.concatenate([[0], np.cumsum(steps)])
    return _as_before(np.interp(image, np.linspace(low, high, KNOTS + 2), curve), image)


def noise(image: Floats, generator: np.random.Generator) -> Floats:
    """Add normal noise, each voxel its own, of one variance in units of z-scored images."""
    deviation = np.float32(np.sqrt(generator.uniform(0, NOISE)))
    return image + deviation * generator.standard_normal(image.shape, dtype=np.float32)


def downsampling(image: Floats, generator: np.random.Generator) -> Floats:
    """Take fewer rows and columns (the nearest), and come back to as many by cubic interpolation."""
    rows, columns = image.shape[:2]
    share = generator.uniform(*COARSER)
    fewer = max(1, round(columns * share)), max(1, round(rows * share))
    planes = [cv2.resize(plane, fewer, interpolation=cv2.INTER_NEAREST) for plane in np.moveaxis(image, -1, 0).copy()]
    return np.stack([cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_CUBIC) for plane in planes], axis=-1)


def _as_before(changed: npt.NDArray[np.floating], image: Floats) -> Floats:
    """Return ``changed`` with the mean and deviation of ``image``."""
    standardised = (changed - changed.mean(dtype=np.float64)) / changed.std(dtype=np.float64)
    restored: Floats = (standardised * image.std(dtype=np.float64) + image.mean(dtype=np.float64)).astype(np.float32)
    return restored
