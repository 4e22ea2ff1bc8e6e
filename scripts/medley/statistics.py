"""Intervals that treat the patient as the unit: a patient's cases are drawn together or not at all."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# Patients behind an interval. Of 95 % intervals of a mean 44 % hold with 2 patients, 83 % with 5, 89 % with 8.
FEWEST = 6

Floats = npt.NDArray[np.float64]


class Interval(NamedTuple):
    """A mean and the percentile bootstrap interval around it."""

    mean: float
    low: float
    high: float


class Sample(NamedTuple):
    """Values (rows, columns) and, one each a row, the patients and the groups that they belong to."""

    values: npt.ArrayLike
    patients: Sequence[str]
    groups: Sequence[str]


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
    without any value all three are not a number. A column with a group of fewer than FEWEST patients'
    values has a mean and no interval (low and high not a number): 95 % intervals of so few hold in fewer
    than 85 % of cases. Columns are resampled alike and do not touch one another. Raises ValueError when lengths
    differ. Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    return weighted_sums([(1.0, Sample(values, patients, groups))], resamples, seed, level)


def weighted_sums(
    samples: Sequence[tuple[float, Sample]], resamples: int, seed: int, level: float = 0.95
) -> list[Interval]:
    """Return, for each column, the sum over ``samples`` of weight times mean, and the interval at ``level``.

    A sample's mean is that of ``intervals``, and so is what is left out or has no interval, in whichever
    sample. Each resample draws among the patients of all samples together: a patient of several samples
    is drawn for all of them alike, and a resample in which one sample has no patient is left out. Weights
    1 and -1 give the difference of two samples that are not paired, but share patients.
    """
    names = np.unique(np.concatenate([np.asarray(sample.patients, dtype=str) for _, sample in samples]))
    totals = [(weight, *_totals(sample, names)) for weight, sample in samples]
    if not len(names):
        return [Interval(np.nan, np.nan, np.nan)] * totals[0][1].shape[-1]
    draws, once = patient_draws(len(names), resamples, seed), np.ones((1, len(names)))
    whole = np.sum([weight * _means(once, sums, counts)[0] for weight, sums, counts in totals], axis=0)
    resampled = np.sum([weight * _means(draws, sums, counts) for weight, sums, counts in totals], axis=0)
    for _, _, counts in totals:
        patients = counts.astype(bool).sum(axis=1)  # (groups, columns)
        resampled[:, ((patients > 0) & (patients < FEWEST)).any(axis=0)] = np.nan
    return [Interval(float(mean), *_ends(means, level)) for mean, means in zip(whole, resampled.T, strict=True)]


@functools.lru_cache(maxsize=8)
def patient_draws(patients: int, resamples: int, seed: int) -> Floats:
    """Return how often each patient is drawn in each resample (resamples, patients); read-only, since it is kept."""
    generator = np.random.default_rng(seed)
    draws = generator.multinomial(patients, np.full(patients, 1 / patients), size=resamples).astype(np.float64)
    draws.setflags(write=False)
    return draws


def _totals(sample: Sample, names: npt.NDArray[np.str_]) -> tuple[Floats, Floats]:
    """Return sums and counts of the values of each group and patient (groups, patients, columns).

    ``names`` are the sorted names of the patients, those of the sample among them.
    """
    numbers = np.asarray(sample.values, dtype=np.float64)
    if not len(numbers) == len(sample.patients) == len(sample.groups):
        raise ValueError(f"{len(numbers)} rows of {len(sample.patients)} patients in {len(sample.groups)} groups")
    patient = np.searchsorted(names, np.asarray(sample.patients, dtype=names.dtype))
    kinds, group = np.unique(np.asarray(sample.groups, dtype=str), return_inverse=True)
    sums, counts = np.zeros((2, len(kinds), len(names), numbers.shape[1]))
    known = ~np.isnan(numbers)
    np.add.at(sums, (group, patient), np.where(known, numbers, 0))
    np.add.at(counts, (group, patient), known)
    return sums, counts


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
