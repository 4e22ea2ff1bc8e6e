"""Made-up mammograms on scanned film, with masks of their masses.

Not a simulation: shapes, places and grey values that a reader of such films expects, with what makes them hard:
masses as faint as the gland around them, some without a sharp margin; lumps of gland that look like masses; strands
and vessels that run towards the nipple; the pectoral muscle in oblique views; grain, and the film's label. Lengths
are in mm: y along rows from the film's middle, x along columns from the chest wall. Grey values are 0 to 1.
"""

import dataclasses

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medley.datasets.drawing import Field, paint, soft

Generator = np.random.Generator
FILM = 0.04  # grey value beside the breast
DRAWN_BEYOND = 0.8  # mm by which an expert's outline lies outside the mass
DIRECTIONS = 720  # in which an outline's radius is given


@dataclasses.dataclass(frozen=True)
class Mass:
    """A mass, the same in all views of its breast but for its place."""

    radius: float  # mm
    contrast: float  # grey value above the tissue's
    margin: float  # mm over which it fades
    long: float  # the longer by the shorter axis
    outline: tuple[float, ...]  # amplitude by wave number, from 2 on, as a share of the radius
    spicules: int


@dataclasses.dataclass(frozen=True)
class Breast:
    """What the views of a breast have in common; sizes are shares of the film's."""

    depth: float  # from chest wall to nipple
    half_height: float
    density: float  # 0 (fat) to 1 (gland)
    brightness: float
    masses: tuple[Mass, ...]


def draw_breast(malignant: tuple[bool, ...], rng: Generator) -> Breast:
    """Draw a breast with one mass for each entry of ``malignant``."""
    return Breast(
        depth=rng.uniform(0.55, 0.82),
        half_height=rng.uniform(0.3, 0.4),
        density=rng.uniform(0.15, 0.9),
        brightness=rng.uniform(0.85, 1.1),
        masses=tuple(_draw_mass(bad, rng) for bad in malignant),
    )


def _draw_mass(malignant: bool, rng: Generator) -> Mass:
    """Draw a mass: rough and often spiculated where it is malignant, oval and smooth where it is not."""
    rough = rng.uniform(0.05, 0.14) if malignant else rng.uniform(0.01, 0.05)
    return Mass(
        radius=rng.uniform(6, 14),
        contrast=rng.uniform(0.06, 0.19),
        margin=rng.uniform(0.8, 4),
        long=rng.uniform(1, 1.3) if malignant else rng.uniform(1, 1.7),
        outline=tuple(rng.normal(0, rough, 9) / np.sqrt(np.arange(1, 10))),
        spicules=int(rng.integers(9, 22)) if malignant and rng.random() < 0.7 else 0,
    )


def render(
    breast: Breast, side: str, view: str, size: tuple[int, int], pixel: float, rng: Generator
) -> tuple[Field, list[npt.NDArray[np.bool_]]]:
    """Return the film of ``size`` (rows, columns), 0 to 1, and the mask of every mass; ``pixel`` is in mm.

    The chest wall is at the left of a LEFT breast and at the right of a RIGHT one.
    """
    y, x = np.meshgrid(
        (np.arange(size[0], dtype=np.float32) - (size[0] - 1) / 2) * pixel,
        np.arange(size[1], dtype=np.float32) * pixel,
        indexing="ij",
    )
    height, width = size[0] * pixel, size[1] * pixel
    depth, nipple = breast.depth * width, (0.1 * height if view == "MLO" else 0.0)
    inside = _outline(y - nipple, x, depth, breast.half_height * height, view, rng)
    image = _tissue(breast, y - nipple, x, depth, inside, pixel, rng)
    if view == "MLO":
        _paint_muscle(image, y + height / 2, x, (rng.uniform(0.3, 0.5) * width, rng.uniform(0.4, 0.6) * height), rng)
    masks = []
    for mass, (row, column) in zip(breast.masses, _places(breast, depth, height, rng), strict=True):
        masks.append(_paint_mass(image, mass, y - nipple - row, x - column, pixel, rng))
    share = soft(inside, 1.5)
    film = FILM + share * (np.clip(image, 0, None) * breast.brightness - FILM)
    grain = ndimage.gaussian_filter(rng.standard_normal(size, dtype=np.float32), 0.7)
    film += grain * rng.uniform(0.012, 0.03)
    if side == "RIGHT":
        film, masks = film[:, ::-1].copy(), [mask[:, ::-1].copy() for mask in masks]
    _label(film, side, view)
    return np.clip(film, 0, 1), masks


def _outline(y: Field, x: Field, depth: float, half: float, view: str, rng: Generator) -> Field:
    """Return how deep in the breast each pixel lies in mm, negative outside; oblique views show the armpit's side."""
    above = 1.75 if view == "MLO" else 1.0
    halves = np.where(y < 0, half * above, half)
    bent = 1 + 0.05 * np.sin(y / half * rng.uniform(2, 4) + rng.uniform(0, 2 * np.pi))
    distance = np.hypot(np.abs(y / halves) ** 1.2, x / (depth * bent))
    inside: Field = (1 - distance) * min(depth, half)
    return inside


