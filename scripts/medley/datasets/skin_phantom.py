"""Made-up dermoscopy: skin with a lesion, in colour, with a mask of the lesion.

Not a simulation: shapes and colours that a reader of such images expects, with what makes them hard: borders that
fade, lesions hardly darker than their skin or of several colours, skin that is mottled, spots beside the lesion that
nobody drew, hairs, ink, rulers, bubbles, and corners that the microscope leaves black.

Lengths are hundredths of the image's shorter side, y and x from its middle. Colours are red, green, blue, 0 to 255.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medley.datasets.drawing import Field, paint, soft
from medley.datasets.picture_drawing import Generator, Inside, bent, grid, smooth_noise, strokes

Colour = npt.NDArray[np.float32]  # (..., 3)

SKINS = ((224, 176, 172), (208, 128, 128), (214, 178, 146), (214, 204, 222), (196, 140, 150), (150, 104, 80))
LESIONS = ((96, 56, 44), (58, 44, 46), (142, 70, 50), (176, 92, 98), (120, 84, 70), (110, 66, 84))
PATCHES = ((46, 34, 38), (90, 96, 120), (206, 176, 172), (150, 50, 52))  # black, blue-white veil, scar, blood
HAIRS = ((38, 26, 26), (70, 44, 36), (200, 170, 130))
STEPS = 12  # of a hair that bends
INK = (92, 84, 170)


def render(size: tuple[int, int], rng: Generator) -> tuple[Colour, Inside]:
    """Return an image (0 to 255) of shape (rows, columns, 3) and where its lesion is, both of ``size``."""
    pixel = 100 / min(size)
    y, x = grid(size, pixel)
    image = _skin(y, x, pixel, rng)
    depth = _draw_lesion(image, y, x, pixel, rng)
    _add_spots(image, depth, y, x, rng)
    for happens, add in ((0.55, _add_hairs), (0.15, _add_ink), (0.2, _add_ruler), (0.2, _add_bubbles)):
        if rng.random() < happens:
            add(image, size, y, x, pixel, rng)
    shown = _photographed(image, y, x, pixel, rng)
    return shown, _outlined(depth, pixel, rng)


def _outlined(depth: Field, pixel: float, rng: Generator) -> Inside:
    """Return what an expert outlines: one piece without holes, by hand and a little wide."""
    hand = smooth_noise((depth.shape[0], depth.shape[1]), 6 / pixel, rng)
    pieces, _ = ndimage.label(depth + 0.9 + 0.5 * hand > 0)
    largest = np.bincount(pieces.ravel())[1:].argmax() + 1
    inside: Inside = ndimage.binary_fill_holes(pieces == largest)
    return inside


def _paint(image: Colour, share: Field, colour: npt.ArrayLike) -> None:
    """Blend ``colour`` into ``image``, in place."""
    paint(image, share[..., None], np.asarray(colour, dtype=np.float32))


def _varied(colour: tuple[int, int, int], far: float, rng: Generator) -> Colour:
    """Return a colour about as bright and as red as ``colour``."""
    varied: Colour = np.clip(np.array(colour) + rng.normal(0, far) + rng.normal(0, far / 3, 3), 5, 250)
    return varied.astype(np.float32)


def _skin(y: Field, x: Field, pixel: float, rng: Generator) -> Colour:
    """Return skin: a tone, mottled by vessels and pigment, and fine furrows."""
    size = (y.shape[0], y.shape[1])
    tone = _varied(SKINS[rng.integers(len(SKINS))], 9, rng)
    image = np.broadcast_to(tone, (*size, 3)).copy()
    mottled = rng.uniform(1, 8) * smooth_noise(size, rng.uniform(6, 16) / pixel, rng)
    image += mottled[..., None] * np.array([0.4, 1.0, 0.9], dtype=np.float32)
    furrows = rng.uniform(0.5, 4) * smooth_noise(size, 0.9 / pixel, rng)
    image += furrows[..., None]
    light = rng.normal(0, 0.12) * y / 50 + rng.normal(0, 0.12) * x / 50
    image *= 1 + light[..., None]
    return image


def _draw_lesion(image: Colour, y: Field, x: Field, pixel: float, rng: Generator) -> Field:
    """Paint a lesion and return how deep in it each pixel lies, negative outside."""
    size = (y.shape[0], y.shape[1])
    radius = float(np.exp(rng.uniform(np.log(9), np.log(36))))
    far = max(4.0, 34 - 0.7 * radius)
    down, right = y - rng.normal(0, 0.35 * far), x - rng.normal(0, 0.45 * far)
    down, right = bent(down, right, 0.14 * radius, 1.6 * radius, rng)
    angle, flat = rng.uniform(0, np.pi), rng.uniform(0.6, 1)
    sine, cosine = np.sin(angle), np.cos(angle)
    distance = np.hypot((cosine * down - sine * right) / flat, sine * down + cosine * right)
    ragged = rng.uniform(0.3, 1.6) * smooth_noise(size, rng.uniform(1.5, 4) / pixel, rng)
    depth: Field = radius - distance + ragged
    fading = rng.uniform(1.5, 9)
    strength = rng.uniform(0.3, 0.95)
    share = strength * soft(depth - 0.25 * fading, fading)
    grain = smooth_noise(size, rng.uniform(1, 2.5) / pixel, rng)
    _paint(image, share * np.clip(0.9 + 0.14 * grain, 0, 1), _varied(LESIONS[rng.integers(len(LESIONS))], 12, rng))
    for _ in range(rng.integers(0, 4)):
        patch = soft(smooth_noise(size, rng.uniform(0.2, 0.5) * radius / pixel, rng) - rng.uniform(0.4, 1.2), 0.8)
        _paint(image, 0.7 * share * patch, _varied(PATCHES[rng.integers(len(PATCHES))], 8, rng))
    network = soft(np.abs(smooth_noise(size, 1.4 / pixel, rng)) - 0.5, 0.6)
    _paint(image, 0.25 * share * network * rng.random(), (52, 34, 30))
    return depth


def _add_spots(image: Colour, depth: Field, y: Field, x: Field, rng: Generator) -> None:
    """Add freckles and other small spots away from the lesion."""
    for _ in range(rng.poisson(2.5)):
        top, middle = rng.uniform(-50, 50), rng.uniform(-70, 70)
        radius = rng.uniform(0.8, 4.5)
        spot = soft(1 - np.hypot(y - top, x - middle) / radius, 0.6) * soft(-depth - 3, 2)
        _paint(image, rng.uniform(0.15, 0.7) * spot, _varied(LESIONS[rng.integers(len(LESIONS))], 15, rng))


def _add_hairs(image: Colour, size: tuple[int, int], y: Field, x: Field, pixel: float, rng: Generator) -> None:
    """Add hairs of one colour that bend as they go, most of them in one direction."""
    colour = HAIRS[rng.choice(len(HAIRS), p=(0.5, 0.35, 0.15))]
    towards = rng.uniform(0, 2 * np.pi)
    for _ in range(rng.integers(2, 22)):
        start = np.array([rng.uniform(-60, 60), rng.uniform(-80, 80)])
        course = towards + rng.normal(0, 0.5) + np.cumsum(rng.normal(0, 0.14, STEPS))
        along = rng.uniform(20, 90) / STEPS
        line = start + along * np.cumsum(np.stack([np.sin(course), np.cos(course)], axis=1), axis=0)
        _paint(image, 0.85 * strokes(size, [line], rng.uniform(0.3, 0.8), pixel), colour)


def _add_ink(image: Colour, size: tuple[int, int], y: Field, x: Field, pixel: float, rng: Generator) -> None:
    """Add part of the circle that somebody drew round the lesion with a pen."""
    angles = rng.uniform(0, 2 * np.pi) + np.linspace(0, rng.uniform(0.6, 1.8), 14)
    far = rng.uniform(44, 62) * (1 + np.cumsum(rng.normal(0, 0.02, 14)))
    line = np.stack([0.9 * far * np.sin(angles), 1.2 * far * np.cos(angles)], axis=1)
    worn = np.clip(0.6 + 0.4 * smooth_noise(size, 1.2 / pixel, rng), 0, 1)
    _paint(image, 0.8 * worn * strokes(size, [line], rng.uniform(2, 4.5), pixel), INK)


def _add_ruler(image: Colour, size: tuple[int, int], y: Field, x: Field, pixel: float, rng: Generator) -> None:
    """Add a scale in mm at the lower border."""
    row, left, step = rng.uniform(36, 46), rng.uniform(-45, -10), rng.uniform(2.5, 4)
    slope = rng.normal(0, 0.08)
    places = left + step * np.arange(rng.integers(8, 16))
    lines = [
        np.array([[row + slope * place - (3.2 if number % 5 == 0 else 1.8), place], [row + slope * place, place]])
        for number, place in enumerate(places)
    ]
    lines.append(np.array([[row + slope * places[0], places[0]], [row + slope * places[-1], places[-1]]]))
    _paint(image, 0.9 * strokes(size, lines, 0.5, pixel), (30, 28, 32))


def _add_bubbles(image: Colour, size: tuple[int, int], y: Field, x: Field, pixel: float, rng: Generator) -> None:
    """Add bubbles of the gel: a bright rim with a highlight."""
    for _ in range(rng.integers(2, 9)):
        distance = np.hypot(y - rng.uniform(-50, 50), x - rng.uniform(-70, 70))
        radius = rng.uniform(1, 5)
        rim = np.exp(-(((distance - radius) / 0.5) ** 2)) * rng.uniform(0.3, 0.8)
        _paint(image, rim.astype(np.float32), (250, 244, 244))
        _paint(image, 0.12 * soft(radius - distance, 1), (250, 250, 250))


def _photographed(image: Colour, y: Field, x: Field, pixel: float, rng: Generator) -> Colour:
    """Return ``image`` as the camera shows it: blur, noise, and corners dark or black."""
    shown = ndimage.gaussian_filter(image, (rng.uniform(0.15, 0.5) / pixel, rng.uniform(0.15, 0.5) / pixel, 0))
    shown += rng.normal(0, rng.uniform(0.8, 3), image.shape).astype(np.float32)
    distance = np.hypot(y, x)
    corner = float(distance.max())
    shown *= (1 - rng.uniform(0, 0.35) * (distance / corner) ** 3)[..., None]
    if rng.random() < 0.25:  # the rim of the microscope
        _paint(shown, soft(distance - rng.uniform(0.72, 0.9) * corner, rng.uniform(1, 6)), (8, 6, 8))
    photographed: Colour = np.clip(shown, 0, 255).astype(np.float32)
    return photographed
