"""The postprocessing table: what each correction gains out of fold, which are kept, and what these do on test."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from medley.cases import Case
from medley.errors import InputError
from medley.results.cases import MEAN, PART_ORDER, native_cases
from medley.results.choices import Choice, postprocessed
from medley.results.slices import labels_and_mean
from medley.results.study import Study
from medley.splits import TEST
from medley.tables.compare import ENDS, as_columns, means_with_intervals, sum_with_interval

METRICS = ("dice", "hd", "hd95")  # of a single operation Dice alone
SIDES = ("before", "after", "gain")
OUT_OF_FOLD = next(part for part in PART_ORDER if part != TEST)
KEPT_ONES = "all kept"  # in the place of an operation: the predictor against its member
NUMBERS = tuple(f"{metric}_{side}{end}" for metric in METRICS for side in SIDES for end in ENDS)
COUNTS = ("seed", "kept", "folds_keeping", "folds", "cases", "patients")
TEXTS = ("dataset", "predictor", "member", "part", "operation", "label")
COLUMNS = (*TEXTS, *COUNTS, *NUMBERS)
TYPES = {**dict.fromkeys(TEXTS, "str"), **dict.fromkeys(COUNTS, "Int64"), **dict.fromkeys(NUMBERS, "float64")}


def numbers(
    choices: Mapping[Choice, Mapping[str, Any]],
    metrics: pd.DataFrame,
    cases: Mapping[str, Mapping[str, Case]],
    study: Study,
    resamples: int,
) -> pd.DataFrame:
    """Return, for each dataset and ensemble of kind postprocessed, its operations and then its effect.

    ``choices`` are what the ensembles say of themselves, ``metrics`` rows of metrics.csv of them and of their
    members. A row of an operation is of one seed, ``kept`` or not, kept also by so many of the ``folds`` (each
    choosing on the others); its Dice is of the label, or the mean over all where it changes all. A row of the effect is
    of a part and label, then ``mean``, over seeds: the member (before) and the ensemble (after), whose choice for
    a case out of fold was made without its fold. A gain is the difference of the two means over cases, each without the
    cases where both masks are empty. Raises InputError where no ensemble of this kind is shown.
    """
    rows = [
        {"dataset": choice.dataset, "predictor": choice.predictor, "member": record["members"][0]} | row
        for dataset in study.datasets
        for choice, record in choices.items()
        if choice.dataset == dataset
        for row in _operations(choice, record, cases[choice.dataset], resamples)
    ]
    native = native_cases(metrics)
    for dataset in study.datasets:
        for name, member in postprocessed(study).items():
            about = {"dataset": dataset, "predictor": name, "member": member, "operation": KEPT_ONES}
            rows += [
                about | row for row in _effect(native[native["dataset"] == dataset], name, member, study, resamples)
            ]
    if not rows:
        raise InputError(
            f"studies.{study.name}: no ensemble of kind postprocessed is shown; take postprocessing out of `tables`"
        )
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(TYPES)


def _operations(
    choice: Choice, record: Mapping[str, Any], cases: Mapping[str, Case], resamples: int
) -> list[dict[str, Any]]:
    """Return the rows of what an ensemble tried."""
    folds = [fold["kept"] for fold in record.get("by_fold", {}).values()]
    rows = []
    for tried in record["tried"]:
        named = {"operation": tried["operation"], "label": tried["label"]}
        frames = [_as_frame(tried[side], cases) for side in SIDES[:2]]
        counts = {
            "seed": choice.seed,
            "kept": int(tried["kept"]),
            "folds_keeping": sum(named in kept for kept in folds),
            "folds": len(folds),
        }
        label = tried["label"] or (MEAN if len(tried["before"]) > 1 else next(iter(tried["before"])))
        compared = _compare(frames[0], frames[1], ["dice"], resamples)
        rows.append({"part": OUT_OF_FOLD, "operation": tried["operation"], "label": label} | counts | compared)
    return rows


def _effect(native: pd.DataFrame, name: str, member: str, study: Study, resamples: int) -> list[dict[str, Any]]:
    """Return the rows of what an ensemble made of its member in one dataset's ``native`` cases."""
    rows = []
    for part in (OUT_OF_FOLD, TEST):
        here = native[native["part"] == part]
        before, after = (here[here["predictor"] == who] for who in (member, name))
        if after.empty:
            continue
        for label, labels in labels_and_mean(study, name):
            own = [frame[frame["label"].isin(labels)] for frame in (before, after)]
            rows.append({"part": part, "label": label} | _compare(own[0], own[1], METRICS, resamples))
    return rows


def _as_frame(dice: Mapping[str, Mapping[str, float | None]], cases: Mapping[str, Case]) -> pd.DataFrame:
    """Return Dice by label and case as one row for each, with the case's patient."""
    rows = [
        (label, case, cases[case].patient, value) for label, values in dice.items() for case, value in values.items()
    ]
    return pd.DataFrame(rows, columns=["label", "case", "patient", "dice"]).astype({"dice": "float64"})


def _compare(before: pd.DataFrame, after: pd.DataFrame, metrics: Any, resamples: int) -> dict[str, Any]:
    """Return means before and after, and the gain, of each of ``metrics``, and counts of what is compared."""
    row: dict[str, Any] = {"cases": after["case"].nunique(), "patients": after["patient"].nunique()}
    for metric in metrics:
        found = {
            "before": means_with_intervals(before, [metric], resamples)[metric],
            "after": means_with_intervals(after, [metric], resamples)[metric],
            "gain": sum_with_interval([(1, after, metric), (-1, before, metric)], resamples),
        }
        row |= as_columns({f"{metric}_{side}": interval for side, interval in found.items()})
    return row
