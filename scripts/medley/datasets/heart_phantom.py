"""Made-up short-axis cine MRI of a heart in a chest, with its mask.

Not a simulation: shapes whose sizes, motion and grey values are those that a reader of such images
expects, and enough clutter (vessels, bowel, fat, papillary muscles, fading contrast) that a network
has to learn the heart rather than a threshold. Coordinates and units as in ``heart_patient``.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medley.datasets.drawing import Field, paint, soft
from medley.datasets.heart_patient import Generator, Organ, Patient

RIGHT_VENTRICLE, MYOCARDIUM, LEFT_VENTRICLE = 1, 2, 3  # as ACDC has them


def render(patient: Patient, systole: bool, rng: Generator) -> tuple[Field, npt.NDArray[np.uint8]]:
    """Return image (relative to blood) and mask at end diastole or end systole.

    Both have the shape (slices, rows, columns); ``rng`` draws the noise.
    """
    rows, columns, slices = patient.size
    y = np.arange(rows, dtype=np.float32)[None, :, None] * patient.spacing[0] - patient.centre[0]
    x = np.arange(columns, dtype=np.float32)[None, None, :] * patient.spacing[1] - patient.centre[1]
    descent = 0.9 * patient.shape.shortening * 22 / patient.spacing[2] if systole else 0.0
    valve = patient.base + descent  # the mitral valve moves towards the apex
    t = ((np.arange(slices, dtype=np.float32) + 0.5 - valve) / (patient.apex - valve))[:, None, None]
    y = y + patient.drift[:, :1, None]
    x = x + patient.drift[:, 1:, None]
    bent = patient.warp
    image, cavity = _body(patient, y + 2 * bent[0], x + 2 * bent[1])
    _paint_organs(patient, image, cavity, t, y + 6 * bent[0], x + 6 * bent[1])
    mask = _paint_heart(patient, image, systole, t, y + 1.5 * bent[0], x + 1.5 * bent[1])
    image *= (1 + 0.09 * patient.texture) * patient.bias
    # Scanners interpolate, so the noise of neighbouring pixels is alike.
    noise = rng.standard_normal((2, *image.shape), dtype=np.float32) * patient.noise
    real, imaginary = ndimage.gaussian_filter(noise, (0, 0, 0.6, 0.6))
    image = ndimage.gaussian_filter(image, (0, 0.5, 0.5))
    return np.hypot(image + real, imaginary), mask


def _body(patient: Patient, y: Field, x: Field) -> tuple[Field, Field]:
    """Return skin fat, muscle and lung, and the share of each pixel inside the chest cavity."""
    greys, pixel = patient.greys, patient.spacing[0]
    top, left, height, width = patient.chest
    image = np.full(y.shape, greys["air"], dtype=np.float32)
    angle = np.arctan2(y - top, x - left)
    fat = patient.fat * (1 + 0.6 * np.sin(angle - patient.infarct))
    for shrink, grey in ((0.0, greys["fat"]), (fat, greys["muscle"]), (fat + 10, greys["lung"])):
        outline = np.hypot((y - top) / (height - shrink), (x - left) / (width - shrink))
        cavity = soft((1 - outline) * height, pixel)
        paint(image, cavity, grey)
    return image, cavity


def _paint_organs(patient: Patient, image: Field, cavity: Field, t: Field, y: Field, x: Field) -> None:
    """Paint what lies below the diaphragm, and the vessels, into the chest cavity."""
    pixel = patient.spacing[0]
    below = soft(31 * t - 27 + x + 0.45 * y, 2 * pixel)  # the diaphragm slants, and comes up to the apex
    paint(image, cavity * below, patient.greys["abdomen"] * np.clip(1 + 0.5 * patient.warp[0], 0.2, 2))
    for organ in patient.organs:
        _paint_organ(image, organ, cavity, t, y, x, pixel)


def _paint_organ(image: Field, organ: Organ, cavity: Field, t: Field, y: Field, x: Field, pixel: float) -> None:
    """Paint ``organ`` into the slices that it touches."""
    (t0, y0, x0), (dt, dy, dx) = organ.centre, organ.axes
    touched = np.flatnonzero(np.abs(t[:, 0, 0] - t0) < dt)
    if not touched.size:
        return
    z = slice(touched[0], touched[-1] + 1)
    squares = ((t[z] - t0) / dt) ** 2 + ((y[z] - y0) / dy) ** 2 + ((x[z] - x0) / dx) ** 2
    paint(image[z], soft((1 - np.sqrt(squares)) * min(dy, dx), pixel) * cavity[z], organ.grey)


def _paint_heart(patient: Patient, image: Field, systole: bool, t: Field, y: Field, x: Field) -> npt.NDArray[np.uint8]:
    """Paint the heart into ``image`` and return its mask."""
    greys, pixel = patient.greys, patient.spacing[0]
    angle, radius = np.arctan2(y, x), np.hypot(y, x)
    inner, outer = _left_outlines(patient, systole, t, angle)
    right = _right_depth(patient, systole, t, y, x)
    in_heart = (t >= 0) & (t <= 1)
    in_right = (t >= 0) & (t <= 0.93)

    fat = np.maximum(outer + 5 - radius, right + 5)
    patchy = np.clip(0.5 + ndimage.gaussian_filter(patient.texture, (0, 5 / pixel, 5 / pixel)) * 2, 0, 1)
    paint(image, soft(fat, pixel) * in_heart * patchy, greys["epicardial"])
    paint(image, soft(right + 3, pixel) * in_right, greys["myocardium"])
    trabeculated = greys["right"] * (1 - 0.18 * np.abs(patient.texture))
    paint(image, soft(right, pixel) * in_right, trabeculated)
    paint(image, soft(outer - radius, pixel) * in_heart, greys["myocardium"])
    blood = 1 + 0.05 * ndimage.gaussian_filter(patient.texture, (0, 3 / pixel, 3 / pixel)) * 3
    paint(image, soft(inner - radius, pixel) * in_heart, blood)
    for muscle, size, grey in patient.papillary:
        place = np.maximum(inner - 0.9 * size, 0) * (0.85 if systole else 0.95)
        distance = np.hypot(y - place * np.sin(muscle), x - place * np.cos(muscle))
        present = (t > 0.25) & (t < 0.8) & (inner > radius)
        paint(image, soft(size - distance, pixel) * present, float(grey))

    mask = np.zeros(image.shape, dtype=np.uint8)
    mask[(right > 0) & in_right] = RIGHT_VENTRICLE
    mask[(radius < outer) & in_heart] = MYOCARDIUM
    mask[(radius < inner) & in_heart] = LEFT_VENTRICLE
    return mask


def _left_outlines(patient: Patient, systole: bool, t: Field, angle: Field) -> tuple[Field, Field]:
    """Return the radii (mm) of the left ventricle's inner and outer border in direction ``angle``."""
    shape = patient.shape
    along = np.clip(t, 0, 1)
    profile = np.sqrt(np.maximum(1 - along**2.8, 0)) * (0.92 + 0.08 * np.minimum(along / 0.3, 1))
    harmonics = [a * np.cos(k * angle + phase) for k, (a, phase) in enumerate(patient.wobble, start=2)]
    outline = 1 + np.sum(harmonics, axis=0)
    scar = shape.scar * _bump(angle - patient.infarct, 0.8) * (along > 0.25)
    wall = shape.wall * (1 + shape.asymmetry * np.cos(angle - patient.septum)) * (1 - 0.7 * scar)
    outer = (shape.radius + shape.wall) * profile * outline
    inner = np.maximum(outer - wall * (0.75 + 0.25 * profile), 0)
    if not systole:
        return inner, outer
    # The muscle keeps its area, so the outer border follows from the inner one.
    area = outer**2 - inner**2
    inner = np.maximum(inner * (1 - shape.shortening * (1 - scar)), 0)
    return inner, np.sqrt(inner**2 + area * 1.05)


