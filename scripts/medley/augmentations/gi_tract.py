"""Augmentation of the gi_tract study's last networks, for images in [0, 1].

The authors name parameters of an old albumentations. The present one takes them with a warning and does something
else, so here stands what has their effect in it (2.0):

- ``ShiftScaleRotate(shift_limit=0.03, rotate_limit=20, p=0.85)`` also scaled by up to a tenth, its default:
  ``Affine`` with all three.
- ``ElasticTransform(alpha=1, sigma=50, alpha_affine=10, p=0.5)``: a displacement with alpha 1 and sigma 50 is
  0.003 pixels, none that is. What it did is ``alpha_affine``, gone from the present one: it moved three corners of
  a square by up to 10 pixels, ``MovedCorners``.
- ``GridDistortion(num_steps=5, distort_limit=0.1, p=0.5)``: unless ``normalized=False``, pixels move half as far by
  now. The rows and columns that are left over by five cells (4 of 224) mostly become 0, where they were stretched.
- One of the last two with p 0.2: unchanged.
- ``GaussNoise(var_limit=(0.0001, 0.004), p=0.7)``: the standard deviation is given now, square roots of these, and is
  what is drawn evenly. On the authors' images of 8 bits it did nearly nothing; meant are images in [0, 1].
- ``Blur(blur_limit=3, p=0.3)``, and one of noise and blur with p 0.5: unchanged.
- ``Flip(p=0.5)``, horizontal, vertical or both, a third each, is gone: one of these three.

``CLAHE(clip_limit=2.0, always_apply=True)`` drew its limit from 1 to 2 at each call; here it is the recipe's
``clahe: 2.0``, once for all. Networks see one channel three times, hence with the same noise; the authors' noise
differed between channels.
"""

from typing import Any

import albumentations
import cv2
import numpy as np

INTENSITIES = ("minmax",)
MOVED = 10.0  # pixels, at most, along rows and along columns


class MovedCorners(albumentations.Affine):  # type: ignore[misc]  # it has no types
    """The affine map that moves three corners of a square about the centre, each by up to MOVED pixels.

    Half the square's side is a third of the image's shorter one.
    """

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Return the map for an image of the shape in ``params``."""
        rows, columns = params["shape"][:2]
        centre, half = np.array([columns // 2, rows // 2]), min(rows, columns) // 3
        corners = centre + half * np.array([[1, 1], [1, -1], [-1, -1]])
        moved = corners + self.random_generator.uniform(-MOVED, MOVED, corners.shape)
        matrix = cv2.getAffineTransform(corners.astype(np.float32), moved.astype(np.float32))
        return {"matrix": np.vstack([matrix, [0, 0, 1]]), "output_shape": (rows, columns)}


def build() -> list[Any]:
    """Return the transforms."""
    both = albumentations.Sequential([albumentations.HorizontalFlip(p=1), albumentations.VerticalFlip(p=1)], p=1)
    flips = [albumentations.HorizontalFlip(p=1), albumentations.VerticalFlip(p=1), both]
    grid = albumentations.GridDistortion(num_steps=5, distort_limit=0.1, normalized=False, fill=0, fill_mask=0, p=0.5)
    return [
        shift_scale_rotate(),
        albumentations.OneOf([MovedCorners(fill=0, fill_mask=0, p=0.5), grid], p=0.2),
        noise_or_blur(),
        albumentations.OneOf(flips, p=0.5),
    ]


def shift_scale_rotate() -> Any:
    """Return a shift by up to 3 %, a scaling by up to 10 % and a rotation by up to 20°, with probability 0.85."""
    return albumentations.Affine(
        scale=(0.9, 1.1),
        keep_ratio=True,
        translate_percent=(-0.03, 0.03),
        rotate=(-20, 20),
        fill=0,
        fill_mask=0,
        p=0.85,
    )


def noise_or_blur() -> Any:
    """Return, with probability 0.5, noise (seven times in ten) or a mean over 3×3 pixels."""
    noise = albumentations.GaussNoise(std_range=(0.01, 0.06325), p=0.7)
    return albumentations.OneOf([noise, albumentations.Blur(blur_limit=3, p=0.3)], p=0.5)
