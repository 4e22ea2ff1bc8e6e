"""The chest and abdomen that a made-up heart lies in, in three dimensions, to be cut by any plane.

Points are in mm from the middle of the mitral valve, along the body's axes: x to the patient's left, y to the back, z
to the head. Grey values are relative to blood, 1.0. Much of it is as bright and as round as a ventricle: a network
has to learn the heart and not a threshold.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from medley.datasets.drawing import Field, paint, soft

Generator = np.random.Generator

LONG = 1e4  # mm: a semi-axis that makes a cylinder
MUSCLE = 11.0  # mm, between fat and lung


@dataclasses.dataclass(frozen=True)
class Organ:
    """An ellipsoid of one tissue: centre and semi-axes (x, y, z), grey value."""

    centre: tuple[float, float, float]
    axes: tuple[float, float, float]
    grey: float


@dataclasses.dataclass(frozen=True)
class Body:
    """A subject's trunk."""

    centre: tuple[float, float]  # x, y of its axis
    axes: tuple[float, float]  # semi-axes x, y
    fat: float  # mm, under the skin
    diaphragm: float  # z of its right dome
    thorax: tuple[Organ, ...]  # in painting order
    abdomen: tuple[Organ, ...]
    waves: Field  # (2, 4, 4) wave vectors and phases that bend every outline along x and y


def draw_body(rng: Generator, greys: Mapping[str, float]) -> Body:
    """Draw a trunk; ``greys`` are the tissues' grey values."""
    centre = (rng.normal(-24, 5), rng.normal(26, 5))
    axes = (rng.normal(172, 11), rng.normal(126, 8))
    directions = rng.normal(0, 1, (2, 4, 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True) * rng.uniform(9, 26, (2, 4, 1))
    waves = np.concatenate([directions, rng.uniform(0, 2 * np.pi, (2, 4, 1))], axis=-1)
    return Body(
        centre=centre,
        axes=axes,
        fat=rng.uniform(7, 22),
        diaphragm=rng.uniform(-44, -28),
        thorax=_thorax(rng, centre, greys),
        abdomen=_abdomen(rng, greys),
        waves=waves.astype(np.float32),
    )


def bend(body: Body, points: Field) -> Field:
    """Return a smooth displacement along x and y, about 1 in size, for points (3, …): shape (2, …)."""
    fields = []
    for waves in body.waves:
        along = (np.tensordot(wave[:3], points, axes=1) + wave[3] for wave in waves)
        fields.append(sum(np.sin(phase) for phase in along) / np.sqrt(np.float32(2)))
    return np.stack(fields)


def paint_body(body: Body, points: Field, bent: Field, greys: Mapping[str, float], pixel: float) -> Field:
    """Return the image of everything but the heart, of the shape of a coordinate in ``points`` (3, …).

    ``bent`` is the displacement that ``bend`` returns, ``pixel`` the size of a pixel in mm.
    """
    x, y = points[0] + 5 * bent[0], points[1] + 5 * bent[1]
    z = points[2]
    image = np.full(z.shape, greys["air"], dtype=np.float32)
    wide, deep = body.axes
    for side in (-1, 1):
        arm = Organ((body.centre[0] + side * (wide + 38), body.centre[1] + 8, 0), (34, 38, LONG), greys["fat"])
        _paint_organ(image, arm, x, y, z, 1, pixel)
        _paint_organ(image, dataclasses.replace(arm, axes=(24, 28, LONG), grey=greys["muscle"]), x, y, z, 1, pixel)
    for shrink, grey in ((0.0, "fat"), (body.fat, "muscle"), (body.fat + MUSCLE, "lung")):
        outline = np.hypot((x - body.centre[0]) / (wide - shrink), (y - body.centre[1]) / (deep - shrink))
        cavity = soft((1 - outline) * (deep - shrink), pixel)
        paint(image, cavity, greys[grey])
    for organ in body.thorax:
        _paint_organ(image, organ, x, y, z, cavity, pixel)
    dome = body.diaphragm - 9 - 9 * np.tanh((x + 10) / 35) - 0.0022 * (x + 20) ** 2 - 0.002 * (y - 20) ** 2
    below = cavity * soft(dome - z, 2 * pixel)
    paint(image, below, greys["abdomen"] * np.clip(1 + 0.3 * bent[1], 0.3, 1.7))
    for organ in body.abdomen:
        _paint_organ(image, organ, x, y, z, below, pixel)
    return image


def _paint_organ(image: Field, organ: Organ, x: Field, y: Field, z: Field, within: Field | int, pixel: float) -> None:
    """Paint ``organ`` where the share ``within`` is not 0."""
    (x0, y0, z0), (dx, dy, dz) = organ.centre, organ.axes
    distance = np.sqrt(((x - x0) / dx) ** 2 + ((y - y0) / dy) ** 2 + ((z - z0) / dz) ** 2)
    paint(image, soft((1 - distance) * min(dx, dy, dz), pixel) * within, organ.grey)


def _thorax(rng: Generator, centre: tuple[float, float], greys: Mapping[str, float]) -> tuple[Organ, ...]:
    """Draw mediastinum, spine, great vessels and the vessels of the lung."""
    x, y = centre
    organs = [
        Organ((-14, 30, 70), (36, 44, 95), greys["abdomen"]),  # mediastinum
        Organ((x, y + 72, 0), (21, 22, LONG), 0.8 * greys["abdomen"]),  # spine
        Organ((x + rng.normal(26, 3), y + rng.normal(52, 4), 0), (11, 11, LONG), rng.uniform(0.85, 1.05)),  # aorta
        Organ((-12, 2, 62), (14, 14, 52), rng.uniform(0.85, 1.05)),  # ascending aorta
        Organ((12, -18, 58), (14, 15, 42), rng.uniform(0.8, 1.0)),  # pulmonary trunk
        Organ((-42, 14, 62), (10, 10, 50), rng.uniform(0.75, 1.0)),  # upper caval vein
    ]
    for _ in range(14):  # vessels of the lung
        size = rng.uniform(2, 4.5)
        place = (x + rng.choice([-1, 1]) * rng.uniform(45, 115), rng.uniform(-50, 90), rng.uniform(-50, 90))
        organs.append(Organ(place, (size, size * rng.uniform(1, 3), size * rng.uniform(1, 5)), rng.uniform(0.3, 0.9)))
    return tuple(organs)


def _abdomen(rng: Generator, greys: Mapping[str, float]) -> tuple[Organ, ...]:
    """Draw liver, stomach, spleen and what is bright among them."""
    liver = greys["abdomen"] * rng.uniform(0.85, 1.25)
    organs = [
        Organ((-90, 20, -130), (95, 85, 110), liver),
        Organ((-5, -30, -130), (75, 48, 60), liver),
        Organ((rng.normal(58, 8), rng.normal(20, 10), -120), (42, 38, 48), rng.uniform(0.15, 1.1)),  # stomach
        Organ((rng.normal(100, 6), 60, -115), (28, 34, 40), rng.uniform(0.4, 0.8)),  # spleen
    ]
    for _ in range(16):  # bowel and vessels, some as bright and round as a ventricle
        size = rng.uniform(5, 19)
        place = (rng.uniform(-120, 100), rng.uniform(-60, 90), rng.uniform(-150, -50))
        axes = (size, size * rng.uniform(0.6, 1.6), size * rng.uniform(0.6, 2))
        organs.append(Organ(place, axes, rng.uniform(0.15, 1.1)))
    return tuple(organs)
