"""How the table of Dice and Hausdorff distance is printed: a view per class, views of the heart and phases in it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from medley.results.cases import MEAN, PART_ORDER
from medley.results.study import Study
from medley.tables.compare import ENDS
from medley.tables.dice_hd import MEASURED
from medley.tables.slices_text import FEW
from medley.tables.write import MISSING, Table, View, count, notes_of, number, records, title, with_interval

NAMES = {"dice": "Dice", "hd": "HD"}
DIGITS = {"dice": 3, "hd": 1}
OUTSIDE, INSIDE = PART_ORDER
PARTS = {OUTSIDE: "test cases", INSIDE: "validation cases, out of fold"}
CASE_COUNTS = ("cases", "left_out", "one_empty")


def table(frame: pd.DataFrame, study: Study) -> Table:
    """Return what is printed of ``frame`` (see ``dice_hd.numbers``)."""
    views = [
        View.over_datasets(str(label), pd.DataFrame(_lines(own)).fillna(MISSING), text=2)
        for label, own in frame.groupby("label", sort=False)
    ]
    text = "Dice and Hausdorff distance (mm) by class, view and phase"
    return Table(title(text, study), frame, tuple(views), _notes(frame, study))


def _lines(frame: pd.DataFrame) -> list[dict[str, str]]:
    """Return, for each dataset and view, a line of what was published, then each predictor's and its difference."""
    lines = []
    for (dataset, view), own in frame.groupby(["dataset", "view"], sort=False):
        place = {"dataset": str(dataset), "view": str(view) or MISSING}
        groups = [records(rows) for _, rows in own.groupby("predictor", sort=False)]
        first = next((rows for rows in groups if not rows[0]["note"]), [])
        if any(pd.notna(row[f"{metric}_published"]) for row in first for metric in MEASURED):
            lines.append(place | {"predictor": "published"} | _cells(first, _published))
        for rows in groups:
            name, note = rows[0]["predictor"], rows[0]["note"]
            lines.append(place | ({"predictor": f"{name}, {note}"} if note else {"predictor": name} | _ours(rows)))
            if any(pd.notna(row[f"{metric}_difference"]) for row in rows for metric in MEASURED):
                lines.append(place | {"predictor": f"{name} − published"} | _cells(rows, _difference))
    return lines


def _ours(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return a predictor's values, and the counts of all its phases."""
    whole = rows[-1]
    counts = {name.replace("_", " "): count(whole[name]) for name in CASE_COUNTS}
    return _cells(rows, _value) | counts | {"built without": whole["built_without"] or MISSING}


def _cells(rows: Sequence[Mapping[str, Any]], value: Callable[[Mapping[str, Any], str], str]) -> dict[str, str]:
    return {f"{row['phase']} {NAMES[metric]}": value(row, metric) for row in rows for metric in MEASURED}


def _value(row: Mapping[str, Any], metric: str) -> str:
    mean, low, high = (row[f"{metric}{end}"] for end in ENDS)
    return with_interval(mean, low, high, DIGITS[metric])


def _published(row: Mapping[str, Any], metric: str) -> str:
    return number(row[f"{metric}_published"], DIGITS[metric])


def _difference(row: Mapping[str, Any], metric: str) -> str:
    mean, low, high = (row[f"{metric}_difference{end}"] for end in ENDS)
    return with_interval(mean, low, high, DIGITS[metric], signed=True)


def _notes(frame: pd.DataFrame, study: Study) -> tuple[str, ...]:
    whole = frame[frame["phase"] == MEAN].drop_duplicates(["dataset", "view"])
    return (
        *(
            f"{row['dataset']}{row['view'] and ', '}{row['view']}: {PARTS[row['part']]}; {count(row['cases'])} of "
            f"{count(row['patients'])} patients."
            for row in records(whole)
        ),
        "Test cases are predicted by the mean of the folds' networks, where the split has folds.",
        "Published: of one network, which stands against every predictor here. Its authors say neither which cases "
        "their numbers are of nor the unit of HD; mm is assumed.",
        f"Mean: over cases within a phase, then over phases ({MEAN}), as the published one is.",
        "HD: the Hausdorff distance in mm on the native grid, between voxel borders; of a single slice (LA) in its "
        "plane. The largest distance of all, not its 95th percentile.",
        "Both masks empty: left out. One empty: Dice 0 and HD the image's diagonal. Both are counted.",
        "In brackets: 95 % interval from a bootstrap that resamples patients with all their cases; that of a "
        f"difference is ours minus the published number, whose own is not known; {FEW}.",
        *notes_of(study),
        f"Seeds: {count(frame['seeds'].max())}; values are means over seeds, counts are sums.",
    )
