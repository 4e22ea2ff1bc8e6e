"""How many patients of each pathology and vendor are in each official part of a dataset."""

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medley.cases import Case
from medley.figures.style import PAGE, heading
from medley.results.study import Study
from medley.splits import OFFICIAL_TEST, OFFICIAL_TRAINING, OFFICIAL_VALIDATION

PARTS = (OFFICIAL_TRAINING, OFFICIAL_VALIDATION, OFFICIAL_TEST)  # others follow by name
UNKNOWN = "unknown"
TOTAL = "all"
COLOURS = "Blues"
DARK = 0.6  # of the largest count: from here on numbers are white
ROW_HEIGHT = 0.2  # inches a pathology
TITLE, ABOVE = 0.45, 0.6  # inches for the figure's title, and for a dataset's titles and axis


def count(cases: Iterable[Case]) -> dict[str, pd.DataFrame]:
    """Return, by official part, the number of patients of each pathology (row) and vendor (column), then of all.

    Every part has the same rows and columns. A patient counts once, however many cases there are of it.
    """
    patients = pd.DataFrame(
        sorted({(case.part, case.pathology or UNKNOWN, case.vendor or UNKNOWN, case.patient) for case in cases}),
        columns=["part", "pathology", "vendor", "patient"],
    )
    counted = pd.crosstab([patients["part"], patients["pathology"]], patients["vendor"])
    pathologies = sorted(set(patients["pathology"]))
    found = {}
    for part in sorted(set(patients["part"]), key=lambda name: (PARTS.index(name) if name in PARTS else 9, name)):
        own = counted.loc[part].reindex(pathologies, fill_value=0)
        own.loc[TOTAL] = own.sum()
        found[part] = own.assign(**{TOTAL: own.sum(axis=1)})
    return found


def draw(counts: Mapping[str, Mapping[str, pd.DataFrame]], study: Study) -> Figure:
    """Return the figure: a row of panels for each dataset, a panel for each official part (see ``count``)."""
    heights = [ABOVE + ROW_HEIGHT * len(next(iter(parts.values()))) for parts in counts.values()]
    across = max(len(parts) for parts in counts.values())
    figure = Figure(figsize=(PAGE, TITLE + sum(heights)), layout="constrained")
    grid = figure.subplots(len(counts), across, sharey="row", squeeze=False, height_ratios=heights)
    for row, (dataset, parts) in zip(grid, counts.items(), strict=True):
        largest = max(own.drop(index=TOTAL, columns=TOTAL).to_numpy().max() for own in parts.values())
        for panel, (part, own) in zip(row, parts.items(), strict=False):
            _map(panel, own, largest)
            panel.set_title(f"{dataset}, {part or UNKNOWN}", loc="left")
        for panel in row[len(parts) :]:
            panel.remove()
    without_networks = dataclasses.replace(study, predictors=[], random_start={})  # who runs, and how, changes nothing
    heading(figure, "patients of each pathology and vendor in the official parts", without_networks)
    return figure


def _map(panel: Axes, counts: pd.DataFrame, largest: int) -> None:
    """Draw a square for each pathology and vendor with its count, darkest at ``largest``; sums stand on white."""
    shades = counts.to_numpy(np.float64)
    shades[-1], shades[:, -1] = np.nan, np.nan
    panel.imshow(shades, cmap=COLOURS, vmin=0, vmax=largest, aspect="auto", interpolation="nearest")
    for (row, column), value in np.ndenumerate(counts.to_numpy()):
        colour = "white" if shades[row, column] >= DARK * largest else "black"
        panel.text(column, row, f"{value}", fontsize=5.5, ha="center", va="center_baseline", color=colour)
    panel.set_xticks(range(counts.shape[1]), list(counts.columns))
    panel.set_yticks(range(len(counts)), list(counts.index))
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
