"""How many slices of each combination of organs are in each part of the splits that a study uses."""

import dataclasses
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medley import splits
from medley.cases import Case
from medley.figures.style import GREY, PAGE, PALETTE, heading
from medley.results.study import Study

IN_NO_PART = "in no part"
COLOURS = {**dict(zip(splits.PARTS, PALETTE, strict=False)), IN_NO_PART: GREY}
NO_ORGAN = "none"  # what cases.csv calls it
BAR, GAP = 0.105, 0.1  # inches: a bar, and what is free between two combinations
ABOVE = 1.2  # inches for title, names of panels and legend


def count(cases: Mapping[str, Case], parts: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return the number of slices: a row for each combination of organs, a column for each part and for none.

    A case is one slice, ``pathology`` its combination; ``parts`` holds the names of the cases in each part of
    one fold. The most frequent combination comes first, slices without organs last.
    """
    part_of = {name: part for part, names in parts.items() for name in names}
    found = [(case.pathology, part_of.get(name, IN_NO_PART)) for name, case in cases.items()]
    counts = pd.DataFrame(found, columns=["combination", "part"]).value_counts().unstack("part", fill_value=0)
    order = sorted(counts.index, key=lambda name: (name == NO_ORGAN, -counts.loc[name].sum(), name))
    return counts.reindex(index=order, columns=list(COLOURS), fill_value=0)


def draw(counts: Mapping[tuple[str, str], pd.DataFrame], protocols: Mapping[str, str], study: Study) -> Figure:
    """Return the figure: a row of panels for each dataset, a panel for each split.

    ``counts`` holds, by dataset and split, what ``count`` returns, ``protocols`` the split of each protocol.
    """
    shown = list(dict.fromkeys(split for _, split in counts))
    bar_height = BAR * len(COLOURS) + GAP
    heights = [bar_height * len(counts[dataset, shown[0]]) for dataset in study.datasets]
    figure = Figure(figsize=(PAGE, ABOVE + sum(heights)), layout="constrained")
    grid = figure.subplots(
        len(study.datasets), len(shown), sharex=True, sharey="row", squeeze=False, height_ratios=heights
    )
    for row, dataset in zip(grid, study.datasets, strict=True):
        for panel, split in zip(row, shown, strict=True):
            _bars(panel, counts[dataset, split], bar_height)
            used = [name.replace("_", " ") for name, own in protocols.items() if own == split]
            place = f"{dataset}, " if len(study.datasets) > 1 else ""
            panel.set_title(f"{place}split “{split}” ({', '.join(used)})", loc="left")
    for panel in grid[-1]:
        panel.set_xlabel("slices")
    handles, names = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names))
    without_networks = dataclasses.replace(study, predictors=[], random_start={})  # who runs, and how, changes nothing
    heading(figure, "slices of each combination of organs", without_networks)
    return figure


def readable(combination: str) -> str:
    """Return a combination of cases.csv as text of a line an organ, such as ``large bowel +`` and ``stomach``."""
    if combination == NO_ORGAN:
        return "no organ"
    return " +\n".join(organ.replace("_", " ") for organ in combination.split("-"))


def _bars(panel: Axes, counts: pd.DataFrame, height: float) -> None:
    """Draw a group of bars for each combination, from top to bottom; ``height`` of a group in inches."""
    for place, (part, colour) in enumerate(COLOURS.items()):
        middles = [row + (place - (len(COLOURS) - 1) / 2) * BAR / height for row in range(len(counts))]
        bars = panel.barh(middles, counts[part], 0.9 * BAR / height, color=colour, label=part)
        panel.bar_label(bars, fmt=lambda value: f"{value:,.0f}".replace(",", " "), padding=1.5, fontsize=5.5)
    panel.set_yticks(range(len(counts)), [readable(name) for name in counts.index])
    panel.set_ylim(len(counts) - 0.5, -0.5)
    panel.tick_params(axis="y", length=0)
    panel.margins(x=0.12)
