"""What the inspection of each dataset found: cases, what each rule drops or only remarks upon, and what remains."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from medley.figures.style import BLACK, COLUMN, GREY, PAGE, PALETTE, heading
from medley.results.authors import inspected
from medley.results.quality_counts import ALL
from medley.results.study import Study
from medley.tables.write import records

FIRST = ("training", "testing")  # official parts; others follow by name
LINE_HEIGHT = 0.15  # inches a bar
ABOVE = 0.45  # inches for a panel's title and axis
ROOM = 1.5  # of the longest bar, for what is written beside it
BARS = {"cases": GREY, "dropped": PALETTE[1], "kept": PALETTE[4], "remaining": PALETTE[0]}
LEGEND = {"cases": "all", "dropped": "dropped by a rule", "kept": "fired, and kept", "remaining": "remaining"}
MARK: dict[str, Any] = {"linestyle": "", "marker": "D", "markersize": 3.4, "color": "none", "markeredgecolor": BLACK}


def lines(counts: pd.DataFrame) -> pd.DataFrame:
    """Return the bars of a dataset from top to bottom: of each official part its cases, its rules, and what remains.

    ``counts`` is what ``quality_counts.counts`` returns. ``kind`` is cases, rule or remaining; the columns of BARS
    are lengths: those of a rule are the cases that it drops, and the others that it fired for.
    """
    rows = []
    for part in sorted(set(counts["part"]), key=lambda part: (part not in FIRST, part != FIRST[0], part)):
        own = counts[counts["part"] == part].set_index("rule")
        whole = own.loc[ALL]
        rows.append({"part": part, "kind": "cases", "name": part or ALL, "cases": whole["cases"]})
        for rule, found in own.drop(index=ALL)[["dropped", "kept"]].iterrows():
            rows.append({"part": part, "kind": "rule", "name": rule, **found})
        rows.append({"part": part, "kind": "remaining", "name": "remaining", "remaining": whole["kept"]})
    found = pd.DataFrame(rows, columns=["part", "kind", "name", *BARS])
    return found.fillna(dict.fromkeys(BARS, 0)).astype(dict.fromkeys(BARS, int))


def draw(counts: Mapping[str, pd.DataFrame], study: Study) -> Figure:
    """Return the figure: a panel for each dataset of ``counts`` (see ``lines``), with the authors' numbers."""
    bars = {dataset: lines(own) for dataset, own in counts.items()}
    across = min(len(bars), 2)
    rows = [list(bars)[start : start + across] for start in range(0, len(bars), across)]
    heights = [ABOVE + LINE_HEIGHT * max(len(bars[dataset]) for dataset in row) for row in rows]
    figure = Figure(figsize=(COLUMN if across == 1 else PAGE, 0.7 + sum(heights)), layout="constrained")
    grid = figure.subplots(len(rows), across, squeeze=False, height_ratios=heights)
    for panel, dataset in zip(grid.flat, bars, strict=False):
        made_up = dataset in study.phantoms  # nothing to compare with
        _bars(panel, bars[dataset], [None] * len(bars[dataset]) if made_up else _published(dataset, bars[dataset]))
        panel.set_title(dataset, loc="left")
        panel.set_xlabel("cases")
    for panel in list(grid.flat)[len(bars) :]:
        panel.remove()
    handles: list[Artist] = [Patch(color=BARS[kind], label=name) for kind, name in LEGEND.items()]
    if set(bars) - set(study.phantoms):
        handles.append(Line2D([], [], label="authors", **MARK))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), columnspacing=1.2, handlelength=1.2)
    without_networks = dataclasses.replace(study, predictors=[], random_start={})  # who runs, and how, changes nothing
    heading(figure, "what the inspection leaves of each official part", without_networks)
    return figure


def _bars(panel: Axes, lines: pd.DataFrame, said: Sequence[int | None]) -> None:
    """Draw ``lines`` with their numbers, and beside them what the authors ``said`` of each."""
    left = pd.Series(0, lines.index)
    for kind, colour in BARS.items():
        panel.barh(lines.index, lines[kind], 0.72, left=left, color=colour)
        left = left + lines[kind]
    for place, row, theirs in zip(lines.index, records(lines), said, strict=True):
        text = _said(row)
        if theirs is not None:
            panel.plot(theirs, place, **MARK)
            text += f" (authors {_grouped(theirs)})"
        panel.text(max(left[place], theirs or 0), place, f"   {text}", fontsize=5.5, va="center_baseline")
    panel.set_yticks(lines.index, [str(name).replace("_", " ") for name in lines["name"]])
    for label, kind in zip(panel.get_yticklabels(), lines["kind"], strict=True):
        label.set_fontweight("bold" if kind == "cases" else "normal")
    longest = max(left.max(), *(theirs or 0 for theirs in said))
    panel.set(xlim=(0, ROOM * longest), ylim=(len(lines) - 0.4, -0.6))
    panel.tick_params(axis="y", length=0)


def _published(dataset: str, lines: pd.DataFrame) -> list[int | None]:
    """Return, for each of ``lines``, what the authors had or kept, None for rules and where they are silent."""
    found: list[int | None] = []
    for row in records(lines):
        used = inspected(dataset, row["part"])
        found.append(used and {"cases": used.cases, "remaining": used.kept}.get(row["kind"]))
    return found


def _said(row: Mapping[str, Any]) -> str:
    if row["kind"] in ("cases", "remaining"):
        return _grouped(row[row["kind"]])
    return ", ".join(f"{_grouped(row[kind])} {kind}" for kind in ("dropped", "kept") if row[kind])


def _grouped(count: int) -> str:
    return f"{count:,}".replace(",", " ")
