import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

from medley import statistics
from medley.statistics import (
    Interval,
    Sample,
    crossed_interval,
    crossed_means,
    intervals,
    patient_draws,
    training_draws,
    weighted_sums,
)

pytestmark = pytest.mark.usefixtures("two_patients_are_enough")


def interval(values, patients, resamples, seed, level=0.95):
    """Return the interval of one column whose rows are all of one group."""
    (found,) = intervals(np.reshape(values, (-1, 1)), patients, ["all"] * len(patients), resamples, seed, level)
    return found


def by_loop(samples, resamples, seed, level=0.95):
    """Return what ``weighted_sums`` should for samples of one column: every resample written out and averaged.

    ``samples`` are of (weight, values, patients, groups).
    """

    def mean(values, groups, rows):
        of_groups = []
        for group in {groups[row] for row in range(len(values)) if not math.isnan(values[row])}:
            own = [values[row] for row in rows if groups[row] == group and not math.isnan(values[row])]
            of_groups.append(sum(own) / len(own) if own else math.nan)
        return sum(of_groups) / len(of_groups) if of_groups else math.nan

    def total(names):
        return sum(
            weight * mean(values, groups, [row for name in names for row, own in enumerate(patients) if own == name])
            for weight, values, patients, groups in samples
        )

    names = sorted({name for _, _, patients, _ in samples for name in patients})
    known = []
    for draw in patient_draws(len(names), resamples, seed):
        drawn = [name for name, times in zip(names, draw, strict=True) for _ in range(int(times))]
        assert len(drawn) == len(names)
        if not math.isnan(found := total(drawn)):
            known.append(found)
    for _, values, patients, groups in samples:
        rows = [row for row, value in enumerate(values) if not math.isnan(value)]
        for group in {groups[row] for row in rows}:
            if len({patients[row] for row in rows if groups[row] == group}) == 1:
                known = []
    ends = np.quantile(known, [(1 - level) / 2, (1 + level) / 2]) if known else (math.nan, math.nan)
    return Interval(total(names), *ends)


def cohort(patients, seed=0):
    """Values of one to three cases a patient, which share the patient's own level."""
    generator = np.random.default_rng(seed)
    names = [f"patient{number:03d}" for number in range(patients) for _ in range(generator.integers(1, 4))]
    levels = {name: generator.normal(0.8, 0.1) for name in dict.fromkeys(names)}
    return np.array([levels[name] + generator.normal(0, 0.02) for name in names]), names


def test_equals_a_loop_over_the_same_draws():
    values, patients = cohort(15)
    expected = by_loop([(1, values, patients, ["all"] * len(values))], 200, 7, 0.9)
    assert interval(values, patients, 200, seed=7, level=0.9) == pytest.approx(expected)


rows_of_a_table = st.tuples(
    st.sampled_from("abcde"), st.sampled_from(["RV", "MYO"]), st.one_of(st.none(), st.floats(-1, 1))
)


@settings(max_examples=60, deadline=None)
@given(st.lists(rows_of_a_table, min_size=1, max_size=14))
def test_with_values_missing_it_is_the_mean_over_groups_of_the_same_resample(rows):
    patients, groups, values = (list(column) for column in zip(*rows, strict=True))
    values = [math.nan if value is None else value for value in values]
    (found,) = intervals(np.reshape(values, (-1, 1)), patients, groups, 40, 3)
    expected = by_loop([(1, values, patients, groups)], 40, 3)
    assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(*[st.lists(rows_of_a_table, min_size=1, max_size=10)] * 2)
def test_a_sum_of_samples_is_that_of_their_means_in_the_same_resample(first, second):
    samples = []
    for weight, rows in ((0.4, first), (-0.6, second)):
        patients, groups, values = (list(column) for column in zip(*rows, strict=True))
        samples.append((weight, [math.nan if value is None else value for value in values], patients, groups))
    theirs = [(weight, Sample(np.reshape(values, (-1, 1)), *rest)) for weight, values, *rest in samples]
    (found,) = weighted_sums(theirs, 40, 3)
    assert found == pytest.approx(by_loop(samples, 40, 3), abs=1e-12, nan_ok=True)


