"""Accuracy of each test batch: an ensemble, its members, and predicting nothing at all."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from medley.errors import InputError
from medley.figures.style import BLACK, COLUMN, GREY, Look, heading, looks
from medley.results.study import Study

PANEL_HEIGHT = 2.6  # inches
METRIC = "pixel_accuracy"
POINTS: dict[str, Any] = {"marker": "o", "markersize": 1.8, "linewidth": 0.9}


def draw(batches: pd.DataFrame, published: pd.DataFrame, study: Study) -> Figure:
    """Return the figure: a panel for each complete weighted ensemble of each dataset.

    ``batches`` holds rows of batches.csv, ``published`` the authors' table ``accuracy``, marked in the
    panels of real data. Values are means over seeds. Raises InputError where no predictor has batches.
    """
    look = looks(study)
    accuracy = batches[batches["metric"] == METRIC]
    panels = []
    for dataset in study.datasets:
        own = accuracy[accuracy["dataset"] == dataset]
        here = 100 * own.pivot_table(index="batch", columns="predictor", values="value", aggfunc="mean")
        # Members of different recipes share no grid, so their ensemble has no batches.
        lines = [[name for name in names if name in here] for names in panel_lines(study)]
        panels += [(dataset, here, names) for names in lines if names]
    if not panels:
        raise InputError(
            f"studies.{study.name}.protocols.as_reported: no predictor has test batches; show one that has a recipe "
            "of its own on a split with test cases, or take accuracy_per_batch out of `figures`"
        )
    figure = Figure(figsize=(COLUMN, 0.5 + PANEL_HEIGHT * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for panel, (dataset, here, names) in zip(axes, panels, strict=True):
        for name in names:
            panel.plot(here.index, here[name], color=look[name].colour, label=name, **POINTS)
        if study.background in here:
            line = here[study.background]
            panel.plot(here.index, line, color=BLACK, linestyle="--", linewidth=0.9, label="all background")
        if dataset not in study.phantoms:  # made-up images are nothing to compare with
            _publish(panel, published, look)
        panel.set_title("\n".join([dataset] * (len(study.datasets) > 1) + [claim(here, names)]), loc="left")
        panel.set_ylabel("pixel accuracy (%)")
        panel.legend(loc="upper center", bbox_to_anchor=(0.48, -0.2), ncols=3, columnspacing=1.2)
    axes[-1].set(xlabel="test batch", xlim=(0, accuracy["batch"].max() + 1))
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    heading(figure, "accuracy per test batch", study)
    return figure


def panel_lines(study: Study) -> list[list[str]]:
    """Return the predictors drawn in each panel: shown members by falling weight, then their weighted ensemble.

    Only ensembles that have all their members; without any, one panel with all that are run.
    """
    panels = []
    for name in study.run:
        if study.kind(name) == "weighted" and not study.built_without(name):
            weights = study.ensembles[name]["weights"]
            members = sorted(weights, key=lambda member: (-weights[member], member))
            panels.append([*(member for member in members if member in study.run), name])
    return panels or [[name for name in study.run if name != study.background]]


def claim(accuracy: pd.DataFrame, names: Sequence[str]) -> str:
    """Return in how many batches the first predictor beats the second, and where the last is lowest.

    ``accuracy`` has a row per batch and a column per predictor.
    """
    lowest = f"{names[-1]} lowest in batch {accuracy[names[-1]].idxmin()}"
    if len(names) == 1:
        return lowest
    first, second = names[:2]
    better = int((accuracy[first] > accuracy[second]).sum())
    return f"{first} above {second} in {better} of {len(accuracy)} batches\n{lowest}"


def _publish(panel: Axes, published: pd.DataFrame, look: Mapping[str, Look]) -> None:
    """Mark the published means at the right edge, in the colour of the predictor's family, unknown ones in grey."""
    means = published[published["metric"] == METRIC]
    for place, (name, value) in enumerate(zip(means["predictor"], means["value"], strict=True)):
        beside = 1.015 + 0.03 * place  # equal means are seen side by side
        at = panel.get_yaxis_transform()
        colour = look[name].colour if name in look else GREY
        panel.plot(beside, 100 * value, "<", color=colour, clip_on=False, transform=at)
    if len(means):
        panel.plot([], [], "<", color=GREY, label="published mean")
