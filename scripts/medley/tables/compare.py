"""Predictors compared case by case: means with intervals over patients, paired differences."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from medley import statistics

# One seed for every interval: predictors are then resampled alike.
SEED = 0

Values = npt.NDArray[np.float64]


def mean_with_interval(cases: pd.DataFrame, column: str, resamples: int) -> tuple[float, float, float]:
    """Return the mean of ``column`` over cases, then over labels, and the low and high end of its interval.

    ``cases`` has one row per case and label, with the columns label and patient. Missing values are
    left out; without any value all three are not a number.
    """
    values = cases[column].to_numpy(dtype=np.float64)
    known = ~np.isnan(values)
    labels, label, counts = np.unique(
        cases["label"].to_numpy(dtype=str)[known], return_inverse=True, return_counts=True
    )
    if not len(labels):
        return (np.nan, np.nan, np.nan)
    # The mean over all rows of these is the mean of the labels' means. In a resample the labels' shares
    # shift a little where a label is missing in some cases; with none missing it is exact there too.
    balanced = values[known] * (known.sum() / (counts[label] * len(labels)))
    return statistics.interval(balanced, list(cases["patient"].to_numpy(dtype=str)[known]), resamples, SEED)


def minus(cases: pd.DataFrame, reference: pd.DataFrame, column: str) -> Values:
    """Return ``column`` of ``cases`` minus that of ``reference``, paired by label and case.

    Not a number where the reference has no such case.
    """
    theirs = reference.set_index(["label", "case"])[column]
    pairs = pd.MultiIndex.from_frame(cases[["label", "case"]])
    differences: Values = cases[column].to_numpy(dtype=np.float64) - theirs.reindex(pairs).to_numpy(dtype=np.float64)
    return differences
