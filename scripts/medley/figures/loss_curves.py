"""Training and validation loss of each member, a panel each, with its stages, the kept epoch and the published one."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from medley.figures.style import BLACK, COLUMN, GREY, PAGE, Look, broken, heading, looks
from medley.plan import Training
from medley.registry import name_and_options
from medley.results.read import published_value
from medley.results.study import Study

PANEL_HEIGHT, IN_ROWS = 1.35, 1.05  # inches of a panel: of one dataset, of several
ACROSS = 2
NAME, BESIDE_ROW = 24, 18  # letters in a line of a member's name: above a panel, beside a row
LEGEND_ACROSS = 4  # entries that one line of the legend holds
IN_COLOUR = ("validation", "epoch kept")  # drawn in each member's own colour, so black in the legend


def draw(
    histories: Mapping[Training, pd.DataFrame],
    runs: Mapping[Training, Mapping[str, Any]],
    published: pd.DataFrame,
    study: Study,
) -> Figure:
    """Return the figure: a panel per dataset and member, every fold and seed a pair of lines.

    Of several datasets each is a column, and each member a row.
    ``histories`` and ``runs`` are history.csv and run.json of each training, ``published`` the
    authors' table ``training``, marked in the panels of real data.
    """
    look = looks(study)
    trained = {(training.dataset, training.member) for training in histories}
    every = [(dataset, member) for member in study.members for dataset in study.datasets]
    panels = [panel for panel in every if panel in trained]
    several = len(study.datasets) > 1
    across = len(study.datasets) if several else ACROSS
    down = -(-len(panels) // across)
    size = (PAGE if across > 2 else COLUMN, 0.85 + (IN_ROWS if several else PANEL_HEIGHT) * down)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    axes = list(grid.flat)
    kept = {training: int(run["best_epoch"]) for training, run in runs.items()}
    top = _limit(histories, kept)
    losses = sorted({name_and_options(run["member"]["loss"])[0] for run in runs.values()})
    axes[0].set_ylim(top=top)
    lowest = _lowest(histories)
    if len(losses) > 1 and lowest > 0:  # of two losses one may be a hundred times the other
        axes[0].set(yscale="log", ylim=(0.8 * lowest, top))
        axes[0].yaxis.set_major_formatter("{x:g}")
        axes[0].yaxis.set_minor_formatter(NullFormatter())
    for panel, (dataset, member) in zip(axes, panels, strict=False):
        panel.set_title(broken(member, NAME) if not several else dataset if panel in grid[0] else "")
        own = {t: history for t, history in histories.items() if (t.dataset, t.member) == (dataset, member)}
        for training, history in own.items():
            _curves(panel, history, kept[training], look[member])
        _beyond(panel, own.values(), top)
        _begin_stages(panel, study.members[member].get("stages", []))
        if dataset not in study.phantoms:  # made-up images are nothing to compare with
            _publish(panel, published, member)
    for panel in axes[len(panels) :]:
        panel.remove()
    _label(figure, axes[: len(panels)], losses, across)
    for row, (_, member) in zip(grid if several else [], panels[::across], strict=False):
        row[0].set_ylabel(f"{broken(member, BESIDE_ROW)}\nloss")
    heading(figure, "loss", study)
    return figure


def _curves(panel: Axes, history: pd.DataFrame, kept: int, look: Look) -> None:
    panel.plot(history["epoch"], history["train_loss"], color=GREY, linestyle="-", label="training")
    panel.plot(history["epoch"], history["validation_loss"], color=look.colour, label="validation")
    row = history[history["epoch"] == kept].iloc[0]
    panel.plot(kept, row["validation_loss"], marker="o", color=look.colour, linestyle="", label="epoch kept")


def _begin_stages(panel: Axes, stages: Sequence[Mapping[str, Any]]) -> None:
    """Mark where each stage of a training but the first begins: between two epochs."""
    for end in itertools.accumulate(stage["epochs"] for stage in stages[:-1]):
        panel.axvline(end + 0.5, color=GREY, linewidth=0.6, linestyle="--", label="next stage")


def _limit(histories: Mapping[Training, pd.DataFrame], kept: Mapping[Training, int]) -> float:
    """Return the upper end of the axis: above all losses, but at most twice those of training and of kept epochs.

    Before batch norm knows the images, a validation loss may be a billion times all others.
    """
    trained, judged = [], []
    for training, history in histories.items():
        trained += [history["train_loss"].max(), history["validation_loss"][history["epoch"] == kept[training]].max()]
        judged.append(history["validation_loss"].max())
    return float(min(1.1 * max(*trained, *judged), 2 * max(trained)))


def _lowest(histories: Mapping[Training, pd.DataFrame]) -> float:
    """Return the smallest loss of training or validation."""
    columns = ("train_loss", "validation_loss")
    return min(float(history[column].min()) for history in histories.values() for column in columns)


def _beyond(panel: Axes, histories: Iterable[pd.DataFrame], top: float) -> None:
    """Write the largest validation loss at the end of the axis, where it lies beyond."""
    largest = max(history["validation_loss"].max() for history in histories)
    if largest > top:
        panel.annotate(f"↑ {largest:.2g}", (0.96, 0.88), xycoords="axes fraction", fontsize=6, ha="right")


def _publish(panel: Axes, published: pd.DataFrame, member: str) -> None:
    """Mark the published best epoch, and the published lowest validation loss where there is one."""
    epoch = published_value(published, member, "best_epoch")
    loss = published_value(published, member, "loss")
    if pd.notna(epoch) and pd.notna(loss):
        panel.plot(epoch, loss, marker="D", color="none", markeredgecolor="black", linestyle="", label="published best")
    elif pd.notna(epoch):
        panel.axvline(epoch, color="black", linewidth=0.7, linestyle=":", label="published best")


def _label(figure: Figure, panels: Sequence[Axes], losses: Sequence[str], across: int) -> None:
    """Name the outer axes, count epochs in whole numbers, and put one legend below the panels."""
    entries: dict[str, Any] = {}
    for panel in panels:
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        panel.set_ylabel(f"loss ({', '.join(losses)})" if len(losses) == 1 else "loss, logarithmic")
        panel.label_outer()
        for handle, name in zip(*panel.get_legend_handles_labels(), strict=True):
            entries.setdefault(name, handle)
    for lowest in panels[-across:]:  # of each column
        lowest.set_xlabel("epoch")
        lowest.tick_params(labelbottom=True)
    lines = -(-len(entries) // LEGEND_ACROSS)
    legend = figure.legend(
        entries.values(),
        entries.keys(),
        loc="outside lower center",
        ncols=-(-len(entries) // lines),
        columnspacing=1.2,
    )
    for line, name in zip(legend.get_lines(), entries, strict=True):
        if name in IN_COLOUR:
            line.set_color(BLACK)
