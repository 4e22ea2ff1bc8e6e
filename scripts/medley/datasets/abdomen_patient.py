"""Made-up patients with an abdomen: what all slices of a scan, and all scans of a patient, have in common.

Lengths are in mm, angles in radians; y runs along rows (to the back), x along columns (to the patient's left),
both from the body's centre; t runs down the body, 0 at the stomach's top and 1 at the pelvis. Grey values are
relative to fat, 1.0.
"""

import dataclasses

import numpy as np

Generator = np.random.Generator
Triple = tuple[float, float, float]

LARGE_BOWEL, SMALL_BOWEL, STOMACH = 1, 2, 4  # as the gi_tract reader has them
OTHER = 0


@dataclasses.dataclass(frozen=True)
class Organ:
    """An ellipsoid, or a piece of a longer organ that is bent."""

    kind: int  # what it is drawn as in the mask
    centre: Triple  # t, y, x
    axes: Triple  # half its length along t, and its radii along y and x before it is turned
    grey: float
    turn: float = 0.0
    lean: tuple[float, float] = (0.0, 0.0)  # mm that it moves along y and x from its top to its bottom
    gas: float = 0.0  # share of its height that is filled with gas, in front


@dataclasses.dataclass(frozen=True)
class Patient:
    """A body and its organs in painting order; on another day, the same with other contents."""

    body: tuple[float, float]  # radii along y and x
    fat: float  # mm, under the skin
    fat_inside: float  # grey value of the fat between the organs
    organs: tuple[Organ, ...]
    waves: tuple[tuple[float, float, float, float, float], ...]  # bending: along y, x and t (1/mm, 1/mm, 1), phase, mm


def draw_patient(rng: Generator) -> Patient:
    """Draw a patient."""
    height, width = rng.uniform(95, 125), rng.uniform(140, 172)
    organs = [*_solid_organs(rng, height, width), *_stomach(rng, height, width)]
    organs += [*_small_bowel(rng, height, width), *_large_bowel(rng, height, width)]
    waves = [
        (*rng.normal(0, 0.035, 2), rng.normal(0, 6), rng.uniform(0, 2 * np.pi), rng.uniform(1, 4)) for _ in range(8)
    ]
    return Patient(
        body=(height, width),
        fat=rng.uniform(8, 26),
        fat_inside=rng.uniform(0.75, 1.0),
        organs=tuple(organs),
        waves=tuple(waves),
    )


def on_another_day(patient: Patient, rng: Generator) -> Patient:
    """Return ``patient`` with hollow organs that have moved a little and are filled otherwise."""
    organs = [_moved(organ, rng) if organ.kind else organ for organ in patient.organs]
    return dataclasses.replace(patient, organs=tuple(organs))


def _moved(organ: Organ, rng: Generator) -> Organ:
    t, y, x = organ.centre
    far = 6.0 if organ.kind == SMALL_BOWEL else 3.0
    dt, dy, dx = organ.axes
    swollen = rng.normal(1, 0.1)
    return dataclasses.replace(
        organ,
        centre=(t + rng.normal(0, 0.015), y + rng.normal(0, far), x + rng.normal(0, far)),
        axes=(dt, dy * swollen, dx * swollen),
        grey=_contents(rng, organ.kind),
        gas=_gas(rng, organ.kind),
    )


def _contents(rng: Generator, kind: int) -> float:
    """Draw what fills a hollow organ: from chyme and stool, as dark as muscle, to fluid nearly as bright as fat."""
    low, high = {STOMACH: (0.2, 0.55), SMALL_BOWEL: (0.3, 0.65), LARGE_BOWEL: (0.15, 0.55)}[kind]
    return float(rng.uniform(low, high))


def _gas(rng: Generator, kind: int) -> float:
    """Draw how much of a hollow organ is gas; most of the small bowel holds none."""
    often = {STOMACH: 0.6, SMALL_BOWEL: 0.15, LARGE_BOWEL: 0.55}[kind]
    return float(rng.uniform(0.15, 0.7)) if rng.random() < often else 0.0


def _hollow(rng: Generator, kind: int, centre: Triple, axes: Triple, lean: tuple[float, float] = (0.0, 0.0)) -> Organ:
    turn = rng.uniform(-0.6, 0.6)
    return Organ(kind, centre, axes, _contents(rng, kind), turn, lean, _gas(rng, kind))


def _stomach(rng: Generator, height: float, width: float) -> list[Organ]:
    """Return fundus, body and antrum, from the upper left to the midline."""
    size = rng.uniform(0.9, 1.3)
    left = rng.normal(0.42, 0.05) * width
    fundus = ((rng.normal(0.1, 0.03), -0.05 * height, left), (0.17, 30 * size, 34 * size), (-20.0, -10.0))
    body = ((rng.normal(0.25, 0.03), -0.35 * height, 0.75 * left), (0.14, 23 * size, 32 * size), (-10.0, -25.0))
    antrum = ((rng.normal(0.36, 0.03), -0.42 * height, 0.2 * left), (0.09, 16 * size, 34 * size), (0.0, -20.0))
    return [_hollow(rng, STOMACH, *part) for part in (fundus, body, antrum)]


