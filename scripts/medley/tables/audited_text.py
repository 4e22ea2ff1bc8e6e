"""How the audited table is printed: three views (overlap, surface and volume, phases) of one part, and notes."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from medley.results.cases import ALL, MEAN, VOLUMES
from medley.results.study import Study
from medley.tables.audited import MILLIMETRES, PIXELS
from medley.tables.write import MISSING, Table, View, count, notes_of, number, records, title, with_interval

FOLDS_NOTES = {"test": "test cases, mean over the folds' networks", "out_of_fold": "out-of-fold predictions"}
SPLIT_NOTES = {"test": "test cases", "out_of_fold": "validation cases"}  # of a single split
VOLUME_NOTE = (
    "Volume difference: predicted minus true; not averaged over labels, whose signs would cancel. "
    "Volume error: its absolute value in each case, averaged."
)
MARK_NOTES = {
    "test": "† its epoch was chosen on validation cases, not on the test cases shown.",
    "out_of_fold": "† these very cases chose its epoch: optimistic.",
}
NAMES = {
    "dice": "Dice",
    "iou": "IoU",
    "precision": "precision",
    "recall": "recall",
    "hd": "HD",
    "hd95": "HD95",
    "assd": "ASSD",
    "nsd": "NSD",
    "volume_difference": "volume difference (ml)",
    "volume_error": "volume error (ml)",
}
DIGITS = {"hd": 1, "hd95": 1, "assd": 2, "volume_difference": 1, "volume_error": 1}  # of all others 3
LENGTHS = ("hd", "hd95", "assd")
OVERLAP = ("dice", "iou", "precision", "recall")
SURFACE = (*LENGTHS, "nsd")
BY_PHASE = ("dice", "hd95", "nsd")
MARKED = "best_validation_loss"


def table(frame: pd.DataFrame, study: Study, tolerance: float) -> Table:
    """Return what is printed of ``frame`` (see ``audited.numbers``); ``tolerance`` in its units."""
    judged = frame[frame["judged"] == 1]
    whole = records(judged[judged["phase"].isin([ALL]) | judged["label"].isna()])
    heads = NAMES | {metric: f"{NAMES[metric]} ({_unit(judged)})" for metric in LENGTHS}
    heading, metrics = ("Surface and volume", (*SURFACE, *VOLUMES)) if _has_volumes(judged) else ("Surface", SURFACE)
    views = [
        View.over_datasets("Overlap", pd.DataFrame([_overlap(row) for row in whole]), text=2),
        View.over_datasets(heading, pd.DataFrame([_surface(row, metrics, heads) for row in whole]), text=2),
    ]
    phases = [phase for phase in judged["phase"].dropna().unique() if phase != ALL]
    if phases:
        views.append(View.over_datasets("By phase", _by_phase(judged, phases, heads), text=2))
    return Table(title("audited", study), frame, tuple(views), _notes(judged, study, tolerance))


def _unit(judged: pd.DataFrame) -> str:
    return " or ".join(judged["unit"].unique())


def _has_volumes(judged: pd.DataFrame) -> bool:
    return bool((judged["unit"] == MILLIMETRES).any())


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


def _surface(row: Mapping[str, Any], metrics: Sequence[str], heads: Mapping[str, str]) -> dict[str, str]:
    cells = _names(row) | {heads[metric]: _metric(row, metric) for metric in metrics}
    return cells | ({heads[metrics[0]]: row["note"]} if row["note"] else {})


def _by_phase(judged: pd.DataFrame, phases: Sequence[str], heads: Mapping[str, str]) -> pd.DataFrame:
    """Return one line per predictor and label, the phases of a metric side by side."""
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    columns = [f"{heads[metric]} {phase}" for metric in BY_PHASE for phase in phases]
    for row in records(judged[judged["phase"] != ALL]):
        names = _names(row)
        line = lines.setdefault(tuple(names.values()), names | dict.fromkeys(columns, MISSING))
        if row["note"]:
            line[columns[0]] = row["note"]
        else:
            line |= {f"{heads[metric]} {row['phase']}": _metric(row, metric) for metric in BY_PHASE}
    return pd.DataFrame(list(lines.values()))


def _notes(judged: pd.DataFrame, study: Study, tolerance: float) -> tuple[str, ...]:
    counts = judged.groupby("dataset", sort=False)[["patients", "folds"]].max()
    parts = dict(judged[["dataset", "part"]].drop_duplicates().to_numpy())
    return (
        *(
            f"{dataset}: {(FOLDS_NOTES if folds > 1 else SPLIT_NOTES)[parts[dataset]]}, {count(patients)} patients."
            for dataset, patients, folds in counts.itertuples()
        ),
        f"On the native grid. {_spacing(judged)} In brackets: 95 % interval from a bootstrap that resamples patients.",
        "Both masks empty: left out. One empty: Dice, IoU, NSD 0 and distances the image's diagonal. Both are counted.",
        "Averages: over cases within a label, then over labels (mean: over a predictor's own labels).",
        *_regions(judged, study),
        "HD95: the larger of the two directed 95th percentiles. ASSD: pooled over both surfaces. "
        f"NSD: tolerance {number(tolerance, 1)} {_unit(judged)}. Surfaces are voxel borders.",
        *([VOLUME_NOTE] if _has_volumes(judged) else []),
        "Dice to best: minus the Dice of the member chosen out of fold among those of the same labels, paired by case.",
        *_marks(judged, parts),
        *_outside(judged),
        *notes_of(study),
        f"Seeds: {count(judged['seeds'].max())}; values are means over seeds, counts are sums.",
    )


def _spacing(judged: pd.DataFrame) -> str:
    """Return what lengths are measured in, by dataset where they differ."""
    pictures = judged.loc[judged["unit"] == PIXELS, "dataset"].unique()
    if not len(pictures):
        return "Spacing in mm."
    lengths = f"Spacing in mm; {', '.join(pictures)}: lengths" if _has_volumes(judged) else "Lengths"
    return f"{lengths} in pixels, no volumes: a picture's size is not known."


def _regions(judged: pd.DataFrame, study: Study) -> list[str]:
    """Return how regions are decided, where a predictor has one that is none of its own labels."""
    shown = judged.dropna(subset="label")
    named = {
        label
        for name, label in zip(shown["predictor"], shown["label"], strict=True)
        if label not in (*study.labels(name), MEAN)
    }
    return [
        f"{label} of a predictor of other labels: where the summed probability of its parts is above 0.5, which is "
        "not the union of their voxels."
        for label in study.in_order(named)
    ]


def _marks(judged: pd.DataFrame, parts: Mapping[str, str]) -> list[str]:
    """Return what † means for the part judged of each dataset, where anything is marked."""
    marked = judged.loc[judged["keep"].fillna("").str.split().map(lambda kept: MARKED in kept), "dataset"]
    texts = {dataset: MARK_NOTES[parts[dataset]] for dataset in marked.unique()}
    if len(set(texts.values())) > 1:
        return [f"{dataset}: {text}" for dataset, text in texts.items()]
    return list(dict.fromkeys(texts.values()))


def _outside(judged: pd.DataFrame) -> list[str]:
    shown = judged.dropna(subset="foreground_outside").drop_duplicates(["dataset", "recipe"])
    return [
        f"{dataset}: {number(100 * share, 1)} % of the true foreground of the judged cases lies outside the window of "
        f"the recipe {recipe}; it counts as missed."
        for dataset, recipe, share in shown[["dataset", "recipe", "foreground_outside"]].to_numpy()
    ]
