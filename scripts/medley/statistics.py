"""Intervals that treat the patient as the unit: a patient's cases are drawn together or not at all."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Interval(NamedTuple):
    """A mean over cases and the percentile bootstrap interval around it."""

    mean: float
    low: float
    high: float


def interval(
    values: npt.ArrayLike, patients: Sequence[str], resamples: int, seed: int, level: float = 0.95
) -> Interval:
    """Return the mean of ``values`` and its percentile bootstrap interval at ``level``.

    ``values`` (one a case) belong to ``patients``; each resample draws as many patients as there are,
    with replacement, and takes the mean over all their cases. Values that are not a number are left
    out (``undefined`` counts them), and with them patients that have no other; without any value all
    three are not a number. Raises ValueError when lengths differ. Efron and Tibshirani, An Introduction
    to the Bootstrap, 1993, chapter 13.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if len(numbers) != len(patients):
        raise ValueError(f"{len(numbers)} values of {len(patients)} patients")
    defined = ~np.isnan(numbers)
    if not defined.any():
        return Interval(np.nan, np.nan, np.nan)
    numbers = numbers[defined]
    names, patient = np.unique(np.asarray(patients)[defined], return_inverse=True)
    sums, cases = np.bincount(patient, weights=numbers), np.bincount(patient)
    draws = np.random.default_rng(seed).integers(len(names), size=(resamples, len(names)))
    means = sums[draws].sum(axis=1) / cases[draws].sum(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(numbers.mean()), float(low), float(high))


def paired_interval(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    patients: Sequence[str],
    resamples: int,
    seed: int,
    level: float = 0.95,
) -> Interval:
    """Return mean and interval of ``first`` minus ``second``, two predictors' values on the same cases.

    A case counts where both have a value; see ``interval``.
    """
    return interval(np.subtract(first, second), patients, resamples, seed, level)


def undefined(values: npt.ArrayLike) -> int:
    """Return how many values are not a number."""
    return int(np.isnan(np.asarray(values, dtype=np.float64)).sum())