def _large_bowel(rng: Generator, height: float, width: float) -> list[Organ]:
    """Return the colon's frame around the small bowel: up on the right, across in front, down on the left."""
    organs = []
    flexure, bottom = rng.normal(0.4, 0.04), rng.normal(1.0, 0.05)
    for side, top in ((-1, flexure), (1, flexure - rng.uniform(0.1, 0.25))):
        for t in np.arange(top, bottom, 0.09):  # haustra: one bulge below the other
            radius = rng.uniform(14, 21) * (1.15 if side < 0 else 0.85)
            place = (t, rng.normal(0.12, 0.06) * height, side * rng.normal(0.64, 0.03) * width)
            organs.append(_hollow(rng, LARGE_BOWEL, place, (0.075, radius, radius * rng.uniform(0.8, 1.2))))
    sag = rng.uniform(0.02, 0.2)
    for across in np.linspace(-0.55, 0.55, 6):
        radius = rng.uniform(13, 20)
        place = (flexure + sag * (1 - (across / 0.55) ** 2), rng.normal(-0.58, 0.04) * height, across * width)
        organs.append(_hollow(rng, LARGE_BOWEL, place, (0.09, radius, radius * rng.uniform(1, 1.5))))
    for _ in range(3):  # sigmoid
        place = (rng.uniform(0.95, 1.15), rng.uniform(-0.1, 0.3) * height, rng.uniform(-0.1, 0.5) * width)
        organs.append(_hollow(rng, LARGE_BOWEL, place, (0.08, rng.uniform(11, 16), rng.uniform(13, 22))))
    return organs


def _small_bowel(rng: Generator, height: float, width: float) -> list[Organ]:
    """Return loops in the middle, and the duodenum beside the pancreas."""
    duodenum = (rng.normal(0.42, 0.03), -0.05 * height, -0.22 * width)
    organs = [_hollow(rng, SMALL_BOWEL, duodenum, (0.09, 11.0, 13.0), (15.0, 5.0))]
    for _ in range(rng.integers(26, 38)):
        place = (rng.uniform(0.42, 1.15), rng.uniform(-0.55, 0.1) * height, rng.normal(0.03, 0.24) * width)
        radius = rng.uniform(9, 15)
        long = radius * rng.uniform(1, 2.2)
        lean = rng.normal(0, 12), rng.normal(0, 12)
        organs.append(_hollow(rng, SMALL_BOWEL, place, (rng.uniform(0.05, 0.1), radius, long), lean))
    return organs


def _solid_organs(rng: Generator, height: float, width: float) -> list[Organ]:
    """Return what nobody draws: some of it as round, and as bright, as a loop of bowel."""
    liver, kidney, muscle = rng.uniform(0.25, 0.4), rng.uniform(0.4, 0.6), rng.uniform(0.12, 0.25)
    places = [  # t, y, x in shares of the body; half-length, and radii in mm; grey value
        (0.05, -0.05, -0.42, 0.4, 0.68 * height, 0.46 * width, liver),
        (0.02, -0.35, 0.05, 0.25, 0.35 * height, 0.35 * width, liver),
        (0.1, 0.3, 0.66, 0.2, 40.0, 26.0, rng.uniform(0.25, 0.45)),  # spleen
        (0.45, 0.45, -0.42, 0.2, 26.0, 25.0, kidney),
        (0.4, 0.45, 0.42, 0.2, 26.0, 25.0, kidney),
        (0.35, 0.0, 0.05, 0.07, 9.0, 55.0, rng.uniform(0.3, 0.5)),  # pancreas
        (0.5, 0.52, 0.0, 9.0, 22.0, 26.0, 0.15),  # spine
        (0.5, 0.8, 0.0, 9.0, 7.0, 9.0, 0.8),  # its cord
        (0.5, 0.68, -0.27, 9.0, 20.0, 30.0, muscle),
        (0.5, 0.68, 0.27, 9.0, 20.0, 30.0, muscle),
        (1.0, 0.42, -0.24, 0.5, 20.0, 19.0, muscle),  # psoas
        (1.0, 0.42, 0.24, 0.5, 20.0, 19.0, muscle),
        (0.5, 0.24, 0.06, 9.0, 9.0, 9.0, rng.uniform(0.2, 0.5)),  # aorta
        (0.5, 0.26, -0.13, 9.0, 9.0, 11.0, rng.uniform(0.2, 0.5)),  # vena cava
        (1.2, -0.15, 0.0, 0.15, 32.0, 38.0, rng.uniform(0.5, 1.0)),  # bladder
    ]
    organs = [Organ(OTHER, (t, y * height, x * width), (dt, dy, dx), grey) for t, y, x, dt, dy, dx, grey in places]
    for _ in range(16):  # vessels and nodes
        place = (rng.uniform(0.2, 1.1), rng.uniform(-0.5, 0.2) * height, rng.uniform(-0.5, 0.5) * width)
        radius = rng.uniform(3, 8)
        organs.append(
            Organ(OTHER, place, (rng.uniform(0.04, 0.1), radius, radius * rng.uniform(1, 2)), rng.uniform(0.2, 0.5))
        )
    return organs
