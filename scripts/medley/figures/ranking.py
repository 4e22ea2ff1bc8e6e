"""How stable the ranking of a grid's members is: which rank each has when patients and trainings are drawn again."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medley.figures.style import COLUMN, PAGE, heading
from medley.results import factorial
from medley.results.study import Study
from medley.statistics import FEWEST
from medley.tables.compare import SEED

ROW_HEIGHT = 0.19  # inches a member
TITLE, ABOVE = 0.6, 0.55  # inches for the figure's title, and for a panel's title and axis
COLOURS = "Blues"
DARK = 0.5  # from this share on, numbers are white


class Stability(NamedTuple):
    """In what share of resamples of so many patients and seeds a member (row) has a rank (column)."""

    patients: int
    seeds: int
    shares: pd.DataFrame


def stability(metrics: pd.DataFrame, study: Study, resamples: int) -> dict[str, Stability]:
    """Return how stable the ranks are on the test cases of each dataset.

    ``metrics`` holds rows of metrics.csv. There is a row per member of the study's grid that is shown and a
    column per rank, from 1 for the highest mean Dice; rows and columns sum to 1. Not a number with fewer than
    FEWEST patients.
    """
    found = {}
    for dataset in study.datasets:
        dice = factorial.dice_by_training(metrics, study, dataset)
        patients = dice.dropna().index.get_level_values(factorial.PATIENT).nunique()
        ranked = factorial.ranks(dice, resamples, SEED)
        own = rank_shares(ranked.to_numpy()) if patients >= FEWEST else np.full((len(ranked.columns),) * 2, np.nan)
        table = pd.DataFrame(own, ranked.columns, range(1, len(own) + 1))
        found[dataset] = Stability(patients, len(dice.columns.unique(factorial.SEED)), table)
    return found


def rank_shares(ranked: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the share of resamples in which each member has each rank (members, ranks).

    ``ranked`` (resamples, members) holds mean ranks where members are equal: n of them with the mean rank r have
    each of the ranks from r - (n - 1) / 2 to r + (n - 1) / 2 in one n-th of the resample.
    """
    equal = (ranked[:, :, None] == ranked[:, None, :]).sum(axis=2)
    found = [((abs(ranked - rank) <= (equal - 1) / 2) / equal).mean(axis=0) for rank in range(1, ranked.shape[1] + 1)]
    return np.stack(found, axis=1)


def draw(found: Mapping[str, Stability], study: Study) -> Figure:
    """Return the figure of ``stability``: a panel for each dataset, two side by side."""
    across = min(len(found), 2)
    down = -(-len(found) // across)
    members = len(next(iter(found.values())).shares)
    size = (COLUMN if across == 1 else PAGE, TITLE + (ABOVE + ROW_HEIGHT * members) * down)
    figure = Figure(figsize=size, layout="constrained")
    grid = list(figure.subplots(down, across, sharey=True, squeeze=False).flat)
    for panel, (dataset, own) in zip(grid, found.items(), strict=False):
        _map(panel, own.shares)
        seeds = f"{own.seeds} seeds" if own.seeds > 1 else "single trainings"
        panel.set_title(f"{dataset} ({own.patients} patients, {seeds})", loc="left")
        panel.set_xlabel("rank of the mean Dice")
        if own.shares.isna().all(axis=None):
            panel.text(0.5, 0.5, "too few patients", transform=panel.transAxes, ha="center")
    for panel in grid[len(found) :]:
        panel.remove()
    heading(figure, "share of resamples (%) in which a member has a rank on test cases", study)
    return figure


def _map(panel: Axes, shares: pd.DataFrame) -> None:
    """Draw a square for each member and rank, with its share in percent where that is not rounded to 0."""
    panel.imshow(shares, cmap=COLOURS, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    for (row, column), share in np.ndenumerate(shares.to_numpy()):
        if share > 0.005:
            colour = "white" if share >= DARK else "black"
            panel.text(column, row, f"{100 * share:.0f}", fontsize=5.5, ha="center", va="center", color=colour)
    panel.set_xticks(range(shares.shape[1]), [str(rank) for rank in shares.columns])
    panel.set_yticks(range(len(shares)), list(shares.index))
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
