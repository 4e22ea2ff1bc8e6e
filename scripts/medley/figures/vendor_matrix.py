"""Dice by vendor left out of training and vendor tested, a map for each predictor, from the table vendors."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from medley.errors import InputError
from medley.figures.style import COLUMN, PAGE, heading
from medley.results.cases import ALL
from medley.results.study import Study
from medley.results.vendors import EACH, NONE
from medley.tables.write import MISSING, number, records

DICE = ("dice", "dice_low", "dice_high")
COUNTS = ("cases", "vendor_unseen")
COLOURS = "Blues"
DARK = 0.6  # of the scale: from here on numbers are white
ROW_HEIGHT = 0.42  # inches a vendor left out
TITLE, ABOVE = 0.75, 0.6  # inches for the figure's title, and for a panel's title and axis


def squares(vendors: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return the rows of the table ``vendors`` that are drawn: means over a predictor's labels, each vendor tested.

    ``vendors`` is the table's CSV file. Squares without any value are left out. Raises InputError where none is left.
    """
    run = vendors[vendors["predictor"].isin(study.run)]
    last = run["label"] == run.groupby("predictor")["label"].transform("last")
    single = (run["pathology"] == ALL) & (run["without"] != EACH) & (run["vendor"] != ALL)
    found = run[last & single & run["dice"].notna()].reset_index(drop=True)
    if found.empty:
        raise InputError(f"studies.{study.name}: no predictor has test cases; take vendor_matrix out of `figures`")
    return found


def draw(squares: pd.DataFrame, study: Study) -> Figure:
    """Return the figure of ``squares``: a panel for each dataset and predictor, two side by side."""
    panels = list(squares.groupby(["dataset", "predictor"], sort=False))
    rows = sorted(set(squares["without"]), key=lambda name: (name != NONE, name))
    scale = Normalize(squares["dice"].min(), squares["dice"].max())
    across = min(len(panels), 2)
    down = -(-len(panels) // across)
    size = (COLUMN if across == 1 else PAGE, TITLE + (ABOVE + ROW_HEIGHT * len(rows)) * down)
    figure = Figure(figsize=size, layout="constrained")
    grid = list(figure.subplots(down, across, sharey=True, squeeze=False).flat)
    for panel, ((dataset, predictor), own) in zip(grid, panels, strict=False):
        _map(panel, own, rows, scale)
        place = f"{predictor} ({dataset})" if squares["dataset"].nunique() > 1 else predictor
        panel.set_title(place, loc="left")
    for panel in grid[len(panels) :]:
        panel.remove()
    for panel in grid[::across][:down]:
        panel.set_ylabel("trained without")
    bar = figure.colorbar(ScalarMappable(scale, COLOURS), ax=grid[: len(panels)], shrink=0.8, pad=0.02)
    bar.set_label("Dice, mean over labels")
    bar.outline.set_visible(False)
    heading(figure, "Dice on test cases by vendor left out of training and vendor tested; framed: unseen", study)
    return figure


def _map(panel: Axes, squares: pd.DataFrame, rows: list[str], scale: Normalize) -> None:
    """Draw a square for each vendor left out and vendor tested, with Dice and its interval, framed where unseen."""
    tested = squares.drop_duplicates("vendor")
    columns = list(tested["vendor"])
    values = squares.pivot_table(index="without", columns="vendor", values="dice").reindex(index=rows, columns=columns)
    panel.imshow(values, cmap=COLOURS, norm=scale, aspect="auto", interpolation="nearest")
    for column, row in np.argwhere(values.isna().to_numpy().T):
        panel.text(column, row, MISSING, ha="center", va="center")
    for square in records(squares):
        place = columns.index(square["vendor"]), rows.index(square["without"])
        panel.text(*place, _text(square), color=_ink(square["dice"], scale), ha="center", va="center", fontsize=5.5)
        if square["vendor_unseen"] == 1:
            corner = (place[0] - 0.46, place[1] - 0.46)
            panel.add_patch(Rectangle(corner, 0.92, 0.92, fill=False, edgecolor="black", linewidth=1.2))
    names = [f"{name}\n({cases} cases)" for name, cases in zip(columns, tested["cases"], strict=True)]
    panel.set_xticks(range(len(columns)), names)
    panel.set_yticks(range(len(rows)), rows)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)


def _text(square: Mapping[str, Any]) -> str:
    dice, low, high = (number(square[key], 3) for key in DICE)
    return dice if pd.isna(square["dice_low"]) else f"{dice}\n[{low}, {high}]"


def _ink(dice: float, scale: Normalize) -> str:
    return "white" if scale(dice) >= DARK else "black"
