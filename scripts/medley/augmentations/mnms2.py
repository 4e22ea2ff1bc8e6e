"""Augmentation of the mnms2 study, for z-scored slices and volumes.

The authors name "random crop, rotation, scaling, mirror, intensity, noise, padding, downsampling" without a number.
Here shift, rotation, scaling and mirror are one map of rows and columns, the same for all slices of a volume: a shift
crops on one side and pads on the other with 0, the mean. Their probabilities and ranges, and those of what is done
to grey values, are nnU-Net's (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z), but for the shift and for the
smaller rotation, since hearts lie nearly alike.

"Histogram matching", an option that they name, would need images of the unseen vendor to match. In its place stands
the random curve of ``histogram``, which needs none.
"""

from collections.abc import Callable
from typing import Any

import albumentations
import numpy as np

from medley.augmentations import _grey_values
from medley.augmentations._grey_values import Floats

INTENSITIES = ("zscore", "percentile")


class GreyValues(albumentations.ImageOnlyTransform):  # type: ignore[misc]  # it has no types
    """A function of ``_grey_values`` with a probability ``p``."""

    def __init__(self, change: Callable[[Floats, np.random.Generator], Floats], p: float) -> None:
        super().__init__(p=p)
        self.change = change

    def apply(self, img: Floats, **_: Any) -> Floats:
        """Return the changed image (rows, columns, channels)."""
        return self.change(img, self.random_generator)


def build() -> list[Any]:
    """Return the transforms."""
    return [
        albumentations.Affine(
            scale=(0.7, 1.4),
            keep_ratio=True,
            translate_percent=(-0.1, 0.1),
            rotate=(-30, 30),
            fill=0,
            fill_mask=0,
            p=0.4,
        ),
        GreyValues(_grey_values.noise, p=0.1),
        GreyValues(_grey_values.brightness, p=0.15),
        GreyValues(_grey_values.contrast, p=0.15),
        GreyValues(_grey_values.downsampling, p=0.25),
        GreyValues(_grey_values.gamma, p=0.3),
        GreyValues(_grey_values.histogram, p=0.3),
        albumentations.HorizontalFlip(p=0.5),
        albumentations.VerticalFlip(p=0.5),
    ]
