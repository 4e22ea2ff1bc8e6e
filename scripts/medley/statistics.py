"""Intervals that treat the patient as the unit: a patient's cases are drawn together or not at all."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Interval(NamedTuple):
    """A mean and the percentile bootstrap interval around it."""

    mean: float
    low: float
    high: float


def intervals(
    values: npt.ArrayLike,
    patients: Sequence[str],
    groups: Sequence[str],
    resamples: int,
    seed: int,
    level: float = 0.95,
) -> list[Interval]:
    """Return, for each column, its mean over rows within a group, then over groups, and the interval at ``level``.

    ``values`` (rows, columns) belong to ``patients`` and ``groups``, one each a row. Each resample draws
    as many patients as there are, with replacement, and takes the same mean over all their rows. Values
    that are not a number are left out, and so is a resample that lacks a group which the column has;
    without any value all three are not a number. Columns are resampled alike and do not touch one
    another. Raises ValueError when lengths differ. Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993, chapter 13.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if not len(numbers) == len(patients) == len(groups):
        raise ValueError(f"{len(numbers)} rows of {len(patients)} patients in {len(groups)} groups")
    if not len(numbers):
        return [Interval(np.nan, np.nan, np.nan)] * numbers.shape[1]
    names, patient = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    kinds, group = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    sums, counts = np.zeros((2, len(kinds), len(names), numbers.shape[1]))
    known = ~np.isnan(numbers)
    np.add.at(sums, (group, patient), np.where(known, numbers, 0))
    np.add.at(counts, (group, patient), known)
    whole = _means(np.ones((1, len(names))), sums, counts)[0]
    resampled = _means(patient_draws(len(names), resamples, seed), sums, counts)
    return [Interval(float(mean), *_ends(means, level)) for mean, means in zip(whole, resampled.T, strict=True)]


@functools.lru_cache(maxsize=8)
def patient_draws(patients: int, resamples: int, seed: int) -> Floats:
    """Return how often each patient is drawn in each resample (resamples, patients); read-only, since it is kept."""
    generator = np.random.default_rng(seed)
    draws = generator.multinomial(patients, np.full(patients, 1 / patients), size=resamples).astype(np.float64)
    draws.setflags(write=False)
    return draws


def _means(draws: Floats, sums: Floats, counts: Floats) -> Floats:
    """Return the mean over groups of their means (draws, columns); not a number where a draw lacks a group.

    ``draws`` is (draws, patients), ``sums`` and ``counts`` are (groups, patients, columns). A group
    without any value in a column is none of that column's groups.
    """
    present = counts.any(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        means = np.where(present, (draws @ sums) / (draws @ counts), 0)
        found: Floats = means.sum(axis=0) / present.sum(axis=0)
    return found


def _ends(means: Floats, level: float) -> tuple[float, float]:
    known = means[~np.isnan(means)]
    if not len(known):
        return np.nan, np.nan
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
