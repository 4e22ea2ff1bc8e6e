"""What phantoms of the picture datasets share: fields and lines to draw with, the spoilt ones, and their files.

Coordinates are those of ``grid``; their unit is the phantom's own. ``pixel`` is a pixel's size in it.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from medley.datasets.drawing import Field

Generator = np.random.Generator
Pixels = npt.NDArray[np.uint8]
Inside = npt.NDArray[np.bool_]
Picture = tuple[Pixels, Inside]  # (rows, columns) or (rows, columns, 3), and (rows, columns)

TESTING_SHARE, FEWEST_TESTING = 3, 4
EVERY = 12  # training pictures with one spoilt in each way:
FULL, ALONG_BORDER, DUPLICATE = 9, 10, 11  # which of them
ORIGINAL = 6  # pictures before its duplicate
BRIGHTER = 10  # grey values of 255
JPEG_QUALITY = 92
FINE = 4  # binary digits of a line's place within a pixel


def counts(patients: int) -> dict[str, int]:
    """Return the numbers of pictures in both parts: ``patients`` to train, a third as many to test, but 4 at least."""
    return {"training": patients, "testing": max(FEWEST_TESTING, patients // TESTING_SHARE)}


def draw_part(part: str, count: int, seed: int, draw: Callable[[int, Generator], Picture]) -> Iterator[Picture]:
    """Yield the pictures of a part, whose training pictures are spoilt in three ways, once in twelve each.

    The tenth has a mask of nearly everything, the eleventh one that lies along the border, and the twelfth is the
    sixth again, brightened. ``draw`` makes a picture from its number, from 0, and a generator of ``seed`` and that.
    """
    for number in range(count):
        kind = number % EVERY if part == "training" else None
        source = number - ORIGINAL if kind == DUPLICATE else number
        pixels, inside = draw(source, np.random.default_rng([seed, int(part == "testing"), source]))
        rows, columns = inside.shape
        if kind == DUPLICATE:
            pixels = np.minimum(pixels, 255 - BRIGHTER) + np.uint8(BRIGHTER)
        elif kind == FULL:
            inside = np.ones_like(inside)
            inside[: rows // 40, : columns // 3] = False
        elif kind == ALONG_BORDER:
            inside = np.zeros_like(inside)
            inside[rows * 9 // 20 :] = True
        yield pixels, inside


def grid(size: tuple[int, int], pixel: float) -> tuple[Field, Field]:
    """Return y and x of every pixel, 0 in the middle."""
    axes = ((np.arange(count, dtype=np.float32) - (count - 1) / 2) * pixel for count in size)
    y, x = np.meshgrid(*axes, indexing="ij")
    return y, x


def bent(y: Field, x: Field, far: float, long: float, rng: Generator) -> tuple[Field, Field]:
    """Return coordinates that waves of about ``long`` carry away by about ``far``, so that nothing is an ellipse."""
    moved = [y.copy(), x.copy()]
    for number in range(8):
        angle, phase = rng.uniform(0, 2 * np.pi, 2)
        step = 2 * np.pi / (long * rng.uniform(0.6, 1.6))
        wave = np.sin(step * (np.sin(angle) * y + np.cos(angle) * x) + phase)
        moved[number % 2] += np.float32(far * rng.uniform(0.2, 0.8)) * wave
    return moved[0], moved[1]


def smooth_noise(size: tuple[int, int], width: float, rng: Generator) -> Field:
    """Return noise of mean 0 and standard deviation 1 with grains of ``width`` pixels."""
    # Drawn coarsely where it is smooth: filtering takes time in proportion to its width.
    step = max(1.0, width / 3)
    coarse = tuple(int(np.ceil(count / step)) + 2 for count in size)
    grains = ndimage.gaussian_filter(rng.standard_normal(coarse, dtype=np.float32), width / step)
    field: Field = np.asarray(cv2.resize(grains, (size[1], size[0]), interpolation=cv2.INTER_CUBIC))
    noise: Field = (field - field.mean()) / field.std()
    return noise


def strokes(size: tuple[int, int], lines: Sequence[npt.NDArray[np.floating]], width: float, pixel: float) -> Field:
    """Return the share of each pixel that ``lines`` of ``width`` cover; a line is (points, 2), y and x as in ``grid``.

    Lines thinner than a pixel are fainter instead.
    """
    layer = np.zeros(size, dtype=np.uint8)
    middle = (np.array(size[::-1]) - 1) / 2
    for line in lines:
        points = np.rint((line[:, ::-1] / pixel + middle) * 2**FINE).astype(np.int32)
        cv2.polylines(layer, [points], False, 255, max(1, round(width / pixel)), cv2.LINE_AA, FINE)
    share: Field = layer.astype(np.float32) / 255 * min(1.0, width / pixel)
    return share


def write_picture(path: Path, pixels: Pixels) -> None:
    """Write grey or RGB values as PNG or JPEG, by the ending of ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=JPEG_QUALITY)


def write_mask(path: Path, inside: Inside) -> None:
    """Write a mask as PNG, 0 and 255."""
    write_picture(path, np.where(inside, np.uint8(255), np.uint8(0)))
