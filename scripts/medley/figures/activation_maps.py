"""What each stage of a network makes of one slice: the mean of its absolute activations over channels."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from medley.cases import Case
from medley.errors import InputError
from medley.figures.overlay_slices import Mask
from medley.figures.overlays import bare, contour
from medley.figures.style import PAGE, heading
from medley.figures.triplets import ORGANS
from medley.results.study import Study

Floats = npt.NDArray[np.float32]
ACROSS = 6
MAP = "viridis"
NAMES = 0.24  # inches above each map
ABOVE = 0.25  # inches for the title


def choose(cases: Mapping[str, Case], names: Iterable[str], index: Mapping[str, Any]) -> str:
    """Return which of the cases ``names`` has most labels and, of these, the largest labelled area.

    ``index`` is that of an array store (see ``medley.store``). The area is in mm²; ties go by name. Raises
    InputError when there is none.
    """
    every = sorted(names)
    if not every:
        raise InputError("activation_maps: the split has no test case; give it a share for test")
    return min(every, key=lambda name: (-len(cases[name].labels), -_area(index["cases"][name]), name))


def draw(image: Floats, truth: Mapping[str, Mask], maps: Mapping[str, Floats], of: str, study: Study) -> Figure:
    """Return the figure: the input with the outline of the truth, then every stage, row by row.

    ``image`` and each label of ``truth`` have shape (rows, columns), each of ``maps``, by stage, (channels, rows,
    columns). ``of`` says which network and slice they are of.
    """
    down = math.ceil((len(maps) + 2) / ACROSS)
    size = PAGE / ACROSS
    tight = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.02, wspace=0.01, hspace=0.01)
    row = size * image.shape[0] / image.shape[1] + NAMES
    figure = Figure(figsize=(PAGE, ABOVE + down * row), layout=tight)
    first, *others = figure.subplots(down, ACROSS, squeeze=False).flat
    first.imshow(image, cmap="gray", interpolation="nearest")
    colours = dict(zip(truth, ORGANS * len(truth), strict=False))
    for label, mask in truth.items():
        contour(first, mask, colours[label], 0.8)
    _name(first, "input", (1, *image.shape))
    for panel, (stage, outputs) in zip(others, maps.items(), strict=False):
        panel.imshow(np.abs(outputs).mean(axis=0), cmap=MAP, interpolation="nearest")
        _name(panel, stage.replace("_", " "), outputs.shape)
    for panel in others[len(maps) :]:
        panel.set_axis_off()
    _explain(figure, others[len(maps)], colours)
    heading(figure, of, dataclasses.replace(study, predictors=[], random_start={}))  # of this one network alone
    return figure


def _area(entry: Mapping[str, Any]) -> float:
    """Return the labelled area of a case in mm²."""
    rows, columns, _ = entry["spacing"]
    return float(entry["foreground"] * rows * columns)


def _name(panel: Axes, name: str, shape: tuple[int, ...]) -> None:
    """Write a stage's name and its channels, rows and columns above its map."""
    panel.set_title(f"{name}\n{' × '.join(map(str, shape))}", fontsize=6, pad=2)
    bare(panel)


def _explain(figure: Figure, panel: Axes, colours: Mapping[str, str]) -> None:
    """Say in a free panel what colours mean."""
    lines = [Line2D([], [], color=colour, label=label.replace("_", " ")) for label, colour in colours.items()]
    panel.legend(handles=lines, loc="upper left", title="truth", alignment="left", title_fontsize=6.5)
    place = panel.inset_axes((0.12, 0.25, 0.76, 0.08))
    bar = figure.colorbar(ScalarMappable(cmap=MAP), cax=place, orientation="horizontal")
    bar.set_ticks([0, 1], labels=["least", "most"])
    bar.ax.tick_params(length=0, pad=2)
    bar.ax.set_title("mean |activation|", fontsize=6.5, pad=2)
    bar.outline.set_visible(False)
