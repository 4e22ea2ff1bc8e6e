import itertools
import math

import numpy as np
import pytest
from scipy.stats import bootstrap

from medley.statistics import Interval, interval, paired_interval, undefined


def cohort(patients, seed=0):
    """Values of one to three cases a patient, which share the patient's own level."""
    generator = np.random.default_rng(seed)
    names = [f"patient{number:03d}" for number in range(patients) for _ in range(generator.integers(1, 4))]
    levels = {name: generator.normal(0.8, 0.1) for name in dict.fromkeys(names)}
    return np.array([levels[name] + generator.normal(0, 0.02) for name in names]), names


def test_equals_a_loop_over_the_same_draws():
    values, patients = cohort(15)
    draws = np.random.default_rng(7).integers(15, size=(200, 15))
    names = sorted(set(patients))
    means = []
    for draw in draws:
        drawn = [values[i] for index in draw for i in range(len(values)) if patients[i] == names[index]]
        means.append(np.mean(drawn))
    expected = Interval(values.mean(), *np.percentile(means, [5, 95]))
    assert interval(values, patients, 200, seed=7, level=0.9) == pytest.approx(expected)


def test_is_scipys_where_each_patient_has_one_case():
    values = np.random.default_rng(1).beta(8, 2, size=60)
    theirs = bootstrap((values,), np.mean, n_resamples=20000, method="percentile", rng=np.random.default_rng(2))
    ours = interval(values, [f"p{i}" for i in range(60)], 20000, seed=3)
    width = ours.high - ours.low
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.04 * width)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.04 * width)


def test_is_exact_for_two_patients():
    # four equally likely draws: aa, ab, ba, bb; the means are 1, 2.5 (of 1, 1, 4, 4) twice, and 4
    found = interval([1, 1, 4, 4], ["a", "a", "b", "b"], 4000, seed=0, level=0.4)
    assert found == Interval(2.5, 2.5, 2.5)
    assert interval([1, 1, 4, 4], ["a", "a", "b", "b"], 4000, seed=0, level=0.6) == Interval(2.5, 1, 4)


def test_cases_of_a_patient_are_not_independent():
    values, patients = cohort(30)
    grouped = interval(values, patients, 5000, seed=0)
    single = interval(values, [str(number) for number in range(len(values))], 5000, seed=0)
    assert grouped.mean == single.mean
    assert grouped.high - grouped.low > 1.2 * (single.high - single.low)


def test_values_that_are_not_a_number_are_left_out_and_counted():
    values, patients = [0.5, math.nan, 0.7, 0.9, math.nan], ["a", "a", "b", "c", "d"]
    kept = interval([0.5, 0.7, 0.9], ["a", "b", "c"], 300, seed=4)
    assert interval(values, patients, 300, seed=4) == kept
    assert undefined(values) == 2


def test_without_a_value_there_is_no_interval():
    assert all(math.isnan(value) for value in interval([math.nan] * 2, ["a", "b"], 100, seed=0))
    assert all(math.isnan(value) for value in interval([], [], 100, seed=0))


def test_one_patient_has_no_spread():
    assert interval([1.0, 2.0], ["a", "a"], 100, seed=0) == Interval(1.5, 1.5, 1.5)


def test_the_order_of_cases_does_not_matter_and_the_seed_does():
    values, patients = cohort(12)
    order = np.random.default_rng(0).permutation(len(values))
    first = interval(values, patients, 500, seed=1)
    assert interval(values[order], [patients[i] for i in order], 500, seed=1) == pytest.approx(first, rel=1e-12)
    ends = {interval(values, patients, 500, seed=seed)[1:] for seed in range(5)}
    assert len(ends) == 5


def test_a_paired_difference_is_narrower_than_two_predictors_apart():
    values, patients = cohort(20)
    better = values + 0.01 + np.random.default_rng(0).normal(0, 0.005, size=len(values))
    difference = paired_interval(better, values, patients, 2000, seed=0)
    assert difference.low < 0.01 < difference.high
    assert difference.low > 0
    first, second = (interval(predictor, patients, 2000, seed=0) for predictor in (better, values))
    assert first.low < second.high  # apart, their intervals overlap


def test_a_pair_counts_where_both_have_a_value():
    found = paired_interval([1, math.nan, 3, 4], [0, 1, math.nan, 2], list("abcd"), 500, seed=0)
    sums = [sum(draw) / 2 for draw in itertools.product([1, 2], repeat=2)]
    assert found == Interval(1.5, min(sums), max(sums))


def test_as_many_patients_as_values():
    with pytest.raises(ValueError, match="2 values of 3 patients"):
        interval([1, 2], ["a", "b", "c"], 10, seed=0)