def test_patients_of_both_samples_are_drawn_for_both():
    generator = np.random.default_rng(4)
    levels, names = generator.normal(0.6, 0.1, 20), [f"p{number:02d}" for number in range(20)]

    def difference(their_names):
        samples = [(1, Sample(levels[:, None] + 0.2, names, ["all"] * 20))]
        samples.append((-1, Sample(levels[:, None], their_names, ["all"] * 20)))
        (found,) = weighted_sums(samples, 2000, 0)
        assert found.mean == pytest.approx(0.2)
        return found.high - found.low

    assert difference(names) == pytest.approx(0, abs=1e-12)
    # Of other patients, the difference varies as two independent means of 20 do.
    spread = 2 * 1.96 * math.sqrt(2 * levels.var() / 20)
    assert difference([name.replace("p", "q") for name in names]) == pytest.approx(spread, rel=0.1)


def test_two_samples_by_hand():
    # Patients a and b, each with 1 and 3 in the first sample; only b, c in the second, with 10 and 20.
    samples = [(1, Sample([[1], [3]], ["a", "b"], "xx")), (-1, Sample([[10], [20]], ["b", "c"], "xx"))]
    (found,) = weighted_sums(samples, 20000, 0, level=1)
    assert found == Interval(2 - 15, 1 - 20, 3 - 10)  # drawn a and c; drawn b alone
    single = [samples[0], (-1, Sample([[10]], ["b"], "x"))]
    (found,) = weighted_sums(single, 200, 0)
    assert found.mean == 2 - 10 and np.isnan(found[1:]).all()


def test_a_group_of_few_patients_does_not_widen_the_interval_by_its_size():
    generator = np.random.default_rng(5)
    common, rare = generator.normal(0.9, 0.01, 20), generator.normal(0.3, 0.01, 4)
    patients = [f"p{number:02d}" for number in [*range(20), *range(4)]]
    groups = ["A"] * 20 + ["B"] * 4
    (found,) = intervals(np.concatenate([common, rare])[:, None], patients, groups, 2000, 0)
    assert found.mean == pytest.approx((common.mean() + rare.mean()) / 2)
    # Both groups vary by 0.01; were their shares to shift with the draw, it would be by a tenth of 0.6.
    assert found.high - found.low < 0.02
    means = []
    while len(means) < 2000:  # another generator's draws
        draw = generator.integers(20, size=20)
        if few := [rare[patient] for patient in draw if patient < 4]:
            means.append((common[draw].mean() + np.mean(few)) / 2)
    assert (found.low, found.high) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.001)


def test_a_column_does_not_depend_on_those_beside_it():
    values, patients = cohort(12)
    generator = np.random.default_rng(3)
    table = np.stack([values, generator.normal(size=len(values)), values**2], axis=1)
    table[generator.uniform(size=table.shape) < 0.2] = np.nan
    groups = [("RV", "LV")[number % 2] for number in range(len(values))]
    together = intervals(table, patients, groups, 300, 1)
    for column, found in enumerate(together):
        (own,) = intervals(table[:, [column]], patients, groups, 300, 1)
        assert found == pytest.approx(own, rel=1e-12)


def test_columns_are_resampled_alike():
    values, patients = cohort(12)
    first, second = intervals(np.stack([values, values + 1], axis=1), patients, ["all"] * len(values), 300, 1)
    assert second == pytest.approx([end + 1 for end in first])


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
    assert grouped.mean == pytest.approx(single.mean)
    assert grouped.high - grouped.low > 1.2 * (single.high - single.low)


def test_without_a_value_there_is_no_interval():
    assert all(math.isnan(value) for value in interval([math.nan] * 2, ["a", "b"], 100, seed=0))
    assert all(math.isnan(value) for value in interval([], [], 100, seed=0))