def _tissue(breast: Breast, y: Field, x: Field, depth: float, inside: Field, pixel: float, rng: Generator) -> Field:
    """Return fat that thins out to the skin, gland with lumps, and strands that run towards the nipple."""
    fat = 0.32 * np.sqrt(np.clip(inside / 22, 0, 1))
    centre = 0.45 * depth
    envelope = np.clip(1.3 - np.hypot(y / (0.62 * depth), (x - centre) / (0.55 * depth)), 0, 1)
    lumps = sum(weight * _noise(y.shape, width / pixel, rng) for weight, width in ((0.6, 9), (0.5, 4), (0.3, 1.5)))
    gland = envelope / (1 + np.exp(-2.5 * (lumps + 2.2 * breast.density - 1.1)))
    strands = _strands(y, x - 1.2 * depth, pixel, rng)
    skin = np.exp(-(((inside - 1.2) / 0.8) ** 2))
    tissue: Field = fat + gland * (0.22 + 0.14 * breast.density + 0.04 * strands) + 0.025 * strands * fat + 0.1 * skin
    return tissue


def _strands(y: Field, x: Field, pixel: float, rng: Generator) -> Field:
    """Return a texture, of mean 0, along bent rays from a point before the nipple, where ``y`` and ``x`` are 0."""
    table = ndimage.gaussian_filter(rng.standard_normal((300, 40), dtype=np.float32), (0.8, 1.5), mode="wrap")
    down, right = (4 * _noise(y.shape, 12 / pixel, rng) for _ in range(2))
    angle = (np.arctan2(y + down, -x - right) / np.pi + 1) / 2 * 299
    away = np.hypot(y + down, x + right) / 5
    strands: Field = ndimage.map_coordinates(table / table.std(), [angle, away], order=1, mode="wrap")
    return strands


def _noise(size: tuple[int, ...], sigma: float, rng: Generator) -> Field:
    """Return noise of mean 0 and deviation 1, smoothed by ``sigma`` pixels: on a coarse grid, having nothing fine."""
    step = max(1, int(sigma / 2))
    coarse = rng.standard_normal([-(-count // step) + 3 for count in size], dtype=np.float32)
    smooth = ndimage.gaussian_filter(coarse, sigma / step)
    width, height = (count * step for count in smooth.shape[::-1])
    fine = cv2.resize(smooth, (width, height), interpolation=cv2.INTER_CUBIC)
    cut = np.asarray(fine, dtype=np.float32)[: size[0], : size[1]]
    noise: Field = (cut - cut.mean()) / cut.std()
    return noise


def _paint_muscle(image: Field, y: Field, x: Field, corner: tuple[float, float], rng: Generator) -> None:
    """Paint the pectoral muscle: a triangle in the upper corner at the chest wall, a little curved."""
    right, down = corner
    along = x / right + y / down
    curved = (1 - along - 0.08 * np.sin(np.pi * np.clip(y / down, 0, 1))) * min(corner)
    paint(image, 0.9 * soft(curved, 3), rng.uniform(0.5, 0.72))


def _places(breast: Breast, depth: float, height: float, rng: Generator) -> list[tuple[float, float]]:
    """Return y from the nipple and x of every mass, in the breast and apart from one another."""
    half = breast.half_height * height
    places: list[tuple[float, float]] = []
    for number, mass in enumerate(breast.masses):
        column = rng.uniform(0.25, 0.65) * depth
        reach = half * np.sqrt(1 - (column / depth) ** 2) - 1.3 * mass.radius
        upper = -1 if number % 2 else 1
        least = 1.6 * mass.radius if len(breast.masses) > 1 else 0.0
        places.append((upper * rng.uniform(min(least, 0.9 * reach), 0.9 * reach), column))
    return places


def _paint_mass(image: Field, mass: Mass, y: Field, x: Field, pixel: float, rng: Generator) -> npt.NDArray[np.bool_]:
    """Brighten the mass and its spicules; return its mask, which leaves the spicules out."""
    turn = rng.uniform(0, 2 * np.pi)
    sine, cosine = np.sin(turn), np.cos(turn)
    along, across = x * cosine + y * sine, y * cosine - x * sine
    stretch = np.sqrt(mass.long)
    far, angle = np.hypot(along / stretch, across * stretch), np.arctan2(across * stretch, along / stretch)
    round_about = np.linspace(-np.pi, np.pi, DIRECTIONS)
    radius = np.full(DIRECTIONS, mass.radius)
    for wave, amplitude in enumerate(mass.outline, start=2):
        radius += mass.radius * amplitude * np.cos(wave * round_about + wave * turn)
    depth = np.interp(angle, round_about, radius).astype(np.float32) - far
    image += mass.contrast * soft(depth, mass.margin)
    for direction in np.arange(mass.spicules) * 2 * np.pi / max(mass.spicules, 1) + rng.normal(0, 0.1, mass.spicules):
        beside = far * np.sin(angle - direction)
        ahead = far * np.cos(angle - direction)
        reach = mass.radius * rng.uniform(1.3, 2.2)
        line = soft(0.35 - np.abs(beside), pixel) * soft(reach - ahead, 4) * (ahead > 0.5 * mass.radius)
        image += 0.5 * mass.contrast * line
    drawn: npt.NDArray[np.bool_] = depth + DRAWN_BEYOND > 0
    return drawn


def _label(film: Field, side: str, view: str) -> None:
    """Write side and view into the upper corner away from the chest wall, as lead letters leave them on the film."""
    rows, columns = film.shape
    scale, text = columns / 520, f"{side[0]} {view}"
    (wide, high), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    left = columns - wide - columns // 20 if side == "LEFT" else columns // 20
    letters = np.zeros((rows, columns), dtype=np.uint8)
    cv2.putText(letters, text, (left, high + rows // 25), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 1, cv2.LINE_AA)
    film += letters / np.float32(255) * (0.95 - film)
