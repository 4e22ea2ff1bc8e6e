"""Dice of every case per predictor and label: a box for the quartiles, a point for each case."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medley.figures.style import COLUMN, PAGE, Look, heading, looks
from medley.results.cases import judged_part
from medley.results.study import Study

LINE_HEIGHT = 0.17  # inches a predictor
MANY = 100  # points that may lie over a box
JITTER = 0.22  # of the distance between two predictors
PART_TITLES = {"test": "test cases", "out_of_fold": "out-of-fold cases"}


def draw(cases: pd.DataFrame, study: Study) -> Figure:
    """Return the figure: a panel for each label of each dataset, two side by side where there are several datasets.

    ``cases`` is what ``results.cases.per_case`` returns; each dataset's judged part is drawn, without the
    cases that have no Dice (both masks empty).
    """
    panels = []
    for dataset in study.datasets:
        own = cases[cases["dataset"] == dataset]
        part = judged_part(own)
        known = own[own["part"] == part].dropna(subset="dice")
        for label in study.in_order(known["label"]):
            here = known[known["label"] == label]
            dice = {name: here.loc[here["predictor"] == name, "dice"].to_numpy() for name in study.run}
            dice = {name: values for name, values in dice.items() if len(values)}
            place = f"{dataset}, " if len(study.datasets) > 1 else ""
            if dice:
                panels.append((f"{label} ({place}{PART_TITLES[part]})", dice))
    across = min(len(study.datasets), 2)
    rows = [panels[start : start + across] for start in range(0, len(panels), across)]
    lines = [max(len(dice) for _, dice in row) + 2 for row in rows]  # two for title and gap
    figure = Figure(figsize=(COLUMN if across == 1 else PAGE, 0.7 + LINE_HEIGHT * sum(lines)), layout="constrained")
    grid = figure.subplots(len(rows), across, sharex=True, squeeze=False, height_ratios=lines)
    axes = list(grid.flat)[: len(panels)]
    for panel, (name, dice) in zip(axes, panels, strict=True):
        _boxes(panel, dice, looks(study))
        panel.set_title(name, loc="left")
    for number, (_, dice) in enumerate(panels):
        if number % across and list(dice) == list(panels[number - 1][1]):  # the names stand beside the panel before
            axes[number].tick_params(labelleft=False)
    for panel in list(grid.flat)[len(panels) :]:
        panel.remove()
    for lowest in axes[-across:]:
        lowest.set_xlabel("Dice per case")
        lowest.tick_params(labelbottom=True)
    heading(figure, "Dice per case", study)
    return figure


def _boxes(panel: Axes, dice: Mapping[str, np.ndarray], look: Mapping[str, Look]) -> None:
    """Draw ``dice`` (predictor: values of its cases) as horizontal boxes with points."""
    places = range(len(dice), 0, -1)
    boxes = panel.boxplot(
        list(dice.values()),
        positions=list(places),
        orientation="horizontal",
        widths=0.62,
        showfliers=False,
        patch_artist=True,
        medianprops={"color": "black", "linewidth": 1.1},
        boxprops={"linewidth": 0.6},
        whiskerprops={"linewidth": 0.6},
        capprops={"linewidth": 0.6},
    )
    generator = np.random.default_rng(0)
    for box, place, (name, values) in zip(boxes["boxes"], places, dice.items(), strict=True):
        box.set(facecolor=(*_rgb(look[name].colour), 0.35), linestyle=look[name].line)
        heights = place + generator.uniform(-JITTER, JITTER, len(values))
        colour, marker, below = look[name].colour, look[name].marker, 0 if len(values) > MANY else 2
        points: dict[str, Any] = {"markersize": 1.6, "mew": 0, "alpha": 0.7, "zorder": below}
        panel.plot(values, heights, linestyle="", marker=marker, color=colour, **points)
    panel.set_yticks(list(places), list(dice))
    panel.set_ylim(0.4, len(dice) + 0.6)
    panel.grid(axis="x", linewidth=0.4, alpha=0.5)
    panel.set_axisbelow(True)


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return red, green, blue
