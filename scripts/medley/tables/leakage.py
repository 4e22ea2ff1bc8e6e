"""The leakage table: each predictor under the split over slices and under the split over patients.

Both are judged on test slices with organs only, so that like is compared with like. What differs is
which slices were trained on and which are judged.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from medley.cases import Case
from medley.results.slices import AUDITED, REPORTED, Folds, Shown, by_slice, held_out, labels_and_mean, with_organs
from medley.splits import TEST
from medley.tables.compare import ENDS, as_columns, means_with_intervals, sum_with_interval

NEEDS = {"as_reported": ("dice_epsilon",), "audited": ("dice_epsilon",)}  # keys of protocols
SIDES = ("as_reported", "audited")  # protocols, each with its split
METRICS = (REPORTED, AUDITED)
SPLITS = tuple(f"{side}_split" for side in SIDES)
NUMBERS = tuple(f"{value}{end}" for value in (*SIDES, "difference") for end in ENDS)
COUNTS = (*(f"{side}_{what}" for side in SIDES for what in ("slices", "patients", "shared_patients")), "seeds")
TEXTS = ("dataset", "predictor", "label", "metric", *SPLITS, "built_without", "note")
COLUMNS = (*TEXTS[:4], *NUMBERS, *SPLITS, *COUNTS, *TEXTS[-2:])
TYPES = {**dict.fromkeys(TEXTS, "str"), **dict.fromkeys(NUMBERS, "float64"), **dict.fromkeys(COUNTS, "Int64")}


def numbers(
    sides: Mapping[str, Shown],
    cases: Mapping[str, Mapping[str, Case]],
    splits: Mapping[tuple[str, str], Folds],
    resamples: int,
) -> pd.DataFrame:
    """Return one row per dataset, metric, predictor that both ``sides`` show, and label, then ``mean``.

    ``sides`` holds what each of the two protocols shows, ``cases`` each dataset's cases, ``splits`` the
    parts by dataset and split. ``difference`` is as reported minus audited; its interval draws the
    patients of both test parts together. ``shared_patients`` counts those of a test part who have
    slices in its training part as well. A predictor that is not run has one row per metric that says so.
    """
    study = sides["as_reported"].study
    slices = {side: by_slice(shown.metrics) for side, shown in sides.items()}
    seeds = max(shown.metrics["seed"].nunique() for shown in sides.values())
    rows: list[dict[str, Any]] = []
    for dataset in study.datasets:
        filled = with_organs(cases[dataset])
        judged = {side: _judged(frame, dataset, filled) for side, frame in slices.items()}
        about = {"dataset": dataset} | _parts(sides, dataset, cases[dataset], splits)
        for metric in METRICS:
            for name in (name for name in study.predictors if name in sides["audited"].study.predictors):
                row = about | {"metric": metric, "predictor": name}
                if name in study.not_run:
                    rows.append(row | {"note": f"not run: {study.not_run[name]}"})
                    continue
                row |= {"seeds": seeds, "built_without": " ".join(study.built_without(name))}
                mine = {side: frame[frame["predictor"] == name] for side, frame in judged.items()}
                for label, labels in labels_and_mean(study, name):
                    own = {side: frame[frame["label"].isin(labels)] for side, frame in mine.items()}
                    rows.append(row | {"label": label} | _compare(own, metric, resamples))
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(TYPES)


def _judged(slices: pd.DataFrame, dataset: str, filled: set[str]) -> pd.DataFrame:
    """Return the rows of the test slices of a dataset that are among ``filled``."""
    return slices[(slices["dataset"] == dataset) & (slices["part"] == TEST) & slices["case"].isin(filled)]


def _parts(
    sides: Mapping[str, Shown], dataset: str, cases: Mapping[str, Case], splits: Mapping[tuple[str, str], Folds]
) -> dict[str, Any]:
    """Return the name of each side's split and what its test part holds."""
    row: dict[str, Any] = {}
    for side, shown in sides.items():
        test = held_out(cases, splits[dataset, shown.split], organs_only=True)
        row |= {f"{side}_split": shown.split, f"{side}_slices": test.slices, f"{side}_patients": test.patients}
        row[f"{side}_shared_patients"] = test.shared_patients
    return row


def _compare(slices: Mapping[str, pd.DataFrame], metric: str, resamples: int) -> dict[str, float]:
    """Return ``metric`` of the ``slices`` of each side, and the difference, each with its interval."""
    found = {side: means_with_intervals(own, [metric], resamples)[metric] for side, own in slices.items()}
    first, second = (slices[side] for side in SIDES)
    found["difference"] = sum_with_interval([(1, first, metric), (-1, second, metric)], resamples)
    return as_columns(found)
