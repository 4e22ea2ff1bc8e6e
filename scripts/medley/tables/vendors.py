"""The vendors table: networks trained without one vendor, on test cases of each vendor and pathology.

Seen and unseen are what a network's training and validation cases have, and what they lack.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from medley.results.cases import ALL
from medley.results.slices import labels_and_mean
from medley.results.study import Study
from medley.results.vendors import EACH, NONE, minus, vendors_of
from medley.tables.compare import ENDS, as_columns, means_with_intervals

NEEDS = {"audited": ("tolerance",)}  # keys of protocols; the one under which networks are trained on all vendors
SEEN, UNSEEN = "seen", "unseen"  # in the place of a vendor or pathology: all such
TO_ALL, TO_SEEN = "dice_to_all", "dice_to_seen"
MEASURED = ("dice", "hd", TO_ALL, TO_SEEN)
PAIRED = ("dataset", "predictor", "label", "case")
NUMBERS = tuple(f"{value}{end}" for value in MEASURED for end in ENDS)
COUNTS = ("trained_on", "cases", "patients", "left_out", "one_empty", "seeds")
TEXTS = ("dataset", "predictor", "without", "vendor", "pathology", "label", "built_without", "note")
MARKS = ("vendor_unseen", "pathology_unseen")
COLUMNS = (*TEXTS[:5], *MARKS, "label", *NUMBERS, *COUNTS, *TEXTS[6:])
TYPES = {
    **dict.fromkeys(TEXTS, "str"),
    **dict.fromkeys(NUMBERS, "float64"),
    **dict.fromkeys((*MARKS, *COUNTS), "Int64"),
}


def numbers(frame: pd.DataFrame, study: Study, seeds: int, resamples: int) -> pd.DataFrame:
    """Return one row per dataset, predictor, vendor trained without, vendor and pathology tested, and label.

    ``frame`` is what ``results.vendors.by_case`` returns. ``without`` is none for training on all vendors and each for
    all networks that were trained without one. Distances are in mm, intervals over patients; ``vendor_unseen`` and
    ``pathology_unseen`` are 1 where there was none such to learn from. ``dice_to_all`` is minus the Dice of the same
    predictor trained on all vendors; ``dice_to_seen``, for vendors unseen, minus the mean Dice of those of its networks
    that were trained with that vendor and without another: both paired by case. A predictor that is not run has a row
    that says so.
    """
    compared = _with_differences(frame)
    rows: list[dict[str, Any]] = []
    for dataset in study.datasets:
        here = compared[compared["dataset"] == dataset]
        for name in study.predictors:
            about: dict[str, Any] = {"dataset": dataset, "predictor": name}
            if name in study.not_run:
                rows.append(about | {"note": f"not run: {study.not_run[name]}"})
                continue
            about |= {"seeds": seeds, "built_without": " ".join(study.built_without(name))}
            for label, labels in labels_and_mean(study, name):
                own = here[(here["predictor"] == name) & here["label"].isin(labels)]
                for place, selected in _selections(own, vendors_of(here, dataset)):
                    rows.append(about | place | {"label": label} | _judge(selected, resamples))
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(TYPES)


def _with_differences(frame: pd.DataFrame) -> pd.DataFrame:
    """Return ``frame`` with the columns TO_ALL and TO_SEEN, not a number where they make no sense."""
    whole = frame[frame["without"] == NONE]
    parted = frame[frame["without"] != NONE]
    to_all = minus(parted, whole, "dice", PAIRED)
    to_seen = minus(parted, parted[parted["vendor_seen"]], "dice", PAIRED)
    parted = parted.assign(**{TO_ALL: to_all, TO_SEEN: np.where(parted["vendor_seen"], np.nan, to_seen)})
    return pd.concat([whole, parted], ignore_index=True).astype({TO_ALL: np.float64, TO_SEEN: np.float64})


def _selections(own: pd.DataFrame, vendors: list[str]) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Yield (vendor trained without, vendor and pathology tested; the rows of ``own`` that are of them)."""
    for without in (name for name in (NONE, *vendors) if name in set(own["without"])):
        network = own[own["without"] == without]
        for vendor in vendors:
            yield _place(without, vendor), network[network["vendor"] == vendor]
        yield _place(without, ALL), network
        if without == NONE:
            yield from _pathologies(network, without, ALL)
    parted = own[own["without"] != NONE]
    for vendor, seen in ((SEEN, True), (UNSEEN, False)):
        chosen = parted[parted["vendor_seen"] == seen]
        if len(chosen):
            yield _place(EACH, vendor), chosen
            yield from _pathologies(chosen, EACH, vendor)


def _pathologies(cases: pd.DataFrame, without: str, vendor: str) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Yield the rows of each pathology, then of those learnt from and those not, where there are both."""
    for pathology, selected in cases[cases["pathology"] != ""].groupby("pathology"):
        yield _place(without, vendor, str(pathology)), selected
    if cases["pathology_seen"].nunique() > 1:
        for pathology, seen in ((SEEN, True), (UNSEEN, False)):
            yield _place(without, vendor, pathology), cases[cases["pathology_seen"] == seen]


def _place(without: str, vendor: str, pathology: str = ALL) -> dict[str, Any]:
    return {"without": without, "vendor": vendor, "pathology": pathology}


def _judge(cases: pd.DataFrame, resamples: int) -> dict[str, Any]:
    """Return means of ``cases`` with their intervals, counts, and whether vendor and pathology are unseen."""
    row: dict[str, Any] = {key: cases[key].sum() for key in ("left_out", "one_empty")}
    row |= {"cases": cases["case"].nunique(), "patients": cases["patient"].nunique()}
    row["trained_on"] = cases["trained_on"].max() if cases["without"].nunique() == 1 else pd.NA
    row |= {mark: int(not cases[mark.replace("unseen", "seen")].any()) for mark in MARKS}
    return row | as_columns(means_with_intervals(cases, MEASURED, resamples))
