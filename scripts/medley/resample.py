"""Resampling along the axes of an array by one small matrix an axis.

Interpolation by splines is linear in the samples, so it is a matrix (new size × old size) for each
axis, and a volume costs three matrix products. The matrices are what ``scipy.ndimage.zoom`` does to
the unit vectors (mode ``nearest``, ``grid_mode``: both grids cover the same extent), so the result is
scipy's, at a fraction of its time (``make bench ONLY=resample``). So are means over areas, as of
OpenCV's ``INTER_AREA``.
"""

import functools
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Order = Literal[1, 3, "area"]  # of the spline: linear, cubic; or means over what new samples cover


@functools.lru_cache(maxsize=256)
def matrix(old: int, new: int, order: Order) -> Floats:
    """Return the float32 matrix (new, old) that brings ``old`` samples to ``new`` by splines of ``order``.

    ``area`` is linear where samples become more.
    """
    from scipy import ndimage

    if old == 1:
        return np.ones((new, 1), dtype=np.float32)
    if order == "area" and new < old:
        return _means(old, new)
    spline = 1 if order == "area" else order
    columns = [ndimage.zoom(unit, new / old, order=spline, mode="nearest", grid_mode=True) for unit in np.eye(old)]
    return np.stack(columns, axis=1).astype(np.float32)


def _means(old: int, new: int) -> Floats:
    """Return the matrix (new, old) of the share that each old sample has in what a new one covers."""
    wide, narrow = np.arange(new + 1)[:, None] * (old / new), np.arange(old + 1)
    covered = np.minimum(wide[1:], narrow[1:]) - np.maximum(wide[:-1], narrow[:-1])
    shares: Floats = (np.maximum(covered, 0) * (new / old)).astype(np.float32)
    return shares


def resample(array: Floats, shape: Sequence[int], order: Order) -> Floats:
    """Return ``array`` (float32) brought to ``shape`` along its last ``len(shape)`` axes.

    ``order`` 3 is the cubic spline, 1 linear interpolation, ``area`` means over what a new sample covers.
    """
    first = array.ndim - len(shape)
    # Axes that shrink most come first, so that the later ones have less to do.
    for axis in sorted(range(first, array.ndim), key=lambda axis: shape[axis - first] / array.shape[axis]):
        new = shape[axis - first]
        if array.shape[axis] != new:
            array = _along(axis, matrix(array.shape[axis], new, order), array)
    return np.ascontiguousarray(array, dtype=np.float32)


def _along(axis: int, weights: Floats, array: Floats) -> Floats:
    """Return ``array`` with ``weights`` (new, old) applied to ``axis``, all axes where they were.

    As matrix products of the array as it lies in memory: bringing the axis to the front takes longer
    than multiplying.
    """
    before, after = array.shape[:axis], array.shape[axis + 1 :]
    if not after:
        return array @ weights.T
    product = weights @ array.reshape(*before, array.shape[axis], math.prod(after))
    return product.reshape(*before, len(weights), *after)


def resample_mask(mask: npt.NDArray[np.uint8], shape: Sequence[int], order: Order = 1) -> npt.NDArray[np.uint8]:
    """Return ``mask`` (uint8) brought to ``shape``: each voxel takes the value with the largest weight.

    Each value is interpolated by itself, so no new value appears; on a tie the smaller value wins.
    With ``order`` ``area`` the weight is the part of a new voxel that the value covers.
    """
    if mask.shape == tuple(shape):
        return mask
    result = np.zeros(shape, dtype=np.uint8)
    largest = np.full(shape, -np.inf, dtype=np.float32)
    for value in np.unique(mask):
        weight = resample((mask == value).astype(np.float32), shape, order)
        wins = weight > largest + 1e-6  # a tie but for rounding is a tie
        result[wins] = value
        largest = np.maximum(largest, weight)
    return result
