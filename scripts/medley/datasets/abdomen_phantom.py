"""Made-up axial MRI of an abdomen at 0.35 T, with masks of stomach and bowels.

Not a simulation: shapes, places and grey values that a reader of such images expects, with what makes them
hard: loops that touch, gas and chyme of any brightness, vessels and muscles that look like bowel, a coil that
fades inwards, noise, and outlines as an expert draws them, a little beside the organ and across the gaps
between loops, so that masks of neighbouring organs overlap. Coordinates and units as in ``abdomen_patient``.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medley.datasets.abdomen_patient import LARGE_BOWEL, SMALL_BOWEL, STOMACH, Generator, Organ, Patient
from medley.datasets.drawing import Field, paint, soft

WALL = 2.5  # mm
WALL_GREY = 0.3
DRAWN_BEYOND = {LARGE_BOWEL: 1.5, SMALL_BOWEL: 2.5, STOMACH: 1.5}  # mm
SMALLEST = 120.0  # mm²: less is not drawn
NOT_INSIDE = -50.0  # mm


def render(
    patient: Patient, size: tuple[int, int], pixel: float, t: float, rng: Generator
) -> tuple[Field, npt.NDArray[np.uint8]]:
    """Return the image of the slice at ``t`` and its mask, both of ``size`` (rows, columns); ``pixel`` is in mm.

    The mask is the sum of the kinds of organ that are drawn in a pixel.
    """
    y, x = _bent(patient, size, pixel, t)
    texture = ndimage.gaussian_filter(rng.standard_normal(size, dtype=np.float32), 2.5 / pixel)
    texture /= texture.std()
    image, cavity = _body(patient, y, x, pixel)
    depths = {kind: np.full(size, NOT_INSIDE, dtype=np.float32) for kind in DRAWN_BEYOND}
    for organ in patient.organs:
        depth = _depth(organ, t, y, x)
        if depth is None:
            continue
        if organ.kind:
            depth = np.minimum(depth, cavity)
        _paint_organ(image, organ, depth, y - organ.centre[1], texture, pixel)
        if organ.kind:
            np.maximum(depths[organ.kind], depth, out=depths[organ.kind])
    mask = np.zeros(size, dtype=np.uint8)
    for kind, depth in depths.items():
        mask += np.uint8(kind) * _drawn(depth, kind, pixel, rng)
    return _scanned(image, patient, y, x, rng), mask


def _bent(patient: Patient, size: tuple[int, int], pixel: float, t: float) -> tuple[Field, Field]:
    """Return y and x of every pixel, bent by the patient's waves so that no outline is an ellipse."""
    y, x = np.meshgrid(
        *((np.arange(count, dtype=np.float32) - (count - 1) / 2) * pixel for count in size), indexing="ij"
    )
    bent = [y.copy(), x.copy()]
    for number, (along_y, along_x, along_t, phase, far) in enumerate(patient.waves):
        bent[number % 2] += far * np.sin(along_y * y + along_x * x + along_t * t + phase)
    return bent[0], bent[1]


def _body(patient: Patient, y: Field, x: Field, pixel: float) -> tuple[Field, Field]:
    """Return air, skin fat, the belly's muscles and the fat inside them; and how deep in that a pixel lies, in mm."""
    height, width = patient.body
    image = np.full(y.shape, 0.01, dtype=np.float32)
    outline = np.sqrt((y / height) ** 2 + (x / width) ** 2)
    for layer, grey in ((0.0, 1.0), (patient.fat, 0.2), (patient.fat + 6, patient.fat_inside)):
        depth = (1 - outline) * height - layer
        paint(image, soft(depth, pixel), grey)
    return image, depth


def _depth(organ: Organ, t: float, y: Field, x: Field) -> Field | None:
    """Return how deep in the organ each pixel lies in mm, negative outside; None where the slice misses it."""
    along = (t - organ.centre[0]) / organ.axes[0]
    if abs(along) >= 1:
        return None
    share = np.sqrt(1 - along**2)
    down = y - organ.centre[1] - 0.5 * along * organ.lean[0]
    right = x - organ.centre[2] - 0.5 * along * organ.lean[1]
    sine, cosine = np.sin(organ.turn), np.cos(organ.turn)
    radii = share * organ.axes[1], share * organ.axes[2]
    distance = np.hypot((down * cosine - right * sine) / radii[0], (down * sine + right * cosine) / radii[1])
    depth: Field = (1 - distance) * min(radii)
    return depth


def _paint_organ(image: Field, organ: Organ, depth: Field, down: Field, texture: Field, pixel: float) -> None:
    """Paint a solid organ, or wall, contents and, in front of these, gas of a hollow one."""
    inside = soft(depth, pixel)
    if not organ.kind:
        paint(image, inside, organ.grey * (1 + 0.06 * texture))
        return
    paint(image, inside, WALL_GREY)
    within = soft(depth - WALL, pixel)
    paint(image, within, np.clip(organ.grey + 0.09 * texture, 0.03, None))
    level = (2 * organ.gas - 1) * organ.axes[1]
    paint(image, within * soft(level - down, pixel) * bool(organ.gas), 0.04)


def _drawn(depth: Field, kind: int, pixel: float, rng: Generator) -> npt.NDArray[np.bool_]:
    """Return where an expert draws organs of one kind: not to the pixel, and with no outline for a speck."""
    hand = ndimage.gaussian_filter(rng.standard_normal(depth.shape, dtype=np.float32), 7 / pixel)
    wide = depth + DRAWN_BEYOND[kind] + 1.2 * hand / hand.std() > 0
    closed = ndimage.binary_closing(np.pad(wide, 4), iterations=max(1, round(3 / pixel)))[4:-4, 4:-4]
    parts, count = ndimage.label(closed)
    if not count:
        return closed
    large = np.bincount(parts.ravel()) * pixel**2 >= SMALLEST
    large[0] = False
    drawn: npt.NDArray[np.bool_] = large[parts]
    return drawn


def _scanned(image: Field, patient: Patient, y: Field, x: Field, rng: Generator) -> Field:
    """Return ``image`` as the scanner shows it: coil, blur and noise (correlated, as scanners interpolate)."""
    height, width = patient.body
    from_middle = (y / height) ** 2 + (x / width) ** 2
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.35)
    sideways = strength * (np.sin(angle) * y / height + np.cos(angle) * x / width)
    coil = np.clip(0.6 + 0.35 * from_middle + sideways, 0.15, 2)
    blurred = ndimage.gaussian_filter(image * coil, 0.5)
    noise = rng.standard_normal((2, *image.shape), dtype=np.float32) * rng.uniform(0.02, 0.045)
    real, imaginary = ndimage.gaussian_filter(noise, (0, 0.6, 0.6))
    magnitude: Field = np.hypot(blurred + real, imaginary)
    return magnitude
