"""How the leakage table is printed: a view for each Dice, one of the test parts, and notes."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from medley.results.slices import AUDITED, REPORTED
from medley.results.study import Study
from medley.tables.leakage import SIDES, SPLITS
from medley.tables.slices_text import EPOCHS, FEW, INTERVALS, seeds, value
from medley.tables.write import MISSING, Table, View, count, notes_of, records, title

HEADINGS = {REPORTED: "Reported Dice", AUDITED: "Audited Dice"}


def table(frame: pd.DataFrame, study: Study, epsilon: float) -> Table:
    """Return what is printed of ``frame`` (see ``leakage.numbers``); ``epsilon`` is that of the reported Dice."""
    # A predictor's last row is that of all its labels.
    means = frame.groupby(["dataset", "metric", "predictor"], sort=False).tail(1)
    views = [
        View.over_datasets(heading, pd.DataFrame([_cells(row) for row in records(means[means["metric"] == metric])]), 1)
        for metric, heading in HEADINGS.items()
    ]
    parts = [cells for row in records(frame.drop_duplicates("dataset")) for cells in _parts(row)]
    views.append(View.over_datasets("Test parts", pd.DataFrame(parts), text=1))
    first, second = frame[list(SPLITS)].iloc[0]
    text = f"leakage, split {first} against split {second}"
    return Table(title(text, study), frame, tuple(views), _notes(frame, first, second, study, epsilon))


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    first, second = (row[split] for split in SPLITS)
    return {
        "dataset": row["dataset"],
        "predictor": row["predictor"],
        f"split {first}": row["note"] or value(row, SIDES[0]),
        f"split {second}": value(row, SIDES[1]),
        f"{first} − {second}": value(row, "difference", signed=True),
        "built without": row["built_without"] or MISSING,
    }


def _parts(row: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {
            "dataset": row["dataset"],
            "split": row[f"{side}_split"],
            "slices with organs": count(row[f"{side}_slices"]),
            "patients": count(row[f"{side}_patients"]),
            "shared patients": count(row[f"{side}_shared_patients"]),
        }
        for side in SIDES
    ]


def _notes(frame: pd.DataFrame, first: str, second: str, study: Study, epsilon: float) -> tuple[str, ...]:
    return (
        f"Judged: test slices with at least one organ, under {second} as under {first}. Means over slices, then over "
        "organs; the organs one by one are in the CSV file.",
        "Shared patients: those of the test part who have slices in the training part as well.",
        f"Reported Dice: on the recipe's grid, epsilon {epsilon:g}, both masks empty 1. Audited Dice: on the "
        "native grid, both masks empty left out, one empty 0.",
        f"{first} − {second} is the leak and more: each predictor was trained anew on each split, so training slices "
        "and test slices differ too, and of each kind there is one split.",
        *_line(study),
        f"{INTERVALS}; for the difference the patients of both test parts, who is in both drawn for both. It is of the "
        f"drawing of test patients, not of the split nor of the training; {FEW}.",
        EPOCHS,
        *notes_of(study),
        f"{seeds(frame)}.",
    )


def _line(study: Study) -> list[str]:
    """Return what the row of the all-empty prediction is good for, where there is one."""
    if study.background is None:
        return []
    return [
        f"{study.background} predicts no organ anywhere and learns nothing: its difference is that of the test slices "
        "alone, of which more or fewer lack an organ."
    ]
