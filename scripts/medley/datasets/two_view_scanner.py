"""What the scanners of three vendors make of the same made-up body: grey values, contrast, noise, grid.

The values are nobody's measurements. They differ by enough that a network trained on two vendors does worse on the
third, and by so little that it can be taught not to. Lengths are in mm, grey values relative to blood, 1.0.
"""

import dataclasses

import numpy as np
from scipy import ndimage

from medley.datasets.drawing import Field

Generator = np.random.Generator
Range = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Vendor:
    """How a vendor's scanners see."""

    name: str  # as dataset_information.csv has it
    scanners: tuple[str, ...]
    fields: tuple[str, ...]  # tesla
    pixel: Range  # in plane
    matrix: Range  # rows and columns, before they are multiplied by a scale
    oblong: Range  # rows as a share of columns
    thickness: tuple[float, ...]  # from slice to slice, gap included
    greys: dict[str, Range]
    gamma: Range  # of the grey values as they are stored
    noise: Range  # deviation
    blur: Range
    falling: Range  # distance over which the coil's sensitivity falls by a factor of e
    brightest: Range  # value that is stored for the brightest voxel
    margin: Range  # share of the columns that is stored as 0 on each side


VENDORS = (
    Vendor(
        name="SIEMENS",
        scanners=("Symphony", "SymphonyTim", "Avanto"),
        fields=("1.5",),
        pixel=(1.25, 1.45),
        matrix=(216, 256),
        oblong=(0.8, 1.0),
        thickness=(9.6, 10.0),
        greys={"myocardium": (0.26, 0.36), "fat": (0.75, 0.95), "abdomen": (0.28, 0.4), "right": (0.84, 0.98)},
        gamma=(0.95, 1.05),
        noise=(0.02, 0.035),
        blur=(0.6, 1.0),
        falling=(180, 260),
        brightest=(300, 700),
        margin=(0.0, 0.0),
    ),
    Vendor(
        name="Philips Medical Systems",
        scanners=("Achieva", "Ingenia"),
        fields=("1.5", "3.0"),
        pixel=(0.95, 1.2),
        matrix=(288, 336),
        oblong=(1.0, 1.0),
        thickness=(8.0, 10.0),
        greys={"myocardium": (0.44, 0.56), "fat": (0.55, 0.8), "abdomen": (0.4, 0.55), "right": (0.78, 0.92)},
        gamma=(0.72, 0.85),
        noise=(0.05, 0.08),
        blur=(1.0, 1.5),
        falling=(140, 200),
        brightest=(900, 1800),
        margin=(0.0, 0.0),
    ),
    Vendor(
        name="GE MEDICAL SYSTEMS",
        scanners=("SIGNA EXCITE", "Signa HDxt"),
        fields=("1.5", "3.0"),
        pixel=(1.4, 1.65),
        matrix=(256, 256),
        oblong=(1.0, 1.0),
        thickness=(8.0, 9.0),
        greys={"myocardium": (0.3, 0.42), "fat": (1.05, 1.35), "abdomen": (0.3, 0.45), "right": (0.9, 1.1)},
        gamma=(1.15, 1.4),
        noise=(0.03, 0.055),
        blur=(0.8, 1.3),
        falling=(90, 140),
        brightest=(3000, 4800),
        margin=(0.02, 0.06),  # what the scan leaves of the square
    ),
)
SAME = {"air": (0.0, 0.02), "lung": (0.03, 0.12), "muscle": (0.22, 0.38), "epicardial": (0.4, 0.9)}


@dataclasses.dataclass(frozen=True)
class Settings:
    """One subject's scan."""

    greys: dict[str, float]
    gamma: float
    noise: float
    blur: float
    falling: float
    brightest: float
    margin: float


def draw_settings(rng: Generator, vendor: Vendor) -> Settings:
    """Draw the settings of one subject's scan."""
    ranges = {**SAME, **vendor.greys}
    return Settings(
        greys={tissue: float(rng.uniform(low, high)) for tissue, (low, high) in sorted(ranges.items())},
        gamma=rng.uniform(*vendor.gamma),
        noise=rng.uniform(*vendor.noise),
        blur=rng.uniform(*vendor.blur),
        falling=rng.uniform(*vendor.falling),
        brightest=rng.uniform(*vendor.brightest),
        margin=rng.uniform(*vendor.margin),
    )


def sensitivity(settings: Settings, points: Field) -> Field:
    """Return the coil's sensitivity at points (3, …) of the body: high at the front, about 1 in the heart."""
    behind = np.clip(points[1], -150, 200)
    falling: Field = 0.35 + 0.65 * np.exp(-behind / settings.falling)
    return np.minimum(falling, 2.2)


def scan(settings: Settings, tissue: Field, bias: Field, pixel: float, rng: Generator) -> Field:
    """Return the image (slices, rows, columns) that is stored, whole numbers from 0; ``rng`` draws the noise.

    The noise is that of magnitude images. One tissue at one place has the same value in every frame but for noise.
    """
    width = settings.blur / pixel / 2.355  # from full width at half maximum
    signal = ndimage.gaussian_filter(tissue * bias, (0, width, width))
    # Scanners interpolate, so the noise of neighbouring pixels is alike.
    noise = rng.standard_normal((2, *tissue.shape), dtype=np.float32) * settings.noise
    real, imaginary = ndimage.gaussian_filter(noise, (0, 0, 0.6, 0.6))
    magnitude = np.hypot(signal + real, imaginary)
    stored: Field = np.rint(settings.brightest * np.minimum(magnitude / 2.2, 1) ** settings.gamma)
    columns = stored.shape[2]
    margin = round(settings.margin * columns)
    stored[:, :, :margin] = stored[:, :, columns - margin :] = 0
    return stored
