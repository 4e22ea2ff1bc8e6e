"""Metrics by case: which part of the predictions is judged, and how much of the truth a recipe's window leaves out."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from medley.cases import Case

PART_ORDER = ("test", "out_of_fold")  # the first one present is judged
MEAN = "mean"  # in the place of a label: the average over the predictor's own labels
ALL = "all"  # in the place of a phase: every case
MEASURED = ("dice", "iou", "hd", "hd95", "assd", "nsd", "precision", "recall", "volume_difference")
METRICS = (*MEASURED, "volume_error")
VOLUMES = ("volume_difference", "volume_error")
KEYS = ["dataset", "part", "predictor", "label", "case", "patient"]


def judged_part(metrics: pd.DataFrame) -> str:
    """Return ``test`` where ``metrics``, of one dataset, has test cases, else ``out_of_fold``."""
    parts = set(metrics["part"])
    return next((part for part in PART_ORDER if part in parts), PART_ORDER[-1])


def per_case(metrics: pd.DataFrame, phases: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """Return ``native_cases`` with each case's phase; ``phases`` holds those of each dataset's cases."""
    cases = native_cases(metrics)
    pairs = zip(cases["dataset"], cases["case"], strict=True)
    return cases.assign(phase=[phases[dataset][case] for dataset, case in pairs])


def native_cases(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return one row per dataset, part, predictor, label and case with every native metric, averaged over seeds.

    ``metrics`` holds rows of metrics.csv. ``volume_error`` (ml) is the absolute volume difference.
    ``judged``, ``left_out`` and ``one_empty`` count the predictions, over seeds, that have a Dice, where
    both masks are empty, and where one of them is.
    """
    native = metrics[metrics["convention"] == "native"]
    wide = native.set_index([*KEYS, "seed", "metric"])["value"].unstack("metric").reindex(columns=list(MEASURED))
    known = wide["dice"].notna()
    # With one mask empty, either precision or recall has nothing to divide by.
    wide["one_empty"] = known & (wide["precision"].isna() ^ wide["recall"].isna())
    wide["judged"], wide["left_out"] = known, ~known
    wide["volume_error"] = wide["volume_difference"].abs()
    how = {**dict.fromkeys(METRICS, "mean"), **dict.fromkeys(("judged", "left_out", "one_empty"), "sum")}
    return wide.groupby(level=KEYS, sort=True).agg(how).reset_index()


def are_pictures(cases: Iterable[Case]) -> bool:
    """Return whether all ``cases`` are single slices of 1 by 1 mm, as readers list pictures.

    A picture's true size is not known. What is said of its pixels holds just as well where they do measure 1 mm.
    """
    return all(case.shape[2] == 1 and case.spacing == (1.0, 1.0, 1.0) for case in cases)


def outside_share(index: Mapping[str, Any] | None, cases: Iterable[str]) -> float:
    """Return the share of the true foreground voxels of ``cases`` outside a recipe's window.

    ``index`` is that of the recipe's array store (see ``medley.store``), None where there is no one
    recipe. Not a number without an index or any foreground.
    """
    counts = [index["cases"][case] for case in sorted(set(cases))] if index else []
    lost, whole = (sum(case[key] for case in counts) for key in ("foreground_outside", "foreground"))
    return lost / whole if whole else math.nan
