"""The CBIS-DDSM table: Dice of masses as others published it, as the authors have it beside theirs, then ours."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import pandas as pd

from medley.results.authors import CBIS, published_as
from medley.results.study import Study
from medley.tables import grid_slice
from medley.tables.compare import ENDS
from medley.tables.grid_slice import Inspected
from medley.tables.grid_slice_text import DICE, DROPPED, INTERVALS
from medley.tables.slices_text import seeds, value
from medley.tables.write import MISSING, Table, View, count, notes_of, number, records, title

# The loss of each method: a column of the authors' table.
LOSSES = {
    "Swin-SFTNet": "BCE",
    "U-Net SE-ResNet-101": "BCE",
    "AM-MSP-cGAN": "BCE",
    "TrEnD": "BCE",
    "SegNest": "0.5 Dice + 0.5 focal",
    "deeplabv3plus_resnet50_logcoshdice": "log-cosh Dice",
}
PUBLISHED, OURS = "published", "ours"
NUMBERS = tuple(f"dice{end}" for end in ENDS)
COUNTS = ("images", "patients", "seeds")
TEXTS = ("source", "dataset", "method", "loss", "note")
COLUMNS = (*TEXTS[:4], *NUMBERS, *COUNTS, "note")
TYPES = {**dict.fromkeys(TEXTS, "str"), **dict.fromkeys(NUMBERS, "float64"), **dict.fromkeys(COUNTS, "Int64")}
RENAMED = {f"test{end}": f"dice{end}" for end in ENDS} | {
    "predictor": "method",
    "test_cases": "images",
    "test_patients": "patients",
}


def numbers(
    metrics: pd.DataFrame, inspected: Inspected, published: pd.DataFrame, study: Study, resamples: int
) -> pd.DataFrame:
    """Return one row per published method, then one per dataset of CBIS-DDSM and predictor shown (see ``grid_slice``).

    ``metrics`` and ``published`` are rows of these files. ``loss`` is the authors' word for it or, of ours, the name
    of the choice in config.yaml.
    """
    theirs = pd.DataFrame(
        {
            "source": PUBLISHED,
            "dataset": CBIS,
            "method": published["predictor"],
            "loss": published["predictor"].map(LOSSES),
            "dice": published["value"],
        }
    )
    ours = dataclasses.replace(study, datasets=[name for name in study.datasets if published_as(name) == CBIS])
    found = grid_slice.numbers(metrics, inspected, published, ours, study.predictors, resamples).rename(columns=RENAMED)
    losses = [study.grid.get(name, {}).get("loss", "") for name in found["method"]]
    frame = pd.concat([theirs, found.assign(source=OURS, loss=losses)], ignore_index=True)
    return frame.reindex(columns=list(COLUMNS)).astype(TYPES)


def table(frame: pd.DataFrame, published: pd.DataFrame, study: Study) -> Table:
    """Return what is printed of ``frame`` (see ``numbers``)."""
    cells = [
        {
            "": row["source"],
            "dataset": row["dataset"],
            "method": row["method"],
            "loss": row["loss"] or MISSING,
            "Dice": row["note"] or _dice(row),
            "images": count(row["images"]),
            "patients": count(row["patients"]),
        }
        for row in records(frame)
    ]
    said = dict.fromkeys(note for note in published["note"] if note)
    notes = (
        *(f"Published: {note}." for note in said),
        "The last published row is the authors' own; whether whole mammograms or regions is not stated.",
        *_about_ours(frame),
        *notes_of(study),
    )
    return Table(title("CBIS-DDSM beside the literature", study), frame, (View("", pd.DataFrame(cells), 4),), notes)


def _dice(row: Mapping[str, Any]) -> str:
    return number(row["dice"], 4) if row["source"] == PUBLISHED else value(row, "dice")


def _about_ours(frame: pd.DataFrame) -> tuple[str, ...]:
    if OURS not in set(frame["source"]):
        return ("Ours: none, since this run has no case of CBIS-DDSM.",)
    return (f"Ours, on the official test part: {DICE} {DROPPED}", INTERVALS, f"{seeds(frame)}.")
