"""Made-up patients: what both frames of a short-axis cine phantom have in common.

Lengths are in mm, angles in radians; y runs along rows, x along columns, both from the heart's
centre; t runs along the long axis of the left ventricle, 0 at the mitral valve and 1 at the apex.
Grey values are relative to blood, 1.0.
"""

import dataclasses

import numpy as np
from scipy import ndimage

from medley.datasets.drawing import Field

Generator = np.random.Generator

THICKNESSES = (5.0, 6.5, 7.0, 8.0, 10.0)  # mm between slices


@dataclasses.dataclass(frozen=True)
class Shape:
    """What a disease changes. Radius and wall at end diastole, mid-ventricle."""

    radius: float  # mm, of the left cavity
    wall: float  # mm
    shortening: float  # fraction of the left cavity's radius lost at end systole
    right: float  # size of the right ventricle relative to the left
    asymmetry: float = 0.0  # share by which the septum is thicker than the wall facing it
    scar: float = 0.0  # share of its thickness and motion that the infarcted wall has lost


SHAPES = {
    "NOR": Shape(radius=26, wall=8.5, shortening=0.36, right=1.0),
    "DCM": Shape(radius=35, wall=8.0, shortening=0.10, right=1.0),
    "HCM": Shape(radius=22, wall=15.0, shortening=0.48, right=0.95, asymmetry=0.35),
    "MINF": Shape(radius=30, wall=9.0, shortening=0.20, right=0.9, scar=0.6),
    "RV": Shape(radius=24, wall=8.5, shortening=0.32, right=1.5),
}


@dataclasses.dataclass(frozen=True)
class Organ:
    """An ellipsoid of one tissue: centre and semi-axes (t, y, x), grey value."""

    centre: tuple[float, float, float]
    axes: tuple[float, float, float]
    grey: float


@dataclasses.dataclass(frozen=True)
class Patient:
    """Everything that both frames of a patient share. Arrays have one entry a slice, or are fields."""

    shape: Shape
    size: tuple[int, int, int]  # voxels: rows, columns, slices
    spacing: tuple[float, float, float]  # mm: rows, columns, slices
    centre: tuple[float, float]  # mm from the corner of the field of view: y, x
    base: float  # slices before the mitral valve at end diastole; negative where it is not seen
    apex: float  # slices before the apex
    drift: Field  # (slices, 2) mm: the slice's own breath-hold position
    septum: float  # direction from the left to the right ventricle
    infarct: float  # direction of the infarcted wall
    wobble: Field  # (3, 2) amplitudes and phases of the outline's 2nd to 4th harmonic
    papillary: Field  # (2, 3) angle, radius in mm and grey value of each muscle
    greys: dict[str, float]
    organs: tuple[Organ, ...]
    fat: float  # mm, under the skin
    chest: tuple[float, float, float, float]  # mm: centre y, x and semi-axes y, x
    texture: Field  # (slices, rows, columns), fine, mean 0, deviation 1
    warp: Field  # (2, slices, rows, columns), coarse, mean 0, deviation 1: bends every outline along y and x
    bias: Field  # (rows, columns)
    noise: float  # deviation of the noise, relative to blood


def draw_patient(rng: Generator, disease: str, scale: float) -> Patient:
    """Draw a patient with ``disease``, a key of SHAPES.

    ``scale`` multiplies the number of rows and columns; the field of view in mm stays.
    """
    usual = SHAPES[disease]
    growth = rng.normal(1.0, 0.07)
    shape = dataclasses.replace(usual, radius=usual.radius * growth, wall=usual.wall * rng.normal(1.0, 0.06))
    in_plane = rng.uniform(1.3, 1.7)
    columns = rng.integers(216, 257)
    rows = int(columns * rng.uniform(0.8, 1.0))
    slices = int(rng.integers(6, 13))
    length = rng.uniform(85, 110)
    thickness = min(THICKNESSES, key=lambda mm: abs(slices * mm - length))
    size = (round(rows * scale), round(columns * scale), slices)
    spacing = (in_plane / scale, in_plane / scale, thickness)
    view = (size[0] * spacing[0], size[1] * spacing[1])
    centre = (view[0] * rng.normal(0.43, 0.03), view[1] * rng.normal(0.48, 0.03))
    chest = (0.06 * view[0], 0.02 * view[1], 0.48 * view[0] * rng.normal(1, 0.04), 0.54 * view[1] * rng.normal(1, 0.04))
    septum = rng.normal(-1.9, 0.25)
    wobble = np.stack([np.abs(rng.normal(0, (0.04, 0.02, 0.012))), rng.uniform(0, 2 * np.pi, 3)], axis=1)
    muscles = septum + np.pi + np.array([-0.9, 0.9]) + rng.normal(0, 0.2, 2)
    papillary = np.stack([muscles, rng.uniform(3, 6, 2), rng.uniform(0.35, 0.8, 2)], axis=1)
    return Patient(
        shape=shape,
        size=size,
        spacing=spacing,
        centre=centre,
        base=rng.uniform(-1.0, 0.7),
        apex=slices - rng.uniform(-0.8, 0.6),
        drift=rng.normal(0, 1.3, (slices, 2)).astype(np.float32),
        septum=septum,
        infarct=septum + rng.uniform(0, 2 * np.pi),
        wobble=wobble.astype(np.float32),
        papillary=papillary.astype(np.float32),
        greys=_greys(rng),
        organs=_organs(rng, septum),
        fat=rng.uniform(6, 22),
        chest=chest,
        texture=_smooth_noise(rng, size, (0, 3 / spacing[0], 3 / spacing[1])),
        warp=np.stack([_smooth_noise(rng, size, (0.8, 14 / spacing[0], 14 / spacing[1])) for _ in range(2)]),
        bias=_bias(rng, size, spacing),
        noise=rng.uniform(0.03, 0.07),
    )


