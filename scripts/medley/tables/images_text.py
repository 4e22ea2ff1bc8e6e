"""How the images table is printed: a line an image, and on how many of them which network does better."""

import pandas as pd

from medley.results.study import Study
from medley.tables.grid_slice_text import DICE, beside_both
from medley.tables.slices_text import seeds
from medley.tables.write import MISSING, Table, View, notes_of, number, title

DIGITS = 3
IMAGE = ["dataset", "image"]


def table(frame: pd.DataFrame, study: Study) -> Table:
    """Return what is printed of ``frame`` (see ``images.numbers``)."""
    notes = (
        "Published: single images that the authors chose to show; architecture and encoder are named, the loss is not.",
        *_higher(frame),
        DICE,
        *beside_both(study),
        *notes_of(study),
        f"{seeds(frame)}.",
    )
    view = View.over_datasets("", _lines(frame), text=1)
    return Table(title("single images that the authors show, Dice", study), frame, (view,), notes)


def _lines(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one line per dataset and image: of each predictor what is published, then its members."""
    columns = dict[str, "pd.Series[float]"]()
    for predictor, own in frame.groupby("predictor", sort=False):
        columns[f"{predictor}, published"] = own.drop_duplicates(IMAGE).set_index(IMAGE)["published"]
        columns |= {str(name): rows.set_index(IMAGE)["dice"] for name, rows in own.groupby("member", sort=False)}
    notes = frame.drop_duplicates(IMAGE).set_index(IMAGE)["note"].replace("", MISSING)
    lines = pd.DataFrame(columns).reindex(notes.index).map(lambda value: number(value, DIGITS))
    return lines.assign(note=notes).reset_index()


def _higher(frame: pd.DataFrame) -> list[str]:
    """Return a note on how many images the second published predictor has a higher Dice than the first."""
    first, second = frame["predictor"].unique()
    theirs = frame.drop_duplicates(["image", "predictor"]).pivot(index="image", columns="predictor", values="published")
    counts = [f"published {(theirs[second] > theirs[first]).sum()} of {len(theirs)}"]
    for (dataset, loss), own in frame.groupby(["dataset", "loss"], sort=False):
        ours = own.pivot(index=IMAGE, columns="predictor", values="dice").reindex(columns=[first, second]).dropna()
        if len(ours):
            counts.append(f"ours on {dataset} with {loss} {(ours[second] > ours[first]).sum()} of {len(ours)}")
    return [f"Images on which {second} has a higher Dice than {first}: {', '.join(counts)}."]
