"""How the postprocessing table is printed: the choice out of fold, the effect of what is kept, and notes."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from medley.postprocess import HOLES, LARGEST, SIGMA, SMOOTHING
from medley.results.cases import MEAN
from medley.results.study import Study
from medley.tables.compare import ENDS
from medley.tables.postprocessing import KEPT_ONES, METRICS
from medley.tables.slices_text import FEW
from medley.tables.write import MISSING, Table, View, count, notes_of, records, title, with_interval

NAMES = {"dice": "Dice", "hd": "HD (mm)", "hd95": "HD95 (mm)"}
DIGITS = {"dice": 4, "hd": 2, "hd95": 2}  # corrections change little
PARTS = {"test": "test", "out_of_fold": "out of fold"}
ALL_LABELS = "all labels"


def table(frame: pd.DataFrame, study: Study) -> Table:
    """Return what is printed of ``frame`` (see ``postprocessing.numbers``)."""
    rows = records(frame)
    several = frame["seed"].nunique() > 1
    choice = [_operation(row, several) for row in rows if row["operation"] != KEPT_ONES]
    effect = [_effect(row) for row in rows if row["operation"] == KEPT_ONES]
    views = (
        View.over_datasets("Choice out of fold", pd.DataFrame(choice), text=3 + several),
        View.over_datasets("Effect of what is kept", pd.DataFrame(effect), text=4),
    )
    return Table(title("postprocessing chosen out of fold", study), frame, views, _notes(frame, study))


def _cell(row: Mapping[str, Any], metric: str, side: str) -> str:
    mean, low, high = (row[f"{metric}_{side}{end}"] for end in ENDS)
    return with_interval(mean, low, high, DIGITS[metric], signed=side == "gain")


def _operation(row: Mapping[str, Any], several: bool) -> dict[str, str]:
    seed = {"seed": count(row["seed"])} if several else {}
    return {
        "dataset": row["dataset"],
        "predictor": row["predictor"],
        **seed,
        "operation": row["operation"],
        "of": ALL_LABELS if row["label"] == MEAN else row["label"],
        "Dice before": _cell(row, "dice", "before"),
        "Dice after": _cell(row, "dice", "after"),
        "gain": _cell(row, "dice", "gain"),
        "kept": "yes" if row["kept"] else "no",
        "folds that keep it": f"{row['folds_keeping']} of {row['folds']}" if row["folds"] else MISSING,
    }


def _effect(row: Mapping[str, Any]) -> dict[str, str]:
    cells = {
        "dataset": row["dataset"],
        "predictor": row["predictor"],
        "of": row["member"],
        "cases": PARTS[row["part"]],
        "label": row["label"],
        "Dice before": _cell(row, "dice", "before"),
        "Dice after": _cell(row, "dice", "after"),
    }
    return cells | {f"gain in {NAMES[metric]}": _cell(row, metric, "gain") for metric in METRICS}


def _notes(frame: pd.DataFrame, study: Study) -> tuple[str, ...]:
    counts = frame.groupby(["dataset", "part"], sort=False)[["cases", "patients"]].max()
    return (
        *_sentences(frame),
        *(
            f"{dataset}, {PARTS[part]}: {count(cases)} cases of {count(patients)} patients."
            for (dataset, part), cases, patients in counts.itertuples()
        ),
        "Operations are tried from top to bottom, each on what those kept before it left, and kept where the "
        "out-of-fold Dice (mean over cases, then over labels) rises. Test cases have no say.",
        f"{SMOOTHING}: Gaussian filter of the probabilities in plane, sigma {SIGMA:g} voxel. {LARGEST}: of touching "
        f"voxels (26 neighbours); of all labels, that of their union. {HOLES}: background that a label encloses in the "
        "plane of a slice.",
        "Choice out of fold: these cases chose the operations, so gains of kept ones are optimistic.",
        _chosen_by(frame),
        "On the native grid. Both masks empty: left out. One empty: Dice 0 and distances the image's diagonal. Gain: "
        "after minus before, so a good one of a distance is negative.",
        f"In brackets: 95 % interval from a bootstrap that resamples patients; {FEW}.",
        *notes_of(study),
        f"Seeds: {count(frame['seed'].nunique())}.",
    )


def _chosen_by(frame: pd.DataFrame) -> str:
    """Return which cases chose the operations by which the effect is made."""
    if frame["folds"].max() > 0:
        return "Effect: out of fold, a case is corrected as the other folds choose; on test, as all choose."
    return "Effect: as all choose, so out of fold it is optimistic too: there are no other folds."


def _sentences(frame: pd.DataFrame) -> list[str]:
    """Return, for each ensemble and seed, what it keeps."""
    tried = frame[frame["operation"] != KEPT_ONES]
    lines = []
    for (dataset, predictor, seed), rows in tried.groupby(["dataset", "predictor", "seed"], sort=False):
        kept = [
            f"{row['operation']} of {ALL_LABELS if row['label'] == MEAN else row['label']}"
            for row in records(rows)
            if row["kept"]
        ]
        lines.append(f"{dataset}, {predictor}, seed {seed}: keeps {', '.join(kept) or 'nothing: none helps'}.")
    return lines
