"""Bland and Altman's plot: what a predictor's volumes, ejection fractions and mass are off by, patient by patient."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medley.agreement import agreement
from medley.cases import Case
from medley.errors import InputError
from medley.figures.style import BLACK, GREY, PAGE, PALETTE, heading
from medley.results import function
from medley.results.cases import judged_part
from medley.results.study import Study
from medley.statistics import Interval
from medley.tables.compare import SEED
from medley.tables.write import number

ACROSS, PANEL_HEIGHT, ABOVE = 4, 1.7, 0.75  # panels in a row; inches of one, and of the figure's title
ROOM = 1.4  # of the panel, for what is written beside the points
LINES = {"bias": "-", "lower_limit": "--", "upper_limit": "--"}
NO_VENDOR = "patients"


class Shown(NamedTuple):
    """One panel: the patients with a value (rows of ``function.per_patient``, with ``vendor``), and their agreement."""

    dataset: str
    part: str
    quantity: str
    unit: str
    rows: pd.DataFrame
    found: Mapping[str, Interval]


def panels(
    metrics: pd.DataFrame, cases: Mapping[str, Mapping[str, Case]], study: Study, resamples: int
) -> tuple[str, list[Shown]]:
    """Return the predictor that is shown, and a panel for each dataset and quantity of its judged part.

    Shown is the ensemble that combines the members of all labels a quantity needs, or else the first predictor
    that has them. Raises InputError where no predictor has them, or it is not judged on short-axis cases.
    """
    read = function.per_patient(metrics, cases, study)
    name = chosen(study)
    found = []
    for dataset in study.datasets:
        own = read[read["dataset"] == dataset]
        part = judged_part(own)
        own = own[(own["part"] == part) & (own["predictor"] == name)]
        vendors = {case.patient: case.vendor or NO_VENDOR for case in cases[dataset].values()}
        own = own.assign(vendor=own["patient"].map(vendors))
        for quantity in function.in_order(own["quantity"]):
            rows = own[own["quantity"] == quantity]
            unit = rows["unit"].iloc[0]
            rows = rows[rows["missing"] == ""]
            measured = agreement(rows["true"], rows["predicted"], rows["patient"].tolist(), resamples, SEED)
            found.append(Shown(dataset, part, quantity, unit, rows, measured))
    if not found:
        raise InputError(
            f"studies.{study.name}: {name} is not judged on short-axis cases; take bland_altman out of `figures`"
        )
    return name, found


def chosen(study: Study) -> str:
    """Return the predictor that ``panels`` shows."""
    needed = {quantity.label for quantity in function.QUANTITIES}
    names = [*(group[-1] for group in study.combined() if group), *study.run]
    for name in names:
        if needed <= set(study.labels(name)) and name != study.background:
            return name
    raise InputError(
        f"studies.{study.name}: no predictor has the labels {', '.join(sorted(needed))}; "
        "take bland_altman out of `figures`"
    )


def draw(name: str, shown: Sequence[Shown], study: Study) -> Figure:
    """Return the figure of ``panels``: predicted minus true over their mean, a point for each patient and seed."""
    down = -(-len(shown) // ACROSS)
    figure = Figure(figsize=(PAGE, ABOVE + PANEL_HEIGHT * down), layout="constrained")
    grid = list(figure.subplots(down, ACROSS, squeeze=False).flat)
    vendors = sorted({vendor for own in shown for vendor in own.rows["vendor"]})
    for panel, own in zip(grid, shown, strict=False):
        _points(panel, own, vendors)
        place = f"{own.dataset}\n" if len({each.dataset for each in shown}) > 1 else ""
        panel.set_title(f"{place}{own.quantity}", loc="left")
        panel.set_xlabel(f"mean of both ({own.unit}), n = {own.rows['patient'].nunique()}")
    for panel in grid[: len(shown) : ACROSS]:
        panel.set_ylabel("predicted − true")
    for panel in grid[len(shown) :]:
        panel.remove()
    handles = {
        label: handle for panel in figure.axes for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    if handles:
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles))
    parts = " and ".join(dict.fromkeys(own.part.replace("_", "-") for own in shown))
    heading(figure, f"agreement of {name} with the truth on {parts} cases", study)
    return figure


def _points(panel: Axes, own: Shown, vendors: Sequence[str]) -> None:
    """Draw the patients of a panel, a colour for each vendor, with bias, limits and their intervals."""
    rows = own.rows
    if rows.empty:
        panel.text(0.5, 0.5, "no patient has a value", transform=panel.transAxes, fontsize=5.5, ha="center")
        panel.set(xticks=[], yticks=[])
        return
    for vendor, colour in zip(vendors, (*PALETTE, BLACK) * len(vendors), strict=False):
        of = rows[rows["vendor"] == vendor]
        middle = (of["true"] + of["predicted"]) / 2
        style: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 2.2, "mew": 0, "alpha": 0.7}
        panel.plot(middle, of["predicted"] - of["true"], color=colour, label=vendor, **style)
    for name, line in LINES.items():
        mean, low, high = own.found[name]
        label = "bias" if name == "bias" else "limits of agreement" if name == "upper_limit" else None
        panel.axhline(mean, color=BLACK, linestyle=line, linewidth=0.8, label=label)
        panel.axhspan(low, high, color=GREY, alpha=0.2, linewidth=0)
        panel.annotate(
            number(mean, 1, signed=True),
            (1, mean),
            xycoords=("axes fraction", "data"),
            fontsize=5.5,
            ha="right",
            va="bottom",
        )
    low, high = panel.get_xlim()
    panel.set_xlim(low, low + ROOM * (high - low))