def test_one_patient_has_a_mean_and_no_interval():
    assert interval([1.0, 2.0], ["a", "a"], 100, seed=0) == pytest.approx((1.5, math.nan, math.nan), nan_ok=True)
    # Also where others have no value, and where one of two groups has one patient; beside it a column that has two.
    values = np.array([[1, 1, 1], [3, 3, 3], [math.nan, 4, 4], [math.nan, math.nan, 5]])
    patients, groups = ["a", "a", "b", "b"], ["x", "y", "x", "y"]
    first, second, third = intervals(values, patients, groups, 100, 0)
    assert (first.mean, second.mean, third.mean) == (2, 2.75, 3.25)
    assert np.isnan([first.low, first.high, second.low, second.high]).all()
    assert (third.low, third.high) == (2, 4.5)


def test_the_order_of_cases_does_not_matter_and_the_seed_does():
    values, patients = cohort(12)
    order = np.random.default_rng(0).permutation(len(values))
    first = interval(values, patients, 500, seed=1)
    assert interval(values[order], [patients[i] for i in order], 500, seed=1) == pytest.approx(first, rel=1e-12)
    ends = {interval(values, patients, 500, seed=seed)[1:] for seed in range(5)}
    assert len(ends) == 5


def test_as_many_patients_as_values():
    with pytest.raises(ValueError, match="2 rows of 3 patients in 3 groups"):
        interval([1, 2], ["a", "b", "c"], 10, seed=0)


@pytest.mark.parametrize("patients", [2, 5, 6, 8])
def test_fewer_than_six_patients_have_a_mean_and_no_interval(monkeypatch, patients):
    """Where 95 % intervals are withheld, fewer than 85 % of simulated ones hold the true mean; elsewhere more."""
    monkeypatch.undo()
    assert statistics.FEWEST == 6
    generator = np.random.default_rng(patients)
    names, one = [str(number) for number in range(patients)], ["x"] * patients
    shown = statistics.intervals(generator.normal(size=(patients, 1)), names, one, 200, 0)[0]
    assert np.isnan(shown.low) == (patients < 6) and np.isfinite(shown.mean)
    monkeypatch.setattr(statistics, "FEWEST", 2)
    drawn = statistics.intervals(generator.normal(size=(patients, 2000)), names, one, 400, 0)
    held = np.mean([interval.low <= 0 <= interval.high for interval in drawn])
    assert (held > 0.84) == (patients >= 6)


# Patients and trainings


def test_trainings_are_drawn_one_fewer_than_there_are():
    shares = training_draws(4, 3, 20000, seed=0)
    assert shares.shape == (20000, 4, 3) and (shares.sum(axis=2) == 1).all()
    drawn, times = np.unique(shares.reshape(-1, 3), axis=0, return_counts=True)
    expected = {
        (0, 0, 2): 1,
        (0, 1, 1): 2,
        (0, 2, 0): 1,
        (1, 0, 1): 2,
        (1, 1, 0): 2,
        (2, 0, 0): 1,
    }  # of two out of three
    assert [tuple(2 * row) for row in drawn] == list(expected)
    assert times / times.sum() == pytest.approx(np.array([*expected.values()]) / 9, abs=0.01)
    # The variance of a mean of three is then a third of theirs, without bias.
    values = np.array([0.1, 0.4, 0.2])
    assert (shares @ values).var() == pytest.approx(values.var(ddof=1) / 3, rel=0.02)
    assert (training_draws(4, 1, 10, seed=0) == 1).all()


@pytest.mark.parametrize("members", [1, 4])
def test_members_are_drawn_apart_and_apart_from_patients(members):
    drawn = training_draws(members, 2, 20000, 0)[:, :, 0]
    correlations = np.corrcoef(np.column_stack([drawn, patient_draws(2, 20000, 0)[:, 0]]), rowvar=False)
    assert abs(correlations - np.eye(members + 1)).max() < 0.03


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=8), st.integers(1, 4), st.integers(1, 4))
def test_crossed_means_equal_a_loop_over_the_same_draws(patients, members, trainings):
    values = np.random.default_rng(len(patients)).uniform(size=(len(patients), members, trainings))
    found, names = crossed_means(values, patients, 6, 2), sorted(set(patients))
    drawn, shares = patient_draws(len(names), 6, 2), training_draws(members, trainings, 6, 2)
    for resample in range(6):
        rows = [
            case
            for name, times in zip(names, drawn[resample], strict=True)
            for _ in range(int(times))
            for case, own in enumerate(patients)
            if own == name
        ]
        for member in range(members):
            total = count = 0
            for training in range(trainings):
                for _ in range(round(shares[resample, member, training] * max(trainings - 1, 1))):
                    total += sum(values[case, member, training] for case in rows)
                    count += len(rows)
            assert found[resample, member] == pytest.approx(total / count)


