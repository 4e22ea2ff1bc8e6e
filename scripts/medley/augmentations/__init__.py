"""Augmentations by name: each is a module of this package with a function ``build(**options)``.

It returns a list of albumentations' transforms, to be applied one after another. One that is not for every scale
of grey values names the recipes' intensities that it is for in ``INTENSITIES``. albumentations takes longer to import
than torch, so that only these modules do.
"""

import os
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from medley import registry

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.uint8]

# Without it albumentations asks the network for a newer version whenever it is imported.
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"


class Augmentation:
    """Random changes to a slice or volume and its mask. All that is random comes from the generator of the call."""

    def __init__(self, transforms: Sequence[Any]) -> None:
        """Take albumentations' ``transforms``, to be applied one after another."""
        import albumentations
        import cv2

        cv2.setNumThreads(1)  # a training has as many processors as it was given, and uses them for its network
        self.transforms = albumentations.Compose(transforms)

    def __call__(self, image: Floats, mask: Mask, generator: np.random.Generator) -> tuple[Floats, Mask]:
        """Return ``image`` (channels, …) and ``mask`` (…) changed alike; … are rows and columns, or slices before them.

        Slices of a volume are changed alike: for the transforms they are channels of one slice. The mask keeps its
        values: nearest neighbours, 0 where there was nothing.
        """
        if mask.ndim == 3:
            channels, slices, *plane = image.shape
            planes, masks = self._changed(image.reshape(-1, *plane), np.moveaxis(mask, 0, -1), generator)
            return planes.reshape(channels, slices, *plane), np.moveaxis(masks, -1, 0)
        return self._changed(image, mask, generator)

    def _changed(self, image: Floats, mask: Mask, generator: np.random.Generator) -> tuple[Floats, Mask]:
        """Return ``image`` (channels, rows, columns) and ``mask`` (rows, columns[, masks]) changed alike."""
        # Not set_random_seed: it starts every transform at the same number, so that what is flipped is also noisy.
        self.transforms.set_random_state(generator, random.Random(int(generator.integers(2**63))))
        channels_last = np.ascontiguousarray(np.moveaxis(image, 0, -1))
        changed = self.transforms(image=channels_last, mask=np.ascontiguousarray(mask))
        return np.moveaxis(changed["image"], -1, 0), changed["mask"]


def build(specification: registry.Specification) -> Augmentation:
    """Return the augmentation that a name, or ``{name: …, option: …}``, stands for."""
    module, options = registry.load("augmentations", specification)
    return Augmentation(module.build(**options))
