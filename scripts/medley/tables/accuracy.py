"""The accuracy table: what was published beside what came out, and the line of predicting nothing at all.

Batch means are averaged as the authors did; the interval is of the mean over cases, from a bootstrap
that resamples patients.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from medley.tables.compare import mean_with_interval, minus
from medley.tables.read import judged_part, published_value
from medley.tables.study import Study
from medley.tables.write import MISSING, Table, View, count, number, records, title, with_interval

METRIC = "pixel_accuracy"
PERCENT = 100.0
TO_BACKGROUND = ("to_background", "to_background_low", "to_background_high")
NUMBERS = (
    *("published", "reproduced", "low", "high", "difference", "background"),
    *TO_BACKGROUND,
    *("weighted_jaccard", "foreground_iou"),
)
COUNTS = ("batches", "cases", "patients", "seeds")
COLUMNS = ("dataset", "predictor", *NUMBERS, "built_without", *COUNTS, "note")


def numbers(
    metrics: pd.DataFrame, batches: pd.DataFrame, published: pd.DataFrame, study: Study, resamples: int
) -> pd.DataFrame:
    """Return one row per dataset and predictor in configured order; fractions, not percent.

    ``metrics``, ``batches`` and ``published`` are rows of these files. A predictor that is not run
    has a row that says so.
    """
    rows = []
    for dataset in study.datasets:
        here = metrics[(metrics["dataset"] == dataset) & (metrics["metric"] == METRIC)]
        cases = _by_case(here[here["part"] == judged_part(here)])
        means = _batch_means(batches[batches["dataset"] == dataset])
        line = study.background
        for name in study.predictors:
            row: dict[str, Any] = {"dataset": dataset, "predictor": name}
            row["published"] = published_value(published, name, METRIC)
            if line is not None:
                row["background"] = means[METRIC][line]
            if name in study.not_run:
                row["note"] = f"not run: {study.not_run[name]}"
            else:
                row |= _judged(cases[name], means.loc[name].to_dict(), resamples)
                row["difference"] = row["reproduced"] - row["published"]
                row["built_without"] = " ".join(study.built_without(name))
                if line is not None and name != line:
                    gains = cases[name].assign(gain=minus(cases[name], cases[line], "value"))
                    row |= dict(zip(TO_BACKGROUND, mean_with_interval(gains, "gain", resamples), strict=True))
            rows.append(row)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype({**dict.fromkeys(NUMBERS, "float64"), **dict.fromkeys(COUNTS, "Int64")})


def table(frame: pd.DataFrame, study: Study) -> Table:
    """Return what is printed of ``frame`` (see ``numbers``); accuracies in percent."""
    cells = pd.DataFrame([_cells(row, study.phantoms) for row in records(frame)])
    view = View.over_datasets("", cells, text=1)
    return Table(title("pixel accuracy as reported", study), frame, (view,), _notes(frame))


def _by_case(accuracies: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return each predictor's accuracy of each case (label, case, patient, value), averaged over seeds."""
    means = accuracies.groupby(["predictor", "label", "case", "patient"], sort=True)["value"].mean().reset_index()
    return {str(name): own for name, own in means.groupby("predictor")}


def _batch_means(batches: pd.DataFrame) -> pd.DataFrame:
    """Return, per predictor, the mean over batches and seeds of each as-reported metric, and their counts."""
    means = batches.pivot_table(index="predictor", columns="metric", values="value", aggfunc="mean")
    counts = batches.groupby("predictor").agg(batches=("batch", "nunique"), seeds=("seed", "nunique"))
    return means.join(counts)


def _judged(cases: pd.DataFrame, means: Mapping[Any, Any], resamples: int) -> dict[str, Any]:
    """Return one predictor's reproduced numbers, of its ``cases`` and the ``means`` over batches."""
    _, low, high = mean_with_interval(cases, "value", resamples)
    return {
        "reproduced": means[METRIC],
        "low": low,
        "high": high,
        "weighted_jaccard": means.get("weighted_jaccard"),
        "foreground_iou": means.get("iou"),
        "batches": means["batches"],
        "cases": len(cases),
        "patients": cases["patient"].nunique(),
        "seeds": means["seeds"],
    }


def _cells(row: Mapping[str, Any], phantoms: Sequence[str]) -> dict[str, str]:
    """Return a row as text; ↓ marks what lies below the all-background prediction on the same kind of data."""

    def below(value: float) -> str:
        return " ↓" if value < row["background"] else ""

    percent = {name: row[name] * PERCENT for name in NUMBERS}
    reproduced = with_interval(percent["reproduced"], percent["low"], percent["high"], 2)
    gain, low, high = (percent[name] for name in TO_BACKGROUND)
    published = number(percent["published"], 2)
    if row["dataset"] not in phantoms:
        published += below(row["published"])
    return {
        "dataset": row["dataset"],
        "predictor": row["predictor"],
        "published": published,
        "reproduced": row["note"] or reproduced + below(row["reproduced"]),
        "difference": number(percent["difference"], 2, signed=True),
        "to background": with_interval(gain, low, high, 2, signed=True),
        "weighted Jaccard": number(row["weighted_jaccard"], 3),
        "foreground IoU": number(row["foreground_iou"], 3),
        "built without": row["built_without"] or MISSING,
        "batches": count(row["batches"]),
        "cases": count(row["cases"]),
        "patients": count(row["patients"]),
    }


def _notes(frame: pd.DataFrame) -> tuple[str, ...]:
    return (
        "Accuracy in percent, background counted: mean over the means of the test batches "
        "(slices in the order of cases, cut into nearly equal batches).",
        "Computed on the recipe's grid, after its pad and crop, as the authors did; not on the native one.",
        "In brackets: 95 % interval of the mean over cases, from a bootstrap that resamples patients.",
        "Difference: reproduced minus published, in percentage points.",
        "To background: minus the accuracy of predicting background everywhere, paired by case.",
        "↓ lies below that line (published numbers are not held against a line on phantoms).",
        "Weighted Jaccard: over background and foreground, by class frequency. Foreground IoU: batch means, averaged.",
        f"Seeds: {count(frame['seeds'].max())}; values are means over seeds.",
    )
