"""How the function table is printed: bias and limits of agreement, then absolute error and correlation, and notes."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from medley.cases import Case
from medley.results.function import DENSITY, DIASTOLE, MYOCARDIUM, has_volumes
from medley.results.study import Study
from medley.tables.compare import ENDS
from medley.tables.function import MISSING
from medley.tables.slices_text import FEW
from medley.tables.write import Table, View, count, notes_of, number, records, title, with_interval

DIGITS = {"correlation": 3}  # of all others 1


def table(frame: pd.DataFrame, cases: Mapping[str, Mapping[str, Case]], study: Study) -> Table:
    """Return what is printed of ``frame`` (see ``function.numbers``)."""
    rows = records(frame)
    views = (
        View.over_datasets("Bias and limits of agreement", pd.DataFrame([_bias(row) for row in rows]), text=2),
        View.over_datasets("Error and correlation", pd.DataFrame([_error(row) for row in rows]), text=2),
    )
    return Table(title("volumes, ejection fraction and mass", study), frame, views, _notes(frame, cases, study))


def _names(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "dataset": row["dataset"],
        "predictor": row["predictor"],
        "quantity": f"{row['quantity']} ({row['unit']})",
    }


def _cell(row: Mapping[str, Any], name: str, signed: bool = False) -> str:
    mean, low, high = (row[f"{name}{end}"] for end in ENDS)
    return with_interval(mean, low, high, DIGITS.get(name, 1), signed)


def _bias(row: Mapping[str, Any]) -> dict[str, str]:
    return _names(row) | {
        "true": number(row["true"], 1),
        "predicted": number(row["predicted"], 1),
        "bias": _cell(row, "bias", signed=True),
        "lower limit": _cell(row, "lower_limit", signed=True),
        "upper limit": _cell(row, "upper_limit", signed=True),
        "patients": count(row["patients"]),
    }


def _error(row: Mapping[str, Any]) -> dict[str, str]:
    return _names(row) | {
        "absolute error": _cell(row, "absolute_error"),
        "correlation": _cell(row, "correlation"),
        "patients": count(row["patients"]),
        **{reason: count(row[column]) for reason, column in MISSING.items()},
    }


def _notes(frame: pd.DataFrame, cases: Mapping[str, Mapping[str, Case]], study: Study) -> tuple[str, ...]:
    parts = frame[["dataset", "part"]].drop_duplicates().itertuples(index=False)
    without = [name for name in study.datasets if not any(map(has_volumes, cases[name].values()))]
    not_run = [f"{name} ({study.not_run[name]})" for name in study.predictors if name in study.not_run]
    return (
        *(f"{dataset}: {part.replace('_', '-')} cases." for dataset, part in parts),
        "Volumes: voxels times the volume of one, on the native grid of the short axis. Ejection fraction: "
        f"end-diastolic minus end-systolic volume, in % of the end-diastolic one. LV mass: {MYOCARDIUM} at {DIASTOLE} "
        f"times {DENSITY:g} g/ml. Basal and apical slices count as far as they are drawn.",
        "Bias: predicted minus true, mean over patients. Limits of agreement: bias ± 1.96 standard deviations of the "
        "differences. Absolute error: its mean over patients. Correlation: Pearson's.",
        "Patients: those with a true and a predicted value. Others have none, and are counted by the reason: no image "
        "of a phase, an empty true mask, an empty predicted one. Leaving out the last flatters a predictor that misses "
        "whole ventricles.",
        f"In brackets: 95 % interval from a bootstrap that resamples patients; {FEW}.",
        *(f"{name}: no volumes, since it has no short-axis image of a known phase." for name in without),
        *([f"Not run: {', '.join(not_run)}."] if not_run else []),
        *notes_of(study),
        f"Seeds: {count(frame['seeds'].max())}; predictions of several seeds are rows of their own, drawn with their "
        "patient, and counts of what is missing are sums.",
    )