@pytest.mark.parametrize("alike", [1, 3])
def test_one_training_or_several_alike_have_the_interval_over_patients(alike):
    generator = np.random.default_rng(6)
    _, patients = cohort(20)
    values = generator.normal(0.8, 0.1, (len(patients), 4))
    weights = [0.5, 0.5, -0.5, -0.5]
    found = crossed_interval(np.repeat(values[:, :, None], alike, axis=2), patients, weights, 2000, 0)
    assert found == pytest.approx(interval(values @ weights, patients, 2000, 0), abs=1e-12)


def test_trainings_alone_by_hand():
    """All patients alike: of two trainings one is drawn, of each member by itself."""
    values = np.tile([[1.0, 3.0], [10.0, 20.0]], (4, 1, 1))
    assert crossed_interval(values, list("abcd"), [-1, 1], 500, 0, level=1) == Interval(13, 10 - 3, 20 - 1)
    assert crossed_interval(values, list("abcd"), [0, 1], 500, 0, level=1) == Interval(15, 10, 20)


@pytest.mark.parametrize(("members", "of_100"), [(12, 94), (8, 92), (2, 87)])
def test_intervals_hold_where_trainings_vary_more_than_patients(members, of_100):
    """Half of the members against the other half, none better: how many intervals of simulated experiments hold 0."""
    generator = np.random.default_rng(members)
    patients, weights = [f"p{number}" for number in range(20)], np.repeat([2, -2], members // 2) / members
    crossed, alone = [], []
    for _ in range(800):
        levels = generator.normal(size=(1, members, 3))
        values = levels + generator.normal(0, 0.5, (20, members, 1)) + generator.normal(0, 0.5, (20, members, 3))
        crossed.append(crossed_interval(values, patients, weights, 400, 0))
        alone.append(interval(values.mean(axis=2) @ weights, patients, 400, 0))
    held, held_alone = (np.mean([own.low <= 0 <= own.high for own in found]) for found in (crossed, alone))
    assert 100 * held == pytest.approx(of_100, abs=3)
    assert held_alone < 0.4


@pytest.mark.parametrize(("of", "share"), [("patients", 1), ("trainings", 1), ("both", 3)])
def test_what_counts_in_the_variance_once_and_what_three_times(of, share):
    generator = np.random.default_rng(9)
    shape, names = {"patients": (40, 1, 1), "trainings": (1, 1, 3), "both": (40, 1, 3)}[of], list(map(str, range(40)))
    values = [np.broadcast_to(generator.normal(size=shape), (40, 1, 3)) for _ in range(400)]
    variances = [crossed_means(own, names, 200, 0).var() for own in values]
    assert np.mean(variances) == pytest.approx(share / math.prod(shape), rel=0.15)


def test_few_patients_and_no_cases_have_no_interval(monkeypatch):
    monkeypatch.setattr(statistics, "FEWEST", 6)
    values = np.random.default_rng(0).uniform(size=(12, 2, 3))
    five, six = ([str(number % patients) for number in range(12)] for patients in (5, 6))
    few, enough = (crossed_interval(values, patients, [1, -1], 50, 0) for patients in (five, six))
    assert few.mean == enough.mean == pytest.approx(values[:, 0].mean() - values[:, 1].mean())
    assert np.isnan(few[1:]).all() and np.isfinite(enough).all()
    assert np.isnan(crossed_interval(values[:0], [], [1, -1], 50, 0)).all()
    with pytest.raises(ValueError, match="12 cases of 2 patients"):
        crossed_means(values, ["a", "b"], 10, 0)
