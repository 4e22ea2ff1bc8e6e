"""Phantoms of dermoscopy in the layout of ISIC 2018 task 1, without its validation part.

``patients`` images to train and a third as many to test, at least 4. Of each twelve to train the tenth has a mask of
nearly everything, the eleventh a mask along the border, and the twelfth is the sixth again, brightened: for the
inspection to find.
"""

from functools import partial
from pathlib import Path

import numpy as np

from medley.datasets import skin_phantom
from medley.datasets.isic2018 import MASK_SUFFIX, images_folder, masks_folder
from medley.datasets.picture_drawing import Generator, Picture, counts, draw_part, write_mask, write_picture

SIZES = ((450, 600), (384, 512), (480, 480), (400, 600), (512, 384))  # rows, columns; by image
FIRST = {"training": 0, "testing": 36000}  # numbers in names


def make_phantom(folder: Path, patients: int, scale: float, seed: int) -> None:
    """Write phantoms into ``folder``. ``scale`` multiplies rows and columns.

    An image depends on ``seed`` and its own number only.
    """
    for part, count in counts(patients).items():
        for number, (pixels, inside) in enumerate(draw_part(part, count, seed, partial(_draw, scale))):
            name = f"ISIC_{FIRST[part] + number:07d}"
            write_picture(folder / images_folder(part) / f"{name}.jpg", pixels)
            write_mask(folder / masks_folder(part) / f"{name}{MASK_SUFFIX}.png", inside)


def _draw(scale: float, number: int, rng: Generator) -> Picture:
    """Return the image of one lesion and where the lesion is."""
    rows, columns = SIZES[number % len(SIZES)]
    image, inside = skin_phantom.render((round(rows * scale), round(columns * scale)), rng)
    return np.rint(image).astype(np.uint8), inside
