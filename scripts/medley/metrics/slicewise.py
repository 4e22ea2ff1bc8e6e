"""Dice as studies of single slices report it: smoothed, slice by slice."""

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


def dice(truth: Mask, prediction: Mask, epsilon: float) -> float:
    """Return the mean over slices of (2·|A∩B| + ε) / (|A| + |B| + ε); both masks are bool (slices, rows, columns).

    ``epsilon``, ε, is positive: a slice without truth and prediction counts 1, one with a single of them nearly 0.
    """
    both, true, predicted = (np.count_nonzero(mask, axis=(1, 2)) for mask in (truth & prediction, truth, prediction))
    return float(np.mean((2 * both + epsilon) / (true + predicted + epsilon)))
