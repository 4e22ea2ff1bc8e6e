"""Phantoms of chest X-rays in the public collection's layout, ``CXR_png`` and ``masks``.

``patients`` pictures of Shenzhen and a third as many of Montgomery, at least 4; every second chest has tuberculosis.
Of each twelve of Shenzhen's the tenth has a mask of nearly everything, the eleventh a mask along the border, and
the twelfth is the sixth again, brightened: for the inspection to find.
"""

from functools import partial
from pathlib import Path

import numpy as np

from medley.datasets import chest_phantom
from medley.datasets.picture_drawing import Generator, Picture, counts, draw_part, write_mask, write_picture

HOSPITALS = {"training": "CHNCXR", "testing": "MCUCXR"}
SIZES = {"training": ((256, 256), (256, 238), (232, 256), (256, 248)), "testing": ((256, 256),)}  # by picture


def make_phantom(folder: Path, patients: int, scale: float, seed: int) -> None:
    """Write phantoms into ``folder``. ``scale`` multiplies rows and columns.

    A picture depends on ``seed`` and its own number only.
    """
    for part, count in counts(patients).items():
        hospital = HOSPITALS[part]
        pictures = draw_part(part, count, seed, partial(_draw, part, scale))
        for number, (pixels, inside) in enumerate(pictures):
            name = f"{hospital}_{number + 1:04d}_{_finding(number)}"
            suffix = "_mask" if part == "training" else ""
            write_picture(folder / "CXR_png" / f"{name}.png", pixels)
            write_mask(folder / "masks" / f"{name}{suffix}.png", inside)


def _finding(number: int) -> int:
    """Return 0 for a normal chest, 1 for one with tuberculosis."""
    return number % 2


def _draw(part: str, scale: float, number: int, rng: Generator) -> Picture:
    """Return the picture of one patient and where the lungs are."""
    rows, columns = SIZES[part][number % len(SIZES[part])]
    size = round(rows * scale), round(columns * scale)
    chest = chest_phantom.draw_chest(bool(_finding(number)), rng)
    scanner = chest_phantom.draw_scanner(HOSPITALS[part], rng)
    image, inside = chest_phantom.render(chest, scanner, size, 1 / scale, rng)
    return np.rint(255 * image).astype(np.uint8), inside
