"""Metrics of shared voxels, and volumes."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]

VOLUMES = ("volume_difference", "volume")
NAMES = ("dice", "iou", "precision", "recall", *VOLUMES)


def metrics(truth: Mask, prediction: Mask, spacing: Sequence[float]) -> dict[str, float]:
    """Return overlap and volumes (ml) of two masks of one shape that are not both empty.

    ``spacing`` is in mm. precision without prediction and recall without truth are not a number.
    """
    true, predicted, both = (int(np.count_nonzero(mask)) for mask in (truth, prediction, truth & prediction))
    millilitres = math.prod(spacing) / 1000
    return {
        "dice": 2 * both / (true + predicted),
        "iou": both / (true + predicted - both),
        "precision": both / predicted if predicted else math.nan,
        "recall": both / true if true else math.nan,
        "volume_difference": (predicted - true) * millilitres,
        "volume": true * millilitres,
    }
