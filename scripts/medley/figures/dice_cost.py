"""Dice against the seconds of training: what the next member buys."""

import math
from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from medley.figures.style import COLUMN, PAGE, Look, heading, legend_columns, looks
from medley.results.cases import ALL, MEAN
from medley.results.study import Study

PANEL_HEIGHT, LEGEND_LINE, ABOVE = 1.9, 0.15, 0.5  # inches: a panel, a line of the legend, the title
BESIDE = 1.03  # factor between points of equal cost


def points(audited: pd.DataFrame, cost: pd.DataFrame, split: str, study: Study) -> pd.DataFrame:
    """Return, per dataset, label and predictor, Dice with its interval and ``seconds`` of training.

    ``audited`` and ``cost`` are the tables of these names; of them the judged part, all phases, and
    ``split``. An ensemble costs what its members cost together. Predictors that are not run have no
    row, nor has the all-background prediction, which costs nothing.
    """
    seconds = cost[cost["split"] == split].set_index(["dataset", "member"])["train_seconds"]
    shown = (audited["judged"] == 1) & (audited["phase"] == ALL) & (audited["predictor"] != study.background)
    rows = audited[shown]
    spent = [
        sum(seconds[dataset, member] for member in study.members_of(name))
        for dataset, name in zip(rows["dataset"], rows["predictor"], strict=True)
    ]
    columns = ["dataset", "label", "predictor", "dice", "dice_low", "dice_high"]
    return rows[columns].assign(seconds=spent).reset_index(drop=True)


def draw(points: pd.DataFrame, study: Study) -> Figure:
    """Return the figure of ``points``: a panel for each score of each dataset (see ``own_scores``).

    Where there are several datasets, two panels stand side by side.
    """
    look = looks(study)
    panels = [
        (dataset, label, here)
        for dataset in study.datasets
        for label in own_scores(study)
        if len(here := points[(points["dataset"] == dataset) & (points["label"] == label)])
    ]
    across = min(len(study.datasets), 2)
    down = -(-len(panels) // across)
    width = COLUMN if across == 1 else PAGE
    shown = [name for name in study.run if name in set(points["predictor"])]
    columns = legend_columns(width, shown)
    height = ABOVE + PANEL_HEIGHT * down + LEGEND_LINE * -(-len(shown) // columns)
    figure = Figure(figsize=(width, height), layout="constrained")
    grid = list(figure.subplots(down, across, sharex=True, squeeze=False).flat)
    axes = grid[: len(panels)]
    for panel, (dataset, label, here) in zip(axes, panels, strict=True):
        _points(panel, here, look)
        panel.set_ylabel("Dice, mean over cases")
        name = "mean over labels" if label == MEAN else label
        panel.set_title(f"{name}, {dataset}" if len(study.datasets) > 1 else name, loc="left")
    for panel in grid[len(panels) :]:
        panel.remove()
    for lowest in axes[-across:]:
        lowest.set_xlabel("training time, all folds (s)")
        lowest.tick_params(labelbottom=True)
    _count_seconds(axes[0], points["seconds"])
    entries = {name: handle for panel in axes for handle, name in zip(*panel.get_legend_handles_labels(), strict=True)}
    figure.legend([entries[name] for name in shown], shown, loc="outside lower center", ncols=columns)
    heading(figure, "Dice against cost", study)
    return figure


def own_scores(study: Study) -> list[str]:
    """Return what the shown predictors are scored by: their one label, or the mean over their labels."""
    own = [study.labels(name) for name in study.run]
    return list(dict.fromkeys(labels[0] if len(labels) == 1 else MEAN for labels in own))


def _points(panel: Axes, points: pd.DataFrame, look: Mapping[str, Look]) -> None:
    """Draw Dice with its interval; points of equal cost stand side by side."""
    beside = points.groupby("seconds").cumcount()
    for row, place in zip(points.to_dict("records"), beside, strict=True):
        name = row["predictor"]
        panel.errorbar(
            row["seconds"] * BESIDE**place,
            row["dice"],
            yerr=[[row["dice"] - row["dice_low"]], [row["dice_high"] - row["dice"]]],
            color=look[name].colour,
            marker=look[name].marker,
            markerfacecolor=look[name].colour if look[name].line == "-" else "white",
            elinewidth=0.7,
            capsize=1.5,
            linestyle="",
            label=name,
        )
    panel.grid(linewidth=0.4, alpha=0.5)
    panel.set_axisbelow(True)


def _count_seconds(panel: Axes, seconds: "pd.Series[float]") -> None:
    """Scale the axis, which all panels share, by powers, with as many numbers as have room."""
    wide = math.log10(seconds.max() / seconds.min()) > 1
    panel.set_xscale("log")
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 3) if wide else (1, 1.5, 2, 3, 5, 7)))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:,.0f}".replace(",", " ")))
    panel.xaxis.set_minor_locator(NullLocator())
