"""How the accuracy table is printed: one view, accuracies in percent, and notes."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from medley.results.study import Study
from medley.tables.accuracy import NUMBERS, PER_CASE, TO_BACKGROUND, Stores
from medley.tables.write import MISSING, Table, View, count, notes_of, number, records, title, with_interval

PERCENT = 100.0
# By whether the recipe resamples: what a number on its grid is made of.
GRIDS = {
    False: "after its pad and crop",
    True: "to which decisions were resampled, a round trip that is part of the number",
}


def table(frame: pd.DataFrame, stores: Stores, study: Study) -> Table:
    """Return what is printed of ``frame`` (see ``accuracy.numbers``, there also ``stores``)."""
    cells = pd.DataFrame([_cells(row, study.phantoms) for row in records(frame)])
    view = View.over_datasets("", cells, text=1)
    return Table(title("pixel accuracy as reported", study), frame, (view,), _notes(frame, stores, study))


def _cells(row: Mapping[str, Any], phantoms: Sequence[str]) -> dict[str, str]:
    """Return a row as text; ↓ marks what lies below the all-background prediction on the same kind of data."""

    def below(value: float) -> str:
        return " ↓" if value < row["background"] else ""

    def with_ends(names: Sequence[str], signed: bool = False) -> str:
        value, low, high = (PERCENT * row[name] for name in names)
        return with_interval(value, low, high, 2, signed)

    percent = {name: PERCENT * row[name] for name in NUMBERS}
    published = number(percent["published"], 2)
    if row["dataset"] not in phantoms:
        published += below(row["published"])
    return {
        "dataset": row["dataset"],
        "predictor": row["predictor"],
        "published": published,
        "reproduced": row["note"] or number(percent["reproduced"], 2) + below(row["reproduced"]),
        "difference": number(percent["difference"], 2, signed=True),
        "per case": with_ends(PER_CASE),
        "per case, to background": with_ends(TO_BACKGROUND, signed=True),
        "weighted Jaccard": number(row["weighted_jaccard"], 3),
        "foreground IoU": number(row["foreground_iou"], 3),
        "built without": row["built_without"] or MISSING,
        "batches": count(row["batches"]),
        "cases": count(row["cases"]),
        "patients": count(row["patients"]),
    }


def _notes(frame: pd.DataFrame, stores: Stores, study: Study) -> tuple[str, ...]:
    return (
        "Accuracy in percent, background counted. Published and reproduced: mean over the means of the test batches "
        "(slices in the order of cases, cut into nearly equal batches).",
        *_grids(frame, stores),
        "Difference: reproduced minus published, in percentage points; none on phantoms and for an ensemble built "
        "without a member, since these are not what was published.",
        "Per case: mean over cases, so not the same number as reproduced. In brackets: 95 % interval from a bootstrap "
        "that resamples patients.",
        "Per case, to background: minus the accuracy of predicting background everywhere, paired by case: the "
        "difference of two numbers in the column per case.",
        "↓ lies below the batches' mean of that prediction (published numbers are not held against one on phantoms).",
        "Weighted Jaccard: over background and foreground, by class frequency. Foreground IoU: batch means, averaged; "
        f"batches without foreground in truth and prediction left out: {_left_out(frame)}.",
        *notes_of(study),
        f"Seeds: {count(frame['seeds'].max())}; values are means over seeds, batches left out are summed.",
    )


def _grids(frame: pd.DataFrame, stores: Stores) -> list[str]:
    """Return a note for each dataset and recipe: on which grid its numbers are, and what they do not see."""
    shown = frame.dropna(subset="foreground_outside").drop_duplicates(["dataset", "recipe"])
    return [
        f"{dataset}, recipe {recipe}: computed on the recipe's grid, "
        f"{GRIDS[any(stores[dataset, recipe]['recipe']['spacing'] or ())]}, not on the native one; "
        f"{number(PERCENT * share, 1)} % of the true foreground of these cases lies outside its window and is not "
        "counted at all."
        for dataset, recipe, share in shown[["dataset", "recipe", "foreground_outside"]].to_numpy()
    ]


def _left_out(frame: pd.DataFrame) -> str:
    """Return how many batches of which predictor have no foreground IoU."""
    rows = frame[frame["batches_without_foreground"].fillna(0) > 0]
    several = frame["dataset"].nunique() > 1
    named = (
        f"{dataset} {predictor} {count(number_of)}" if several else f"{predictor} {count(number_of)}"
        for dataset, predictor, number_of in rows[["dataset", "predictor", "batches_without_foreground"]].to_numpy()
    )
    return ", ".join(named) or "none"
