"""How the tables of encoders and of losses are printed: Dice, other metrics, what the inspection left, and notes."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from medley.results.authors import CBIS, published_as
from medley.results.study import Study
from medley.tables.grid_slice import GAP, JACCARD, LEAST_IOU, OFFICIAL, Slice
from medley.tables.slices_text import FEW, seeds, value
from medley.tables.write import Table, View, count, notes_of, number, records, title, with_interval

INTERVALS = f"In brackets: 95 % interval from a bootstrap that resamples patients with all their images; {FEW}."
DICE = (
    "Dice of an image at its own size, decided at a probability of 0.5; mean over images. Both masks empty: left out. "
    "One empty: 0."
)
DROPPED = (
    "Test images that the inspection drops are left out, as the authors left out theirs (not in the table audited)."
)


def table(frame: pd.DataFrame, shown: Slice, published: pd.DataFrame, study: Study) -> Table:
    """Return what is printed of ``frame`` (see ``grid_slice.numbers``); ``published`` are the table's own rows."""
    rows = records(frame)
    inspected = [
        cells for row in records(frame.drop_duplicates("dataset")) for cells in _inspected(row, study.phantoms)
    ]
    views = (
        View.over_datasets("Dice", pd.DataFrame([_dice(row) for row in rows]), text=1),
        View.over_datasets("Other metrics, test", pd.DataFrame([_others(row) for row in rows]), text=1),
        View.over_datasets("What the inspection leaves", pd.DataFrame(inspected), text=1),
    )
    text = f"{shown.table} as reported ({shown.factor} {shown.choice})"
    return Table(title(text, study), frame, views, _notes(frame, published, study))


def beside_both(study: Study) -> list[str]:
    """Return a note on what the authors call CBIS-DDSM, where a study has it."""
    if CBIS not in map(published_as, study.datasets):
        return []
    text = "The authors do not say whether they used whole mammograms or regions of CBIS-DDSM"
    return [f"{text}: their numbers stand beside both."]


def _dice(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "dataset": row["dataset"],
        "predictor": row["predictor"],
        "published": number(row["published"], 4),
        "test (outside)": row["note"] or value(row, "test"),
        "difference": number(row["difference"], 3, signed=True),
        "validation (inside)": value(row, "validation"),
        "outside − inside": value(row, GAP, signed=True),
        "test images": count(row["test_cases"]),
        "patients": count(row["test_patients"]),
    }


def _others(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "dataset": row["dataset"],
        "predictor": row["predictor"],
        "IoU": row["note"] or value(row, "iou"),
        "thresholded Jaccard": value(row, JACCARD),
        "HD95 (pixels)": with_interval(row["hd95"], row["hd95_low"], row["hd95_high"], 1),
        "left out": count(row["left_out"]),
        "one empty": count(row["one_empty"]),
    }


def _inspected(row: Mapping[str, Any], phantoms: Sequence[str]) -> list[dict[str, str]]:
    """Return a line for each official part; phantoms are at no distance from the authors' images."""
    return [
        {
            "dataset": row["dataset"],
            "part": part,
            "images": count(row[f"{part}_cases"]),
            "kept": count(row[f"{part}_kept"]),
            "authors' images": count(row[f"{part}_authors_cases"]),
            "authors' kept": count(row[f"{part}_authors_kept"]),
            "distance": number(
                float("nan") if row["dataset"] in phantoms else row[f"{part}_kept"] - row[f"{part}_authors_kept"],
                digits=0,
                signed=True,
            ),
        }
        for part in OFFICIAL
    ]


def _notes(frame: pd.DataFrame, published: pd.DataFrame, study: Study) -> tuple[str, ...]:
    said = dict.fromkeys(note for note in published["note"] if note)
    return (
        f"{DICE} The authors do not say at which size theirs is.",
        "Difference: test minus published; none on phantoms, since these are not what was published.",
        *(f"Published: {note}." for note in said),
        *beside_both(study),
        "Inside: the validation part, taken from the training images; it chose each member's epoch, so it is "
        "optimistic. Outside: the official test part, of chest_xray another hospital. Outside − inside: the interval "
        "draws the patients of both.",
        f"Thresholded Jaccard, as ISIC has it: the IoU of an image, 0 where it is below {LEAST_IOU:g}.",
        "HD95: the larger of the two directed 95th percentiles, in pixels of the image as it is in its file; one mask "
        "empty: the image's diagonal. One empty: predictions in which it is so, a sum over seeds like left out.",
        f"{DROPPED} Distance: images kept minus those that the authors kept.",
        INTERVALS,
        *notes_of(study),
        f"{seeds(frame)}.",
    )
