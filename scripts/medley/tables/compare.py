"""Predictors compared case by case: means with intervals over patients, paired differences."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from medley import statistics
from medley.statistics import Interval

# One seed for every interval: predictors are then resampled alike.
SEED = 0

Values = npt.NDArray[np.float64]


def means_with_intervals(cases: pd.DataFrame, columns: Sequence[str], resamples: int) -> dict[str, Interval]:
    """Return the mean of each of ``columns`` over cases, then over labels, with its interval over patients.

    ``cases`` has one row per case and label, with the columns label and patient. Missing values are
    left out (see ``statistics.intervals``).
    """
    values = cases[list(columns)].to_numpy(dtype=np.float64)
    found = statistics.intervals(values, cases["patient"].tolist(), cases["label"].tolist(), resamples, SEED)
    return dict(zip(columns, found, strict=True))


def minus(cases: pd.DataFrame, reference: pd.DataFrame, column: str) -> Values:
    """Return ``column`` of ``cases`` minus that of ``reference``, paired by label and case.

    Not a number where the reference has no such case.
    """
    theirs = reference.set_index(["label", "case"])[column]
    pairs = pd.MultiIndex.from_frame(cases[["label", "case"]])
    differences: Values = cases[column].to_numpy(dtype=np.float64) - theirs.reindex(pairs).to_numpy(dtype=np.float64)
    return differences
