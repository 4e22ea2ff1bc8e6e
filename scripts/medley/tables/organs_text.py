"""How the organs table is printed: Dice under each split, the competition's score, and notes."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from medley.cases import Case
from medley.results.cases import MEAN
from medley.results.slices import AUDITED, HAUSDORFF, REPORTED, Folds, HeldOut, held_out, incomplete_scans
from medley.results.study import Study
from medley.tables.organs import PAIRS, SCORED
from medley.tables.slices_text import EPOCHS, FEW, INTERVALS, seeds, value
from medley.tables.write import MISSING, Table, View, count, notes_of, records, title


def table(
    frame: pd.DataFrame,
    cases: Mapping[str, Mapping[str, Case]],
    splits: Mapping[tuple[str, str], Folds],
    study: Study,
    epsilon: float,
    weights: Mapping[str, float],
) -> Table:
    """Return what is printed of ``frame`` (see ``organs.numbers``, there also ``weights``).

    ``cases`` are each dataset's cases, ``splits`` their parts by dataset and split, ``epsilon`` is that of
    the reported Dice.
    """
    views = []
    for (protocol, split), own in frame.groupby(["protocol", "split"], sort=False):
        rows = records(own)
        views.append(View.over_datasets(f"Dice, split {split}", pd.DataFrame([_dice(row) for row in rows]), text=2))
        if protocol == SCORED:
            cells = pd.DataFrame([_score(row) for row in rows])
            views.append(View.over_datasets(f"The competition's score, split {split}", cells, text=2))
    where = [
        _where(dataset, split, held_out(cases[dataset], splits[dataset, split]))
        for split in frame["split"].unique()
        for dataset in study.datasets
    ]
    notes = (
        *where,
        *_incomplete(frame, cases, splits, study),
        EPOCHS,
        *_conventions(epsilon, weights),
        f"{INTERVALS}, the same draws for both parts of the score; {FEW}.",
        *notes_of(study),
        f"{seeds(frame)}, counts are sums.",
    )
    return Table(title("Dice and score by organ", study), frame, tuple(views), notes)


def _names(row: Mapping[str, Any], of_all: str) -> dict[str, str]:
    label = of_all if row["label"] == MEAN else row["label"] or MISSING
    return {"dataset": row["dataset"], "predictor": row["predictor"], "organ": label}


def _dice(row: Mapping[str, Any]) -> dict[str, str]:
    return _names(row, "all, mean") | {
        "reported Dice": row["note"] or value(row, REPORTED),
        "audited Dice": value(row, AUDITED),
        "judged": count(row["judged"]),
        "left out": count(row["left_out"]),
        "one empty": count(row["one_empty"]),
        "built without": row["built_without"] or MISSING,
    }


def _score(row: Mapping[str, Any]) -> dict[str, str]:
    return _names(row, "all pairs") | {
        "Dice": row["note"] or value(row, PAIRS),
        "Hausdorff": value(row, HAUSDORFF),
        "scans": count(row["scans"]),
        "score": value(row, "score"),
        "built without": row["built_without"] or MISSING,
    }


def _where(dataset: str, split: str, test: HeldOut) -> str:
    """Return what the test part of a split holds."""
    return (
        f"{dataset}, split {split}: the test part, {count(test.slices)} slices ({count(test.without_organs)} of them "
        f"without any organ), patients: {count(test.patients)}."
    )


def _incomplete(
    frame: pd.DataFrame,
    cases: Mapping[str, Mapping[str, Case]],
    splits: Mapping[tuple[str, str], Folds],
    study: Study,
) -> list[str]:
    """Return how many scans of the scored test part lack a slice, and so have no distance."""
    scored = frame.loc[frame["protocol"] == SCORED, "split"].unique()
    counts = {dataset: incomplete_scans(cases[dataset], splits[dataset, scored[0]]) for dataset in study.datasets}
    return [
        f"{dataset}: {count(lacking)} scans of the test part lack a slice (dropped by the inspection, or without a "
        "mask) and have no Hausdorff distance; their other slices have a Dice."
        for dataset, lacking in counts.items()
        if lacking
    ]


def _conventions(epsilon: float, weights: Mapping[str, float]) -> tuple[str, ...]:
    return (
        f"Reported Dice: on the recipe's grid, epsilon {epsilon:g}, so 1 for an organ that is in neither mask of a "
        "slice.",
        "Audited Dice: on the native grid; judged, left out and one empty count pairs of slice and organ. Both masks "
        "empty: left out. One empty: 0, and judged.",
        "Averages: over slices within an organ, then over organs (all, mean; its counts are sums). The score and its "
        "parts: over pairs of slice and organ, or scan and organ, whichever the organ (all pairs).",
        "Hausdorff: of a whole scan and an organ in three dimensions, voxel coordinates divided by the numbers of "
        "slices, rows and columns and the distance by the square root of 3, so between 0 and 1. Both masks empty: "
        "left out. One empty: 1.",
        f"Score: {weights['dice']:g} × audited Dice of the pairs + {weights['hausdorff']:g} × (1 − Hausdorff), our "
        "reading of the competition's. Its page says that Dice is 0 where both masks are empty; a perfect prediction "
        "would lose by that, so such pairs are left out here.",
    )
