"""The Hausdorff distance of a whole scan, as the UW-Madison GI Tract competition scores it.

Its page says, as others quote it: "For 3D Hausdorff, we construct 3D volumes by combining each 2D segmentation
with slice depth as the Z coordinate and then find the Hausdorff distance between them. (In this competition,
the slice depth for all scans is set to 1.) The expected / predicted pixel locations are normalized by image
size to create a bounded 0-1 score."
https://www.kaggle.com/competitions/uw-madison-gi-tract-image-segmentation/overview/evaluation

What it leaves open is our reading: locations are voxels' centres, divided by the numbers of slices, rows and
columns; the distance is the larger of the two directed ones, divided by √3, the diagonal of the unit cube;
empty against non-empty is 1; where both are empty there is nothing to score.
"""

import math

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medley.metrics import union_box

Mask = npt.NDArray[np.bool_]


def hausdorff(truth: Mask, prediction: Mask) -> float:
    """Return the normalised Hausdorff distance, in [0, 1], of all voxels of two masks, bool (slices, rows, columns).

    Not a number where both are empty. Raises ValueError when shapes differ.
    """
    if truth.shape != prediction.shape:
        raise ValueError(f"truth has shape {truth.shape}, prediction {prediction.shape}")
    box = union_box(truth, prediction)
    if box is None:
        return math.nan
    true, predicted = truth[box], prediction[box]
    if not (true.any() and predicted.any()):
        return 1.0
    steps = [1 / size for size in truth.shape]
    return max(_farthest(true, predicted, steps), _farthest(predicted, true, steps)) / math.sqrt(3)


def _farthest(queries: Mask, others: Mask, steps: list[float]) -> float:
    """Return the largest distance from a voxel of ``queries`` to the nearest of ``others``; voxels are ``steps`` apart.

    The border voxels of ``queries`` alone would not do: a ball's farthest voxel from its own shell is its centre.
    Both ways, an organ in 144×360×310 takes 0.2 s where it is nearly right and 5 s where noise fills the scan;
    a k-d tree of the border of ``others``, asked for the voxels outside it, takes 0.05 s and 38 s.
    """
    distances = ndimage.distance_transform_edt(~others, sampling=steps)
    return float(distances[queries].max())
