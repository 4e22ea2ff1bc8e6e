"""Dice of every predictor on each dataset: test part with interval, validation part, and what was published."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medley.errors import InputError
from medley.figures.style import BLACK, COLUMN, PAGE, Look, heading, looks
from medley.results.authors import published_of
from medley.results.cases import ALL, MEAN, PART_ORDER
from medley.results.read import published_value
from medley.results.study import Study

TABLES = ("encoders", "losses")  # of published.csv: members of both have one value
METRIC, DICE = "dice", ("dice", "dice_low", "dice_high")
LINE_HEIGHT = 0.17  # inches a predictor
ABOVE = 0.5  # inches for a panel's title and axis
ASIDE = 0.2  # of the distance between two predictors: how far marks stand above and below a bar's middle
OUTSIDE, INSIDE = PART_ORDER


def points(audited: pd.DataFrame, published: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return one row per dataset and predictor that runs, but the all-background prediction.

    ``dice`` with ``dice_low`` and ``dice_high`` is of the test part, ``inside`` the Dice of the validation part
    (out of fold), each the predictor's own score (its one label, or the mean over its labels) in the table
    ``audited``; ``published`` is the authors' number, in place of which phantoms have none. Raises InputError
    where no predictor has test cases.
    """
    whole = audited[audited["phase"] == ALL].set_index(["dataset", "part", "predictor", "label"])
    rows = []
    for dataset in study.datasets:
        said = published_of(published, dataset, "test").drop_duplicates(["predictor", "metric", "value"])
        for name in (name for name in study.run if name != study.background):
            labels = study.labels(name)
            label = labels[0] if len(labels) == 1 else MEAN
            place = {part: (dataset, part, name, label) for part in PART_ORDER}
            if place[OUTSIDE] in whole.index:
                row: dict[str, Any] = {"dataset": dataset, "predictor": name, **whole.loc[place[OUTSIDE], [*DICE]]}
                row["inside"] = whole["dice"].get(place[INSIDE], math.nan)
                row["published"] = math.nan if dataset in study.phantoms else published_value(said, name, METRIC)
                rows.append(row)
    if not rows:
        raise InputError(f"studies.{study.name}: no predictor has test cases; take comparison out of `figures`")
    return pd.DataFrame(rows)


def draw(points: pd.DataFrame, study: Study) -> Figure:
    """Return the figure of ``points``: a panel for each dataset, two side by side, predictors from top to bottom."""
    look = looks(study)
    names = [name for name in study.run if name in set(points["predictor"])]
    across = min(len(study.datasets), 2)
    down = -(-len(study.datasets) // across)
    size = (COLUMN if across == 1 else PAGE, 0.6 + (ABOVE + LINE_HEIGHT * len(names)) * down)
    figure = Figure(figsize=size, layout="constrained")
    axes = list(figure.subplots(down, across, sharey=True, squeeze=False).flat)
    for panel, dataset in zip(axes, study.datasets, strict=False):
        own = points[points["dataset"] == dataset].set_index("predictor").reindex(names)
        _bars(panel, own, look)
        panel.set_title(dataset, loc="left")
        panel.set(xlabel="Dice, mean over cases", xlim=(0, 1))
    for panel in axes[len(study.datasets) :]:
        panel.remove()
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.4, -0.6)
    entries = {name: handle for panel in axes for handle, name in zip(*panel.get_legend_handles_labels(), strict=True)}
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=len(entries), columnspacing=1.2)
    heading(figure, "Dice on test cases (outside) beside validation cases (inside)", study)
    return figure


def _bars(panel: Axes, points: pd.DataFrame, look: Mapping[str, Look]) -> None:
    """Draw a bar with interval and number for each of ``points``, and marks beside and upon it."""
    places = np.arange(len(points))
    ends = [points["dice"] - points["dice_low"], points["dice_high"] - points["dice"]]
    panel.barh(places, points["dice"], 0.72, color=[look[name].colour for name in points.index], alpha=0.45)
    interval: dict[str, Any] = {"fmt": "none", "ecolor": BLACK, "elinewidth": 0.8, "capsize": 1.6}
    panel.errorbar(points["dice"], places, xerr=ends, label="test, 95 % interval", **interval)
    for place, value in enumerate(points["dice"]):
        if not math.isnan(value):  # every case may be left out
            panel.text(0.02, place, f"{value:.3f}", fontsize=5.5, va="center_baseline")
    marks: dict[str, Any] = {"linestyle": "", "markeredgecolor": BLACK, "markeredgewidth": 0.7}
    panel.plot(points["inside"], places - ASIDE, marker="o", markersize=2.6, color="white", label="validation", **marks)
    if points["published"].notna().any():
        said = points["published"]
        panel.plot(said, places + ASIDE, marker="D", markersize=2.8, color="white", label="published test", **marks)
    panel.grid(axis="x", linewidth=0.4, alpha=0.5)
    panel.set_axisbelow(True)
    panel.tick_params(axis="y", length=0)