def _greys(rng: Generator) -> dict[str, float]:
    """Draw the grey values of the tissues."""
    ranges = {
        "air": (0.01, 0.03),
        "fat": (0.7, 1.2),
        "muscle": (0.25, 0.45),
        "lung": (0.03, 0.12),
        "abdomen": (0.25, 0.5),
        "right": (0.74, 0.98),
        "myocardium": (0.3, 0.5),
        "epicardial": (0.4, 0.9),
    }
    return {tissue: float(rng.uniform(low, high)) for tissue, (low, high) in ranges.items()}


def _organs(rng: Generator, septum: float) -> tuple[Organ, ...]:
    """Draw liver, stomach, bowel and the vessels of lung and spine, in painting order."""
    liver = rng.uniform(0.3, 0.6)
    organs = [
        Organ((0.9, 0.0, 125.0), (1.3, 75.0, 85.0), liver),
        Organ((1.1, rng.normal(72, 8), rng.normal(25, 15)), (0.8, 28.0, 36.0), rng.uniform(0.2, 1.1)),  # stomach
        Organ((1.2, rng.normal(70, 10), rng.normal(95, 15)), (0.9, 30.0, 24.0), rng.uniform(0.4, 0.8)),  # spleen
        Organ((0.5, 112.0, 45.0), (9.0, 20.0, 24.0), 0.45),  # spine
        Organ((0.5, 82.0, rng.normal(30, 6)), (9.0, 11.0, 11.0), rng.uniform(0.85, 1.05)),  # aorta
    ]
    for _ in range(20):  # bowel and vessels of the abdomen, some as bright and round as a ventricle
        size = rng.uniform(5, 20)
        place = (rng.uniform(0.1, 1.4), rng.uniform(10, 120), rng.uniform(20, 150))
        organs.append(
            Organ(place, (rng.uniform(0.15, 0.5), size, size * rng.uniform(0.6, 1.6)), rng.uniform(0.15, 1.1))
        )
    for _ in range(30):  # vessels of the lung
        size = rng.uniform(1.5, 3.5)
        place = (rng.uniform(-0.2, 1.2), rng.uniform(-60, 90), rng.uniform(-110, -30))
        organs.append(Organ(place, (rng.uniform(0.05, 0.3), size, size), rng.uniform(0.3, 0.9)))
    for turn in (-0.3, 1.2, 2.6):  # atria and aortic root, above the mitral valve
        angle = septum + turn
        size = rng.uniform(13, 22)
        place = (-0.25, 26 * np.sin(angle), 26 * np.cos(angle))
        organs.append(Organ(place, (0.3, size + 2.5, size + 2.5), 0.25))
        organs.append(Organ(place, (0.3, size, size), rng.uniform(0.75, 1.0)))
    return tuple(organs)


def _smooth_noise(rng: Generator, size: tuple[int, int, int], width: tuple[float, float, float]) -> Field:
    """Return noise (slices, rows, columns) smoothed by ``width`` (voxels, in this order), mean 0, deviation 1."""
    rows, columns, slices = size
    white = rng.standard_normal((slices, rows, columns), dtype=np.float32)
    smooth = ndimage.gaussian_filter(white, width)
    scaled: Field = (smooth - smooth.mean()) / smooth.std()
    return scaled


def _bias(rng: Generator, size: tuple[int, int, int], spacing: tuple[float, float, float]) -> Field:
    """Return the receive coil's sensitivity (rows, columns): high at the chest wall, fading inwards."""
    rows, columns, _ = size
    y = np.arange(rows)[:, None] * spacing[0]
    x = np.arange(columns)[None, :] * spacing[1] - rng.uniform(0.3, 0.7) * columns * spacing[1]
    falling = np.exp(-np.hypot(y, 0.6 * x) / rng.uniform(90, 180))
    uneven = 1 + 0.12 * np.sin(y / rng.uniform(60, 120) + x / rng.uniform(60, 120) + rng.uniform(0, 2 * np.pi))
    bias: Field = (0.5 + 0.9 * falling) * uneven
    return bias.astype(np.float32)
