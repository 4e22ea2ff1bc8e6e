"""Made-up hearts in three dimensions, to be cut by any plane at any moment of the beat: both views show the same heart.

Not a simulation, and no formula of anatomy: shapes whose sizes and motion are those that a reader of cine MRI expects.

Lengths are in mm, angles in radians. The heart's own axes start at the middle of the mitral valve at end diastole: z
runs to the apex of the left ventricle, u to the right ventricle, v at right angles to both. Contraction runs from 0,
end diastole, to 1, end systole. Grey values are relative to blood, 1.0.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from medley.datasets.drawing import Field, paint, soft

Generator = np.random.Generator

LEFT_VENTRICLE, MYOCARDIUM, RIGHT_VENTRICLE = 1, 2, 3  # as M&Ms-2 has them
EXTENT = ((-80.0, 25.0), 100.0)  # mm: how far the painted parts reach above valve and below apex, and from the axis
DESCENT, MOST_DESCENT = 44.0, 16.0  # mm: how far the mitral valve comes down, by shortening
RIGHT_APEX = 0.93  # where the right ventricle ends, as a share of the left one's length


@dataclasses.dataclass(frozen=True)
class Shape:
    """What a disease changes. Radius and walls at end diastole, mid-ventricle."""

    radius: float  # mm, of the left cavity
    wall: float  # mm
    shortening: float  # share of the left cavity's radius lost at end systole
    right: float = 1.0  # size of the right ventricle relative to the left
    right_shortening: float = 0.26  # as shortening
    right_wall: float = 3.0  # mm; not labelled
    asymmetry: float = 0.0  # share by which the septum is thicker than the wall facing it
    flattening: float = 0.0  # share of its radius by which the septum is pushed into the left ventricle
    bulge: float = 0.0  # share by which the free wall of the right ventricle stands out in its middle
    left_atrium: float = 1.0
    right_atrium: float = 1.0


SHAPES = {
    "NOR": Shape(radius=25, wall=7.5, shortening=0.36),
    "LV": Shape(radius=34, wall=7.0, shortening=0.11, right_shortening=0.2, left_atrium=1.2),
    "HCM": Shape(radius=21, wall=14.5, shortening=0.48, asymmetry=0.4, left_atrium=1.15),
    "ARR": Shape(radius=25, wall=7.4, shortening=0.27, right=1.12, right_shortening=0.12, bulge=0.3),
    "FALL": Shape(
        radius=23, wall=8.0, shortening=0.31, right=1.16, right_shortening=0.18, right_wall=6.5, flattening=0.12
    ),
    "CIA": Shape(radius=22, wall=7.2, shortening=0.35, right=1.15, flattening=0.16, right_atrium=1.2),
    "RV": Shape(radius=23, wall=7.2, shortening=0.31, right=1.32, right_shortening=0.16, flattening=0.26),
    "TRI": Shape(
        radius=22, wall=7.2, shortening=0.33, right=1.25, right_shortening=0.3, flattening=0.2, right_atrium=1.5
    ),
}


@dataclasses.dataclass(frozen=True)
class Heart:
    """A subject's heart."""

    shape: Shape
    length: float  # from the mitral valve to the apex at end diastole
    tricuspid: float  # how far the other valve lies below the mitral one
    wobble: Field  # (3, 2) amplitudes and phases of the outline's 2nd to 4th harmonic
    papillary: Field  # (2, 3) angle, radius in mm and grey value of each muscle


