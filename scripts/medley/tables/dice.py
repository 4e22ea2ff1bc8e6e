"""The Dice table: what was published beside what came out, and the line of predicting no organ at all.

Dice as the authors counted it: an organ that is in neither mask of a slice counts 1. Published are
numbers on validation and on test slices; each is held against the same part.
"""

from typing import Any

import pandas as pd

from medley.errors import InputError
from medley.results.read import published_subset, published_value
from medley.results.slices import REPORTED, reported_dice
from medley.results.study import Study
from medley.tables.compare import ENDS, as_columns, means_with_intervals, minus

NEEDS = {"as_reported": ("dice_epsilon",)}  # keys of protocols
PARTS = {"validation": "out_of_fold", "test": "test"}  # as the table and as metrics.csv call them
SUBSETS = {"val": "validation", "test": "test"}  # of published.csv
METRIC = "dice"
TO_EMPTY = "test_to_empty"
NUMBERS = (
    *("published", "difference", "validation_empty", "test_empty"),
    *(f"{value}{end}" for value in (*PARTS, TO_EMPTY) for end in ENDS),
)
COUNTS = ("validation_slices", "validation_patients", "test_slices", "test_patients", "seeds")
TEXTS = ("dataset", "predictor", "published_on", "recipe", "built_without", "note")
COLUMNS = (*TEXTS[:3], *NUMBERS, *COUNTS, *TEXTS[3:])
TYPES = {**dict.fromkeys(TEXTS, "str"), **dict.fromkeys(NUMBERS, "float64"), **dict.fromkeys(COUNTS, "Int64")}


def numbers(metrics: pd.DataFrame, published: pd.DataFrame, study: Study, resamples: int) -> pd.DataFrame:
    """Return one row per dataset and predictor in configured order.

    ``metrics`` and ``published`` are rows of these files. ``validation_empty`` and ``test_empty`` are the
    Dice of the all-empty prediction, ``test_to_empty`` is what a predictor has more than that on the test
    part, paired by slice. A predictor that is not run, or that has no recipe of its own, has a row that
    says so.
    """
    slices, seeds = reported_dice(metrics).reset_index(), metrics["seed"].nunique()
    rows = []
    for dataset in study.datasets:
        here = slices[slices["dataset"] == dataset]
        parts = {part: _by_predictor(here[here["part"] == name]) for part, name in PARTS.items()}
        empty = {part: groups[study.background] for part, groups in parts.items() if study.background in groups}
        for name in study.predictors:
            row: dict[str, Any] = {"dataset": dataset, "predictor": name} | _published(published, name)
            for part, cases in empty.items():
                row[f"{part}_empty"] = means_with_intervals(cases, [REPORTED], resamples)[REPORTED].mean
            if name in study.not_run:
                row["note"] = f"not run: {study.not_run[name]}"
            elif not any(name in groups for groups in parts.values()):
                row["note"] = "no grid of its own: its members have different recipes"
            else:
                row |= {"seeds": seeds, "recipe": study.specification(name)["recipe"]}
                row["built_without"] = " ".join(study.built_without(name))
                for part in (part for part, groups in parts.items() if name in groups):
                    row |= _judged(parts[part][name], part, resamples)
                if "test" in empty and name != study.background and name in parts["test"]:
                    row |= _to_empty(parts["test"][name], empty["test"], resamples)
                if row["published_on"] and dataset not in study.phantoms and not row["built_without"]:
                    row["difference"] = row.get(row["published_on"], float("nan")) - row["published"]
            rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(TYPES)


def _by_predictor(slices: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {str(name): own for name, own in slices.groupby("predictor")}


def _published(published: pd.DataFrame, name: str) -> dict[str, Any]:
    """Return the published Dice of a predictor and the part that it is of."""
    subset = published_subset(published, name, METRIC)
    if subset and subset not in SUBSETS:
        raise InputError(f"published.csv: Dice of {name} on {subset!r}; the table knows {' and '.join(SUBSETS)}")
    return {"published": published_value(published, name, METRIC), "published_on": SUBSETS.get(subset, "")}


def _judged(cases: pd.DataFrame, part: str, resamples: int) -> dict[str, Any]:
    """Return the Dice of a predictor's ``cases`` of one part, with its interval, and their counts."""
    counts = {f"{part}_slices": cases["case"].nunique(), f"{part}_patients": cases["patient"].nunique()}
    return counts | as_columns({part: means_with_intervals(cases, [REPORTED], resamples)[REPORTED]})


def _to_empty(cases: pd.DataFrame, empty: pd.DataFrame, resamples: int) -> dict[str, float]:
    """Return what ``cases`` have more than the all-empty prediction, paired by slice and organ."""
    gains = cases.assign(**{TO_EMPTY: minus(cases, empty, REPORTED)})
    return as_columns(means_with_intervals(gains, [TO_EMPTY], resamples))
