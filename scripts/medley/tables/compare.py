"""Predictors compared case by case: means with intervals over patients, paired differences."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from medley import statistics
from medley.statistics import Interval, Sample

# One seed for every interval: predictors are then resampled alike.
SEED = 0
ENDS = ("", "_low", "_high")  # of the columns of a mean and its interval

Values = npt.NDArray[np.float64]


def means_with_intervals(cases: pd.DataFrame, columns: Sequence[str], resamples: int) -> dict[str, Interval]:
    """Return the mean of each of ``columns`` over cases, then over labels, with its interval over patients.

    ``cases`` has one row per case and label, with the columns label and patient. Missing values are
    left out (see ``statistics.intervals``).
    """
    values = cases[list(columns)].to_numpy(dtype=np.float64)
    found = statistics.intervals(values, cases["patient"].tolist(), cases["label"].tolist(), resamples, SEED)
    return dict(zip(columns, found, strict=True))


def sum_with_interval(parts: Sequence[tuple[float, pd.DataFrame, str]], resamples: int) -> Interval:
    """Return the sum of weight times mean over ``parts`` of (weight, cases, column), with its interval.

    Means are those of ``means_with_intervals``; patients are drawn for all parts together (see
    ``statistics.weighted_sums``).
    """
    samples = [
        (weight, Sample(cases[[column]].to_numpy(np.float64), cases["patient"].tolist(), cases["label"].tolist()))
        for weight, cases, column in parts
    ]
    return statistics.weighted_sums(samples, resamples, SEED)[0]


def as_columns(found: Mapping[str, Interval]) -> dict[str, float]:
    """Return intervals by name as the columns of a table: ``dice``, ``dice_low``, ``dice_high``."""
    return {f"{name}{end}": number for name, own in found.items() for end, number in zip(ENDS, own, strict=True)}


def minus(cases: pd.DataFrame, reference: pd.DataFrame, column: str) -> Values:
    """Return ``column`` of ``cases`` minus that of ``reference``, paired by label and case.

    Not a number where the reference has no such case.
    """
    theirs = reference.set_index(["label", "case"])[column]
    pairs = pd.MultiIndex.from_frame(cases[["label", "case"]])
    differences: Values = cases[column].to_numpy(dtype=np.float64) - theirs.reindex(pairs).to_numpy(dtype=np.float64)
    return differences