def draw_heart(rng: Generator, disease: str) -> Heart:
    """Draw a heart with ``disease``, a key of SHAPES."""
    usual = SHAPES[disease]
    growth = rng.normal(1.0, 0.07)
    shape = dataclasses.replace(
        usual,
        radius=usual.radius * growth,
        wall=usual.wall * rng.normal(1.0, 0.06),
        right=usual.right * rng.normal(1.0, 0.05),
        shortening=usual.shortening * rng.normal(1.0, 0.05),
    )
    muscles = np.pi + np.array([-0.9, 0.9]) + rng.normal(0, 0.2, 2)
    wobble = np.stack([np.abs(rng.normal(0, (0.04, 0.02, 0.012))), rng.uniform(0, 2 * np.pi, 3)], axis=1)
    return Heart(
        shape=shape,
        length=rng.normal(88, 5) * (0.6 + 0.4 * growth * usual.radius / 25),
        tricuspid=rng.uniform(3, 9),
        wobble=wobble.astype(np.float32),
        papillary=np.stack([muscles, rng.uniform(3, 6, 2), rng.uniform(0.4, 0.8, 2)], axis=1).astype(np.float32),
    )


def near(heart: Heart, z: Field, u: Field, v: Field) -> npt.NDArray[np.bool_]:
    """Return where ``paint_heart`` may paint."""
    (above, below), aside = EXTENT
    inside: npt.NDArray[np.bool_] = (z > above) & (z < heart.length + below) & (np.hypot(u, v) < aside)
    return inside


def paint_heart(
    heart: Heart,
    contraction: float,
    image: Field,
    at: tuple[Field, Field, Field],
    greys: Mapping[str, float],
    texture: Field,
    pixel: float,
) -> npt.NDArray[np.uint8]:
    """Paint ventricles and atria into ``image`` and return the mask (uint8, same shape).

    ``at`` holds z, u, v of each voxel, ``texture`` is fine noise of mean 0 and deviation 1, ``pixel`` the size of a
    pixel in mm.
    """
    z, u, v = at
    valve = min(DESCENT * heart.shape.shortening, MOST_DESCENT) * contraction
    t = (z - valve) / (heart.length - valve)
    angle, radius = np.arctan2(v, u), np.hypot(u, v)
    inner, outer = _left_outlines(heart, contraction, heart.length / (heart.length - valve), t, angle)
    right, below_tricuspid = _right_depth(heart, contraction, valve, z, u, v)
    in_left, in_right = (t >= 0) & (t <= 1), (below_tricuspid >= 0) & (t <= RIGHT_APEX)

    fat = np.maximum(outer - radius, right + heart.shape.right_wall) + 4
    patchy = np.clip(0.6 + 0.5 * texture, 0, 1)
    paint(image, soft(fat, pixel) * (in_left | in_right) * patchy, greys["epicardial"])
    _paint_atria(heart, valve, contraction, image, at, greys, pixel)
    paint(image, soft(right + heart.shape.right_wall, pixel) * in_right, greys["myocardium"])
    paint(image, soft(right, pixel) * in_right, greys["right"] * (1 - 0.12 * np.abs(texture)))
    paint(image, soft(outer - radius, pixel) * in_left, greys["myocardium"])
    paint(image, soft(inner - radius, pixel) * in_left, 1 + 0.04 * texture)
    leaflets = np.exp(-((z - valve) ** 2) / 2) * soft(inner - radius, pixel)
    paint(image, 0.5 * leaflets, greys["myocardium"])
    for muscle, size, grey in heart.papillary:
        place = np.maximum(inner - 0.9 * size, 0) * (0.95 - 0.1 * contraction)
        distance = np.hypot(u - place * np.cos(muscle), v - place * np.sin(muscle))
        paint(image, soft(size - distance, pixel) * ((t > 0.25) & (t < 0.8) & (inner > radius)), float(grey))

    mask = np.zeros(image.shape, dtype=np.uint8)
    mask[(right > 0) & in_right] = RIGHT_VENTRICLE
    mask[(radius < outer) & in_left] = MYOCARDIUM
    mask[(radius < inner) & in_left] = LEFT_VENTRICLE
    return mask


