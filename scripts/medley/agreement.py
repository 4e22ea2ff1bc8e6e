"""How well one measurement of patients agrees with another: bias, limits of agreement, absolute error, correlation.

Bland and Altman, Lancet 1986;1:307-310: the limits are the mean difference plus and minus 1.96 standard deviations
of the differences, between which 95 % of patients lie where differences are normal.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from medley import statistics
from medley.statistics import Interval

NAMES = ("bias", "lower_limit", "upper_limit", "absolute_error", "correlation")
SPREAD = 1.96  # standard deviations
ROUNDING = 1e-12  # squares about a mean that are less than this share of the squares about 0 are rounding alone

Floats = npt.NDArray[np.float64]


def agreement(
    true: npt.ArrayLike, measured: npt.ArrayLike, patients: Sequence[str], resamples: int, seed: int
) -> dict[str, Interval]:
    """Return bias (measured minus true), limits of agreement, mean absolute error and Pearson's correlation.

    ``true`` and ``measured`` (rows,), all numbers, belong to ``patients``, one each a row. The 95 % interval of each
    is the percentile bootstrap's: each resample draws as many patients as there are, with replacement, and takes
    all their rows. Of fewer than ``statistics.FEWEST`` patients there are no intervals (low and high not a
    number). Limits and correlation of one row, and the correlation with something constant, are not a number.
    """
    names, patient = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    if not len(names):
        return dict.fromkeys(NAMES, Interval(np.nan, np.nan, np.nan))
    x, y = np.asarray(true, dtype=np.float64), np.asarray(measured, dtype=np.float64)
    moments = _moments(x, y)
    sums = np.zeros((len(names), moments.shape[1]))
    np.add.at(sums, patient, moments)
    shift = np.mean(y - x) * np.array([1, 1, 1, 0, 0])  # moments are about the means
    whole = _measures(sums.sum(axis=0, keepdims=True))[0] + shift
    drawn = _measures(statistics.patient_draws(len(names), resamples, seed) @ sums) + shift
    enough = len(names) >= statistics.FEWEST
    return {
        name: Interval(float(mean), *(_ends(column) if enough else (np.nan, np.nan)))
        for name, mean, column in zip(NAMES, whole, drawn.T, strict=True)
    }


def _moments(true: Floats, measured: Floats) -> Floats:
    """Return what is summed over rows (rows, 9). Values are taken about their means, so that squares do not cancel."""
    difference = measured - true
    error, x, y = (values - values.mean() for values in (difference, true, measured))
    return np.stack([np.ones_like(x), error, error**2, abs(difference), x, y, x**2, y**2, x * y], axis=1)


def _measures(sums: Floats) -> Floats:
    """Return NAMES (resamples, 5) of summed moments (resamples, 9), the first three about the mean difference."""
    rows, error, squares, absolute, x, y, xx, yy, xy = sums.T
    bias = error / rows
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.sqrt(np.maximum(squares - error * bias, 0) / (rows - 1))
        product = _about_mean(xx, x, rows) * _about_mean(yy, y, rows)
        correlation = np.where(product > 0, (xy - x * y / rows) / np.sqrt(product), np.nan)
    limits = SPREAD * np.where(rows > 1, deviation, np.nan)
    return np.stack([bias, bias - limits, bias + limits, absolute / rows, correlation], axis=1)


def _about_mean(squares: Floats, total: Floats, rows: Floats) -> Floats:
    """Return the sum of squares about the mean, 0 where that is rounding alone."""
    found = squares - total**2 / rows
    return np.where(found > ROUNDING * squares, found, 0)


def _ends(drawn: Floats) -> tuple[float, float]:
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return np.nan, np.nan
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)
