"""Corrections of one prediction: ragged edges smoothed, all but the largest component removed, holes filled."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medley.encoding import Probabilities

Mask = npt.NDArray[np.bool_]

SMOOTHING, LARGEST, HOLES = "smoothing", "largest component", "hole filling"
SIGMA = 1.0  # of the smoothing, voxels in plane
SIDES_IN_PLANE = np.pad(ndimage.generate_binary_structure(2, 1)[None], ((1, 1), (0, 0), (0, 0)))
TOUCHING = np.ones((3, 3, 3))  # a voxel touches all 26 around it: slices of two breath-holds may be shifted


class Operation(NamedTuple):
    """One correction of one label, or of all labels together (``label`` None)."""

    name: str
    label: str | None


def operations(labels: Sequence[str]) -> list[Operation]:
    """Return the corrections there are of a prediction of ``labels``, in the order in which they are made.

    Smoothing comes first, as it alone needs probabilities.
    """
    together = [Operation(LARGEST, None)] if len(labels) > 1 else []
    each = [Operation(name, label) for name in (LARGEST, HOLES) for label in labels]
    return [Operation(SMOOTHING, None), *together, *each]


def smooth(probabilities: Probabilities) -> Probabilities:
    """Return probabilities (channels, slices, rows, columns) after a Gaussian filter in the plane of each slice.

    Not across slices, which lie several times as far apart as voxels in plane. The channels of a voxel keep their sum.
    """
    found: Probabilities = ndimage.gaussian_filter(probabilities, (0, 0, SIGMA, SIGMA), mode="nearest")
    return found


def correct(operation: Operation, masks: Mask, labels: Sequence[str]) -> Mask:
    """Return ``masks``, bool (labels, slices, rows, columns), after an operation other than smoothing.

    What is removed becomes background, and only background is filled: no label gains from another.
    """
    if operation.label is None:
        return masks & largest_component(np.logical_or.reduce(masks))
    place = list(labels).index(operation.label)
    changed = masks.copy()
    if operation.name == LARGEST:
        changed[place] = largest_component(masks[place])
    else:
        changed[place] |= holes(masks[place]) & ~masks.any(axis=0)
    return changed


def largest_component(mask: Mask) -> Mask:
    """Return the component of ``mask`` (slices, rows, columns) with most voxels, the first of equal ones."""
    components, count = ndimage.label(mask, structure=TOUCHING)
    if count < 2:
        return mask
    sizes = np.bincount(components.ravel())
    sizes[0] = 0
    found: Mask = components == sizes.argmax()
    return found


def holes(mask: Mask) -> Mask:
    """Return the voxels that ``mask`` (slices, rows, columns) encloses in the plane of a slice.

    Enclosed is what no path over the sides of voxels leads out of to the edge of the slice.
    """
    if not mask.any():
        return mask
    components, count = ndimage.label(~mask, structure=SIDES_IN_PLANE)
    outside = np.zeros(count + 1, dtype=bool)
    outside[0] = True  # the mask itself
    for edge in (components[:, 0], components[:, -1], components[:, :, 0], components[:, :, -1]):
        outside[edge] = True
    found: Mask = ~outside[components]
    return found
