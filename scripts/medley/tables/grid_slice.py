"""Members of a grid that share one choice, as reported: published beside reproduced, inside beside outside.

Two tables are made so: the encoders under one loss, and the losses with one encoder. Test cases that the
inspection drops are left out, as the authors left out theirs.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from medley.cases import Case, dropped
from medley.errors import InputError
from medley.results.authors import inspected, published_of
from medley.results.cases import KEYS, native_cases
from medley.results.read import published_value
from medley.results.study import Study
from medley.splits import TEST
from medley.tables.compare import ENDS, as_columns, means_with_intervals, sum_with_interval

METRICS = ("dice", "iou", "hd95", "precision", "recall")  # of metrics.csv; the last two tell when one mask is empty
PARTS = {"validation": "out_of_fold", "test": TEST}  # as the table and as metrics.csv call them
OFFICIAL = ("training", "testing")  # parts of a source
JACCARD, LEAST_IOU = "thresholded_jaccard", 0.65
ON_TEST = ("iou", JACCARD, "hd95")
GAP = "test_to_validation"
NUMBERS = ("published", "difference", *(f"{value}{end}" for value in (*PARTS, GAP, *ON_TEST) for end in ENDS))
INSPECTION = tuple(f"{part}_{what}" for part in OFFICIAL for what in ("cases", "kept", "authors_cases", "authors_kept"))
COUNTS = ("validation_cases", "test_cases", "test_patients", "left_out", "one_empty", "seeds", *INSPECTION)
TEXTS = ("dataset", "predictor", "note")
COLUMNS = (*TEXTS[:2], *NUMBERS, *COUNTS, TEXTS[2])
TYPES = {**dict.fromkeys(TEXTS, "str"), **dict.fromkeys(NUMBERS, "float64"), **dict.fromkeys(COUNTS, "Int64")}

Inspected = Mapping[str, tuple[Mapping[str, Case], Sequence[Mapping[str, str]]]]  # dataset → cases, rows of quality.csv


class Slice(NamedTuple):
    """A table of the members that have one choice of one factor."""

    table: str
    factor: str
    choice: str


ENCODERS = Slice("encoders", "loss", "bce")
LOSSES = Slice("losses", "encoder", "resnet50")


def predictors(shown: Slice, study: Study, published: pd.DataFrame) -> list[str]:
    """Return the members that a table shows: those of its choice, and of those that are not run the published ones.

    ``published`` holds the table's rows of published.csv. Raises InputError where there are none.
    """
    said = set(published["predictor"])
    found = [
        name
        for name in study.predictors
        if study.grid.get(name, {}).get(shown.factor) == shown.choice or (name in study.not_run and name in said)
    ]
    if not found:
        raise InputError(
            f"studies.{study.name}: no member of a grid that is shown has the {shown.factor} {shown.choice!r}; "
            f"add one, or take {shown.table} out of tables"
        )
    return found


def numbers(
    metrics: pd.DataFrame,
    inspected_cases: Inspected,
    published: pd.DataFrame,
    study: Study,
    shown: Sequence[str],
    resamples: int,
) -> pd.DataFrame:
    """Return one row per dataset and member of ``shown``.

    ``metrics`` and ``published`` are rows of these files. ``validation`` and ``test`` are Dice, the other
    metrics are of the test part; ``hd95`` is in pixels. ``difference`` is test minus published, none on phantoms;
    ``test_to_validation`` is test minus validation. What the inspection left, and what it left the authors, is by
    official part, the same in each row of a dataset. A member that is not run has a row that says so.
    """
    cases, seeds = by_case(metrics), metrics["seed"].nunique()
    rows = []
    for dataset in study.datasets:
        known, decisions = inspected_cases[dataset]
        here = cases[(cases["dataset"] == dataset) & ~cases["case"].isin(dropped(decisions))]
        said = published_of(published, dataset, "test")
        about = {"dataset": dataset} | _inspection(dataset, known, decisions)
        for name in shown:
            row: dict[str, Any] = about | {"predictor": name, "published": published_value(said, name, "dice")}
            if name in study.not_run:
                rows.append(row | {"note": f"not run: {study.not_run[name]}"})
                continue
            mine = here[(here["predictor"] == name) & here["label"].isin(study.labels(name))]
            row |= {"seeds": seeds} | _judged(mine, resamples)
            if dataset not in study.phantoms:
                row["difference"] = row["test"] - row["published"]
            rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(TYPES)


def by_case(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return ``native_cases`` with ISIC's thresholded Jaccard: the IoU of an image, 0 below LEAST_IOU.

    The threshold is of each seed's prediction; the mean over seeds is taken after it.
    """
    iou = metrics[(metrics["convention"] == "native") & (metrics["metric"] == "iou")]
    passed = iou.assign(value=iou["value"].mask(iou["value"] < LEAST_IOU, 0.0))
    return native_cases(metrics).join(passed.groupby(KEYS)["value"].mean().rename(JACCARD), on=KEYS)


def _judged(cases: pd.DataFrame, resamples: int) -> dict[str, Any]:
    """Return the metrics of a member's ``cases`` with their intervals, and counts."""
    parts = {part: cases[cases["part"] == name] for part, name in PARTS.items()}
    test, found = parts["test"], {}
    for part, own in parts.items():
        found[part] = means_with_intervals(own, ["dice"], resamples)["dice"]
    found[GAP] = sum_with_interval([(1, test, "dice"), (-1, parts["validation"], "dice")], resamples)
    return {
        **as_columns(found | means_with_intervals(test, ON_TEST, resamples)),
        **{f"{part}_cases": own["case"].nunique() for part, own in parts.items()},
        "test_patients": test["patient"].nunique(),
        "left_out": test["left_out"].sum(),
        "one_empty": test["one_empty"].sum(),
    }


def _inspection(dataset: str, cases: Mapping[str, Case], rows: Sequence[Mapping[str, str]]) -> dict[str, int]:
    """Return how many cases each official part has and the inspection keeps, and how many the authors had and kept."""
    gone = dropped(rows)
    row: dict[str, int] = {}
    for part in OFFICIAL:
        names = {name for name, case in cases.items() if case.part == part}
        row |= {f"{part}_cases": len(names), f"{part}_kept": len(names - gone)}
        if used := inspected(dataset, part):
            row |= {f"{part}_authors_cases": used.cases, f"{part}_authors_kept": used.kept}
    return row
