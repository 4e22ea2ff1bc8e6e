"""Metrics of one case and label: overlap, volumes and surface distances on the native grid.

Both masks empty: every metric is not a number. One empty: dice, iou, nsd, and precision or recall,
whichever is defined, are 0, and distances are the image's diagonal.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from medley.metrics import overlap, surface

Mask = npt.NDArray[np.bool_]

NAMES = (*overlap.NAMES, *surface.NAMES)


def case_metrics(truth: Mask, prediction: Mask, spacing: Sequence[float], tolerance: float | None) -> dict[str, float]:
    """Return every metric of ``prediction`` against ``truth``, both bool (slices, rows, columns).

    ``spacing`` (mm) is in the order of the axes, ``tolerance`` (mm) is that of nsd, which is not a
    number without one. hd, hd95 and assd are in mm, volume and volume_difference in ml, the rest are
    shares. An image of one slice is measured in its plane, and has no volume (not a number): how thick it is, its
    file need not say. Raises ValueError when shapes differ.
    """
    if truth.shape != prediction.shape:
        raise ValueError(f"truth has shape {truth.shape}, prediction {prediction.shape}")
    box = union_box(truth, prediction)
    if box is None:
        return dict.fromkeys(NAMES, np.nan)
    measured = overlap.metrics(truth[box], prediction[box], spacing)
    if len(truth) == 1:  # in space each of its voxels would be a border voxel
        truth, prediction, spacing, box = truth[0], prediction[0], spacing[1:], box[1:]
        measured |= dict.fromkeys(overlap.VOLUMES, np.nan)
    if not (truth[box].any() and prediction[box].any()):
        return measured | surface.metrics_of_one_empty(truth.shape, spacing, tolerance)
    return measured | surface.metrics(truth[box], prediction[box], spacing, tolerance)


def union_box(truth: Mask, prediction: Mask) -> tuple[slice, ...] | None:
    """Return the smallest box around both masks (slices, rows, columns), None when both are empty."""
    slices = _extent(np.logical_or(truth.any(axis=(1, 2)), prediction.any(axis=(1, 2))))
    if slices is None:
        return None
    plane = np.logical_or(truth[slices].any(axis=0), prediction[slices].any(axis=0))
    rows, columns = _extent(plane.any(axis=1)), _extent(plane.any(axis=0))
    assert rows is not None and columns is not None
    return slices, rows, columns


def _extent(line: npt.ArrayLike) -> slice | None:
    """Return the slice from the first to the last True of a one-dimensional array."""
    places = np.flatnonzero(line)
    return slice(int(places[0]), int(places[-1]) + 1) if len(places) else None
