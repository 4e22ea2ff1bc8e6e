"""Training and validation loss of each member, a panel each, with the kept epoch and the published one."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from medley.figures.style import BLACK, COLUMN, GREY, Look, heading, looks
from medley.plan import Training
from medley.results.read import published_value
from medley.results.study import Study

PANEL_HEIGHT = 1.35  # inches
ACROSS = 2
IN_COLOUR = ("validation", "epoch kept")  # drawn in each member's own colour, so black in the legend


def draw(
    histories: Mapping[Training, pd.DataFrame],
    runs: Mapping[Training, Mapping[str, Any]],
    published: pd.DataFrame,
    study: Study,
) -> Figure:
    """Return the figure: a panel per dataset and member, every fold and seed a pair of lines.

    ``histories`` and ``runs`` are history.csv and run.json of each training, ``published`` the
    authors' table ``training``, marked in the panels of real data.
    """
    look = looks(study)
    trained = {(training.dataset, training.member) for training in histories}
    every = [(dataset, member) for dataset in study.datasets for member in study.members]
    panels = [panel for panel in every if panel in trained]
    down = -(-len(panels) // ACROSS)
    figure = Figure(figsize=(COLUMN, 0.85 + PANEL_HEIGHT * down), layout="constrained")
    grid = figure.subplots(down, ACROSS, sharex=True, sharey=True, squeeze=False)
    axes = list(grid.flat)
    for panel, (dataset, member) in zip(axes, panels, strict=False):
        panel.set_title(member if len(study.datasets) == 1 else f"{member}, {dataset}")
        for training, history in histories.items():
            if (training.dataset, training.member) == (dataset, member):
                _curves(panel, history, int(runs[training]["best_epoch"]), look[member])
        if dataset not in study.phantoms:  # made-up images are nothing to compare with
            _publish(panel, published, member)
    for panel in axes[len(panels) :]:
        panel.remove()
    _label(figure, axes[: len(panels)], sorted({run["member"]["loss"] for run in runs.values()}))
    heading(figure, "loss", study)
    return figure


def _curves(panel: Axes, history: pd.DataFrame, kept: int, look: Look) -> None:
    panel.plot(history["epoch"], history["train_loss"], color=GREY, linestyle="-", label="training")
    panel.plot(history["epoch"], history["validation_loss"], color=look.colour, label="validation")
    row = history[history["epoch"] == kept].iloc[0]
    panel.plot(kept, row["validation_loss"], marker="o", color=look.colour, linestyle="", label="epoch kept")


def _publish(panel: Axes, published: pd.DataFrame, member: str) -> None:
    """Mark the published best epoch, and the published lowest validation loss where there is one."""
    epoch = published_value(published, member, "best_epoch")
    loss = published_value(published, member, "loss")
    if pd.notna(epoch) and pd.notna(loss):
        panel.plot(epoch, loss, marker="D", color="none", markeredgecolor="black", linestyle="", label="published best")
    elif pd.notna(epoch):
        panel.axvline(epoch, color="black", linewidth=0.7, linestyle=":", label="published best")


def _label(figure: Figure, panels: Sequence[Axes], losses: Sequence[str]) -> None:
    """Name the outer axes, count epochs in whole numbers, and put one legend below the panels."""
    entries: dict[str, Any] = {}
    for panel in panels:
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        panel.set(xlabel="epoch", ylabel=f"loss ({', '.join(losses)})")
        panel.label_outer()
        for handle, name in zip(*panel.get_legend_handles_labels(), strict=True):
            entries.setdefault(name, handle)
    legend = figure.legend(
        entries.values(), entries.keys(), loc="outside lower center", ncols=len(entries), columnspacing=1.2
    )
    for line, name in zip(legend.get_lines(), entries, strict=True):
        if name in IN_COLOUR:
            line.set_color(BLACK)
