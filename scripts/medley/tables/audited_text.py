"""How the audited table is printed: three views (overlap, surface and volume, phases) of one part, and notes."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from medley.tables.audited import ALL
from medley.tables.study import Study
from medley.tables.write import MISSING, Table, View, count, number, records, title, with_interval

PARTS = {"test": "test cases, mean over the folds' networks", "out_of_fold": "out-of-fold predictions"}
NAMES = {
    "dice": "Dice",
    "iou": "IoU",
    "precision": "precision",
    "recall": "recall",
    "hd": "HD (mm)",
    "hd95": "HD95 (mm)",
    "assd": "ASSD (mm)",
    "nsd": "NSD",
    "volume_difference": "volume difference (ml)",
}
DIGITS = {"hd": 1, "hd95": 1, "assd": 2, "volume_difference": 1}  # of all others 3
OVERLAP = ("dice", "iou", "precision", "recall")
SURFACE = ("hd", "hd95", "assd", "nsd", "volume_difference")
BY_PHASE = ("dice", "hd95", "nsd")
MARKED = "best_validation_loss"


def table(
    frame: pd.DataFrame,
    study: Study,
    tolerance: float,
    outside: Mapping[tuple[str, str], float],
) -> Table:
    """Return what is printed of ``frame`` (see ``audited.numbers``, there also ``outside``); ``tolerance`` in mm."""
    judged = frame[frame["judged"] == 1]
    whole = records(judged[judged["phase"].isin([ALL]) | judged["label"].isna()])
    views = [
        View.over_datasets("Overlap", pd.DataFrame([_overlap(row) for row in whole]), text=2),
        View.over_datasets("Surface and volume", pd.DataFrame([_surface(row) for row in whole]), text=2),
    ]
    phases = [phase for phase in judged["phase"].dropna().unique() if phase != ALL]
    if phases:
        views.append(View.over_datasets("By phase", _by_phase(judged, phases), text=2))
    return Table(title("audited", study), frame, tuple(views), _notes(judged, tolerance, outside))


def _names(row: Mapping[str, Any]) -> dict[str, str]:
    mark = " †" if MARKED in row["keep"].split() else ""
    return {"dataset": row["dataset"], "predictor": row["predictor"] + mark, "label": row["label"] or MISSING}


def _metric(row: Mapping[str, Any], metric: str) -> str:
    signed = metric == "volume_difference"
    return with_interval(row[metric], row[f"{metric}_low"], row[f"{metric}_high"], DIGITS.get(metric, 3), signed)


def _overlap(row: Mapping[str, Any]) -> dict[str, str]:
    gain = (row["dice_to_best"], row["dice_to_best_low"], row["dice_to_best_high"])
    cells = _names(row) | {NAMES[metric]: _metric(row, metric) for metric in OVERLAP}
    cells["Dice"] = row["note"] or cells["Dice"]
    return cells | {
        "Dice to best": with_interval(*gain, 3, signed=True),
        "cases": count(row["cases"]),
        "left out": count(row["left_out"]),
        "one empty": count(row["one_empty"]),
        "built without": row["built_without"] or MISSING,
    }


def _surface(row: Mapping[str, Any]) -> dict[str, str]:
    cells = _names(row) | {NAMES[metric]: _metric(row, metric) for metric in SURFACE}
    return cells | ({NAMES[SURFACE[0]]: row["note"]} if row["note"] else {})


def _by_phase(judged: pd.DataFrame, phases: Sequence[str]) -> pd.DataFrame:
    """Return one line per predictor and label, the phases of a metric side by side."""
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    columns = [f"{NAMES[metric]} {phase}" for metric in BY_PHASE for phase in phases]
    for row in records(judged[judged["phase"] != ALL]):
        names = _names(row)
        line = lines.setdefault(tuple(names.values()), names | dict.fromkeys(columns, MISSING))
        if row["note"]:
            line[columns[0]] = row["note"]
        else:
            line |= {f"{NAMES[metric]} {row['phase']}": _metric(row, metric) for metric in BY_PHASE}
    return pd.DataFrame(list(lines.values()))


def _notes(judged: pd.DataFrame, tolerance: float, outside: Mapping[tuple[str, str], float]) -> tuple[str, ...]:
    parts = judged[["dataset", "part"]].drop_duplicates()
    patients = judged.groupby("dataset")["patients"].max()
    return (
        *(f"{dataset}: {PARTS[part]}, {count(patients[dataset])} patients." for dataset, part in parts.to_numpy()),
        "On the native grid, spacing in mm. In brackets: 95 % interval from a bootstrap that resamples patients.",
        "Both masks empty: left out. One empty: Dice, IoU, NSD 0 and distances the image's diagonal. Both are counted.",
        "Averages: over cases within a label, then over labels (mean: over a predictor's own labels).",
        "HD95: the larger of the two directed 95th percentiles. ASSD: pooled over both surfaces. "
        f"NSD: tolerance {number(tolerance, 1)} mm. Surfaces are voxel borders.",
        "Volume difference: predicted minus true.",
        "Dice to best: minus the Dice of the member chosen out of fold among those of the same labels, paired by case.",
        "† epoch chosen by validation loss, as reported: on cases that are judged where the part is out of fold.",
        *(
            f"{dataset}: {number(100 * share, 1)} % of the true foreground lies outside the window of the recipe "
            f"{recipe}; it counts as missed."
            for (dataset, recipe), share in sorted(outside.items())
        ),
        f"Seeds: {count(judged['seeds'].max())}; values are means over seeds, counts are sums.",
    )
