"""Augmentation of the gi_tract study's first networks: as ``gi_tract``, without distortion and vertical flips."""

from typing import Any

import albumentations

from medley.augmentations.gi_tract import noise_or_blur, shift_scale_rotate

INTENSITIES = ("minmax",)


def build() -> list[Any]:
    """Return the transforms."""
    return [shift_scale_rotate(), noise_or_blur(), albumentations.HorizontalFlip(p=0.5)]
