"""How the effects table is printed: one view and, before the other notes, what it says of each factor in a sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from medley.results.study import Study
from medley.tables.compare import ENDS
from medley.tables.effects import BETTER, EFFECT, UNDECIDED, WORSE
from medley.tables.slices_text import FEW
from medley.tables.write import MISSING, Table, View, count, notes_of, number, records, title, with_interval

DIGITS = 4  # the authors' chest results differ in the fourth
PATIENTS = "that resamples patients with all their images: it is of the drawing of test patients, not of the training"
# How many of such intervals hold is simulated in the tests of statistics.
TRAININGS = (
    "that resamples patients with all their images and, apart from them and for each member by itself, its trainings "
    "(one fewer than there are, which makes the variance over few right): it is of the drawing of test patients and of "
    "the training; where trainings vary far more than patients, 94 of 100 such intervals hold with 12 members of 3 "
    "seeds, 92 with 8, 87 with 2, and more where they vary in each image apart"
)


def table(frame: pd.DataFrame, study: Study) -> Table:
    """Return what is printed of ``frame`` (see ``effects.numbers``)."""
    view = View.over_datasets("", pd.DataFrame([_cells(row) for row in records(frame)]), text=3)
    return Table(title("effects of the grid's choices on Dice", study), frame, (view,), _notes(frame, study))


def sentences(frame: pd.DataFrame) -> list[str]:
    """Return what ``frame`` says of each dataset and factor, in a sentence each."""
    groups = frame.groupby(["dataset", "factor"], sort=False)
    return [_sentence(str(dataset), str(factor), records(rows)) for (dataset, factor), rows in groups]


def _sentence(dataset: str, factor: str, rows: Sequence[Mapping[str, Any]]) -> str:
    if all(row["verdict"] == UNDECIDED and pd.notna(row[f"{EFFECT}_low"]) for row in rows):
        return f"On {dataset} no {factor} is better than another at 95 %."
    return f"On {dataset} {'; '.join(_clause(row) for row in rows)}."


def _clause(row: Mapping[str, Any]) -> str:
    """Return what a row says of its two choices."""
    choice, against = row["choice"], row["against"]
    mean, low, high = (row[f"{EFFECT}{end}"] for end in ENDS)
    if not against:
        return f"{choice} is the only {row['factor']}"
    if row["verdict"] == BETTER:
        return f"{choice} is better than {against} by {with_interval(mean, low, high, DIGITS)}{_noise(row)}"
    if row["verdict"] == WORSE:
        return f"{against} is better than {choice} by {with_interval(-mean, -high, -low, DIGITS)}{_noise(row)}"
    if row["note"]:
        return f"{choice} and {against} cannot be compared ({row['note']})"
    if pd.isna(low):
        return f"there are too few patients to compare {choice} and {against}"
    return f"it is undecided at 95 % between {choice} and {against}"


def _noise(row: Mapping[str, Any]) -> str:
    """Return how much a difference varies from training to training; of single ones its interval holds nothing."""
    if pd.isna(row["seed_deviation"]):
        return " (of single trainings)"
    return f" (SD over {count(row['seeds'])} seeds {number(row['seed_deviation'], DIGITS)})"


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    mean, low, high = (row[f"{EFFECT}{end}"] for end in ENDS)
    some = pd.notna(row["combinations"])
    return {
        "dataset": row["dataset"],
        "factor": row["factor"],
        "choice": row["choice"],
        "against": row["against"] or MISSING,
        "difference in Dice": row["note"] or with_interval(mean, low, high, DIGITS, signed=True),
        "verdict": row["verdict"] or MISSING,
        "SD over seeds": number(row["seed_deviation"], DIGITS),
        "combinations": f"{row['combinations']} of {row['combinations_of_grid']}" if some else MISSING,
        "images": count(row["cases"]),
    }


def _notes(frame: pd.DataFrame, study: Study) -> tuple[str, ...]:
    left = frame.groupby("dataset", sort=False)["left_out"].max().fillna(0)
    return (
        *sentences(frame),
        "Difference in Dice: choice minus against, paired by image: the mean over the combinations of the other "
        "factors' choices that both have, of all that the grid has, and over seeds, then over all test images, "
        "whatever the inspection says. Dice as in the table audited.",
        f"In brackets: 95 % interval from a bootstrap {TRAININGS if frame['seeds'].max() > 1 else PATIENTS}; {FEW}. "
        "Verdict: whether the interval leaves out 0; not corrected for the number of comparisons.",
        "SD over seeds: standard deviation of the difference over trainings with other seeds, each on all these "
        "images; none with one seed.",
        *(
            f"{dataset}: left out, since a training has no Dice there: {count(images)} images."
            for dataset, images in left.items()
            if images
        ),
        *notes_of(study),
        f"Seeds: {count(frame['seeds'].max())}.",
    )
