"""The accuracy table: what was published beside what came out, and the line of predicting nothing at all.

Two averages, never mixed: over the means of the test batches, as the authors did, and over cases.
Only the second has intervals, from a bootstrap that resamples patients.
"""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from medley.results.cases import judged_part, outside_share
from medley.results.read import published_value
from medley.results.study import Study
from medley.tables.compare import means_with_intervals, minus

NEEDS = {"as_reported": ("batches",)}  # keys of protocols
METRIC = "pixel_accuracy"
PER_CASE = ("per_case", "per_case_low", "per_case_high")
TO_BACKGROUND = ("per_case_to_background", "per_case_to_background_low", "per_case_to_background_high")
NUMBERS = (
    *("published", "reproduced", "difference", "background", *PER_CASE, *TO_BACKGROUND),
    *("weighted_jaccard", "foreground_iou", "foreground_outside"),
)
COUNTS = ("batches", "batches_without_foreground", "cases", "patients", "seeds")
TEXTS = ("dataset", "predictor", "recipe", "built_without", "note")
COLUMNS = (*TEXTS[:3], *NUMBERS, "built_without", *COUNTS, "note")
TYPES = {**dict.fromkeys(TEXTS, "str"), **dict.fromkeys(NUMBERS, "float64"), **dict.fromkeys(COUNTS, "Int64")}

Stores = Mapping[tuple[str, str], Mapping[str, Any]]


def numbers(
    metrics: pd.DataFrame,
    batches: pd.DataFrame,
    published: pd.DataFrame,
    stores: Stores,
    study: Study,
    resamples: int,
) -> pd.DataFrame:
    """Return one row per dataset and predictor in configured order; fractions, not percent.

    ``metrics``, ``batches`` and ``published`` are rows of these files, ``stores`` the indices of the
    array stores by dataset and recipe. A predictor that is not run, or that has no recipe of its own,
    has a row that says so.
    """
    rows = []
    for dataset in study.datasets:
        cases = _by_case(metrics[(metrics["dataset"] == dataset) & (metrics["metric"] == METRIC)])
        means = _over_batches(batches[batches["dataset"] == dataset])
        line = study.background if study.background in cases else None
        for name in study.predictors:
            row: dict[str, Any] = {"dataset": dataset, "predictor": name}
            row["published"] = published_value(published, name, METRIC)
            if line is not None:
                row["background"] = means.get(line, {}).get(METRIC)
            if name in study.not_run:
                row["note"] = f"not run: {study.not_run[name]}"
            elif name not in cases:
                row["note"] = "no grid of its own: its members have different recipes"
            else:
                own = cases[name]
                if line is not None and name != line:
                    own = own.assign(gain=minus(own, cases[line], "value"))
                row |= _made(name, study) | _judged(own, means.get(name, {}), resamples)
                row["foreground_outside"] = outside_share(stores.get((dataset, row["recipe"])), own["case"])
                if dataset not in study.phantoms and not row["built_without"]:
                    row["difference"] = row["reproduced"] - row["published"]
            rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(TYPES)


def _by_case(accuracies: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return each predictor's accuracy of each judged case (label, case, patient, value), averaged over seeds."""
    judged = accuracies[accuracies["part"] == judged_part(accuracies)]
    means = judged.groupby(["predictor", "label", "case", "patient"], sort=True)["value"].mean().reset_index()
    return {str(name): own for name, own in means.groupby("predictor")}


def _over_batches(batches: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return, per predictor, the mean over batches and seeds of each as-reported metric, and their counts.

    ``batches_without_foreground`` counts those, over seeds, that have no foreground IoU.
    """
    without = batches["value"].isna() & (batches["metric"] == "iou")
    counts = (
        batches.assign(without=without)
        .groupby("predictor")
        .agg(batches=("batch", "nunique"), seeds=("seed", "nunique"), batches_without_foreground=("without", "sum"))
    )
    means = batches.pivot_table(index="predictor", columns="metric", values="value", aggfunc="mean")
    rows = counts.join(means).to_dict("index")
    return {str(name): {str(key): value for key, value in row.items()} for name, row in rows.items()}


def _made(name: str, study: Study) -> dict[str, Any]:
    """Return the recipe that a predictor is judged on, and the members that it lacks."""
    return {"recipe": study.specification(name)["recipe"], "built_without": " ".join(study.built_without(name))}


def _judged(cases: pd.DataFrame, means: Mapping[str, float], resamples: int) -> dict[str, Any]:
    """Return one predictor's numbers: of its ``cases``, with intervals, and of the ``means`` over batches."""
    columns = [column for column in ("value", "gain") if column in cases]
    found = means_with_intervals(cases, columns, resamples)
    row: dict[str, Any] = dict(zip(PER_CASE, found["value"], strict=True))
    if "gain" in found:
        row |= dict(zip(TO_BACKGROUND, found["gain"], strict=True))
    return row | {
        "reproduced": means.get(METRIC, math.nan),
        "weighted_jaccard": means.get("weighted_jaccard"),
        "foreground_iou": means.get("iou"),
        "batches": means.get("batches"),
        "batches_without_foreground": means.get("batches_without_foreground"),
        "cases": len(cases),
        "patients": cases["patient"].nunique(),
        "seeds": means.get("seeds"),
    }