def _left_outlines(heart: Heart, contraction: float, thicker: float, t: Field, angle: Field) -> tuple[Field, Field]:
    """Return the radii of the left ventricle's inner and outer border in direction ``angle``.

    ``t`` runs from 0 at the mitral valve to 1 at the apex; ``thicker`` is the share by which the muscle's area grows.
    """
    shape = heart.shape
    along = np.clip(t, 0, 1)
    profile = np.sqrt(np.maximum(1 - along**2.8, 0)) * (0.92 + 0.08 * np.minimum(along / 0.3, 1))
    outline = 1 - shape.flattening * (1 - 0.4 * contraction) * _bump(angle, 0.9)
    for harmonic, (amplitude, phase) in enumerate(heart.wobble, start=2):
        outline = outline + amplitude * np.cos(harmonic * angle + phase)
    wall = shape.wall * (1 + shape.asymmetry * np.cos(angle))
    outer = (shape.radius + shape.wall) * profile * outline
    inner = np.maximum(outer - wall * (0.75 + 0.25 * profile), 0)
    # The muscle keeps its volume, so the outer border follows from the inner one and from how much shorter it is.
    area = (outer**2 - inner**2) * thicker
    inner = inner * (1 - shape.shortening * contraction)
    return inner, np.sqrt(inner**2 + area)


def _right_depth(heart: Heart, contraction: float, valve: float, z: Field, u: Field, v: Field) -> tuple[Field, Field]:
    """Return the depth (negative outside) in the right ventricle, an ellipse around the septum, and below its valve.

    The left ventricle, painted over it, leaves the crescent.
    """
    shape = heart.shape
    along = np.clip((z - valve) / (heart.length - valve) / (RIGHT_APEX + 0.04), 0, 1)
    round_, pointed = np.sqrt(np.maximum(1 - along**2, 0)), 1 - along
    profile = 0.7 * round_ + 0.3 * pointed
    squeeze = 1 - shape.right_shortening * contraction
    size = (0.5 * (shape.radius + shape.wall) + 22) * shape.right
    bulge = 1 + shape.bulge * np.exp(-(((along - 0.45) / 0.2) ** 2))
    across = 1.1 * size * profile * (0.5 + 0.5 * squeeze)
    deep = 0.9 * size * profile * squeeze * bulge
    away = (shape.radius + shape.wall) * 0.85 * np.sqrt(np.maximum(1 - along**2.8, 0.05)) * (0.7 + 0.3 * squeeze)
    distance = np.hypot((u - away) / np.maximum(deep, 1e-3), v / np.maximum(across, 1e-3))
    depth: Field = (1 - distance) * np.maximum(np.minimum(across, deep), 1e-3)
    below: Field = z - 1.3 * valve - heart.tricuspid - 0.12 * (u - away)
    return depth, below


def _paint_atria(
    heart: Heart,
    valve: float,
    contraction: float,
    image: Field,
    at: tuple[Field, Field, Field],
    greys: Mapping[str, float],
    pixel: float,
) -> None:
    """Paint the atria above their valves; they fill while the ventricles empty."""
    z, u, v = at
    shape = heart.shape
    aside = shape.radius + shape.wall
    for size, top, u0, grey in (
        (26 * shape.right_atrium, 1.3 * valve + heart.tricuspid, aside + 26 * shape.right_atrium - 4, greys["right"]),
        (26 * shape.left_atrium, valve, -4.0, 0.95),
    ):
        full = 1.25 * size * (1 + 0.12 * contraction)
        distance = np.sqrt(((z - top + 0.75 * full) / full) ** 2 + ((u - u0) / size) ** 2 + (v / full) ** 2)
        above = z < top + 3
        paint(image, soft((1 - distance) * size + 2.5, pixel) * above, greys["myocardium"])
        paint(image, soft((1 - distance) * size, pixel) * above, grey)


def _bump(angle: Field, width: float) -> Field:
    """Return 1 in direction 0, falling smoothly to 0 about ``width`` radians away."""
    bump: Field = np.exp(-((np.angle(np.exp(1j * angle)) / width) ** 4))
    return bump