def _right_depth(patient: Patient, systole: bool, t: Field, y: Field, x: Field) -> Field:
    """Return the depth (mm, negative outside) in the right ventricle's ellipse around the septum.

    The left ventricle, painted over it, leaves the crescent.
    """
    shape = patient.shape
    along = np.clip(t, 0, 1)
    profile = np.sqrt(np.maximum(1 - (along / 0.97) ** 2.0, 0))
    squeeze = 0.88 - 0.5 * shape.shortening if systole else 1.0
    left = 0.5 * (shape.radius + shape.wall) + 17
    across = left * 1.15 * shape.right * profile * (0.5 + 0.5 * squeeze)
    deep = left * 0.85 * shape.right * profile * squeeze
    away = (shape.radius + shape.wall) * 0.72 * np.sqrt(np.maximum(1 - along**2.8, 0.05)) * (0.7 + 0.3 * squeeze)
    sine, cosine = np.sin(patient.septum), np.cos(patient.septum)
    outward = x * cosine + y * sine - away
    sideways = -x * sine + y * cosine
    size = np.maximum(np.minimum(across, deep), 1e-3)
    distance = np.hypot(outward / np.maximum(deep, 1e-3), sideways / np.maximum(across, 1e-3))
    depth: Field = (1 - distance) * size
    return depth


def _bump(angle: Field, width: float) -> Field:
    """Return 1 in direction 0, falling smoothly to 0 about ``width`` radians away."""
    wrapped = np.angle(np.exp(1j * angle))
    bump: Field = np.exp(-((wrapped / width) ** 4))
    return bump
