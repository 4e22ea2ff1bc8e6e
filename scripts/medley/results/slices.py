"""Results of a study whose cases are single slices: Dice by slice, Hausdorff by scan, slices without organs."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from medley.cases import Case
from medley.results.cases import KEYS, MEAN, native_cases
from medley.results.read import File, read_metrics
from medley.results.study import Study
from medley.splits import TEST, TRAIN

REPORTED, AUDITED, HAUSDORFF = "reported_dice", "audited_dice", "hausdorff"
METRICS = ("dice", "precision", "recall", HAUSDORFF)  # of metrics.csv, in whichever convention

Folds = Mapping[int, Mapping[str, Collection[str]]]  # fold → part → cases, as medley.splits.read returns them


class Shown(NamedTuple):
    """What one protocol shows of a study: its split and the rows of metrics.csv on it."""

    study: Study
    split: str
    metrics: pd.DataFrame


class HeldOut(NamedTuple):
    """What a split's test part holds, counted."""

    slices: int
    without_organs: int
    patients: int
    shared_patients: int  # those who have slices in the training part as well


def read_shown(
    metrics: Mapping[str, Iterable[File]], studies: Mapping[str, Mapping[str, Any]], splits: Mapping[str, str]
) -> dict[str, Shown]:
    """Return what each protocol shows: its metrics.csv files, fields of Study and split, each by protocol."""
    return {
        protocol: Shown(Study(**study), splits[protocol], read_metrics(metrics[protocol], METRICS))
        for protocol, study in studies.items()
    }


def by_slice(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return one row per dataset, part, predictor, label and slice: both Dice, averaged over seeds, and counts.

    Reported: on the recipe's grid, 1 where both masks are empty. Audited: on the native grid, not a
    number there. ``judged``, ``left_out`` and ``one_empty`` are those of ``native_cases``.
    """
    native = native_cases(metrics).rename(columns={"dice": AUDITED})
    return native[[*KEYS, AUDITED, "judged", "left_out", "one_empty"]].join(reported_dice(metrics), on=KEYS)


def reported_dice(metrics: pd.DataFrame) -> "pd.Series[float]":
    """Return the reported Dice by dataset, part, predictor, label, slice and patient, averaged over seeds."""
    rows = metrics[(metrics["convention"] == "recipe") & (metrics["metric"] == "dice")]
    return rows.groupby(KEYS, sort=True)["value"].mean().rename(REPORTED)


def by_scan(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return one row per dataset, part, predictor, label and scan: normalised Hausdorff distance and ``scans``.

    The distance is averaged over seeds, ``scans`` counts those in which it has a value.
    """
    rows = metrics[(metrics["convention"] == "scan") & (metrics["metric"] == HAUSDORFF)]
    found = rows.groupby(KEYS, sort=True)["value"].agg(["mean", "count"])
    return found.set_axis([HAUSDORFF, "scans"], axis=1).reset_index()


def with_organs(cases: Mapping[str, Case]) -> set[str]:
    """Return the names of the slices that hold at least one organ."""
    return {name for name, case in cases.items() if case.labels}


def patients_of(cases: Mapping[str, Case], names: Collection[str]) -> set[str]:
    """Return the patients of the slices ``names``."""
    return {cases[name].patient for name in names}


def held_out(cases: Mapping[str, Case], folds: Folds, organs_only: bool = False) -> HeldOut:
    """Return what the test part of a split of ``cases`` holds, all its slices or those with organs."""
    test = {name for parts in folds.values() for name in parts[TEST]}
    filled = with_organs(cases) & test
    shown = filled if organs_only else test
    shared = {
        patient
        for parts in folds.values()
        for patient in patients_of(cases, shown.intersection(parts[TEST])) & patients_of(cases, parts[TRAIN])
    }
    return HeldOut(len(shown), len(shown - filled), len(patients_of(cases, shown)), len(shared))


def incomplete_scans(cases: Mapping[str, Case], folds: Folds) -> int:
    """Return how many scans (patient and phase) have some but not all of their slices in the test part."""
    test = {name for parts in folds.values() for name in parts[TEST]}
    scans = {(cases[name].patient, cases[name].phase) for name in test}
    return len({(case.patient, case.phase) for name, case in cases.items() if name not in test} & scans)


def labels_and_mean(study: Study, name: str) -> Iterator[tuple[str, list[str]]]:
    """Yield a predictor's labels, each with itself, then ``mean`` with all of them where there are several."""
    labels = study.labels(name)
    yield from ((label, [label]) for label in labels)
    if len(labels) > 1:
        yield MEAN, labels
