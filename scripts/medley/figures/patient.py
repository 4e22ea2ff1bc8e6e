"""What is predicted in one image: every slice with the outlines of the labels."""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from medley.figures.overlay_slices import Mask, any_of, window
from medley.figures.overlays import bare, contour, note
from medley.figures.style import PAGE, heading
from medley.figures.triplets import ORGANS
from medley.results.study import Study

Floats = npt.NDArray[np.float32]
ACROSS = 5  # slices beside each other
ABOVE = 0.55  # inches for title and legend
BRIGHT = 99.5  # the percentile of grey values that is white


def draw(
    image: Floats, labels: Mapping[str, Mask], spacing: tuple[float, float, float], title: str, study: Study
) -> Figure:
    """Return the figure of ``image`` and each of ``labels``, all (slices, rows, columns), cut to what is predicted.

    ``spacing`` is in mm: rows, columns, slices. A single slice stands alone, half as wide as the page. ``study`` is
    what the network was trained on.
    """
    part = window(any_of(any_of(labels.values())), spacing[:2])
    image, labels = image[:, *part], {label: mask[:, *part] for label, mask in labels.items()}
    across = min(len(image), ACROSS)
    down, size = math.ceil(len(image) / across), PAGE / max(across, 2)
    row = size * image.shape[1] * spacing[0] / (image.shape[2] * spacing[1])
    tight = ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.01, wspace=0.01, hspace=0.01)
    figure = Figure(figsize=(size * max(across, 2), ABOVE + down * row), layout=tight)
    panels = figure.subplots(down, across, squeeze=False).flat
    colours, greys = colours_of(labels), greys_of(image)
    for number, panel in enumerate(panels):
        if number < len(image):
            show(panel, image[number], {label: mask[number] for label, mask in labels.items()}, spacing, greys)
            if len(image) > 1:
                note(panel, f"slice {number + 1}")
        else:
            panel.set_axis_off()
    explain(figure, colours)
    learnt = ", trained on phantoms" if study.phantoms else ""
    heading(figure, f"{title}{learnt}", dataclasses.replace(study, phantoms=[]))  # the patient is none
    return figure


def greys_of(image: Floats) -> tuple[float, float]:
    """Return the grey values that are black and white in pictures of ``image``."""
    return float(image.min()), float(np.percentile(image, BRIGHT))


def show(
    panel: Axes,
    image: Floats,
    masks: Mapping[str, Mask],
    spacing: tuple[float, float, float],
    greys: tuple[float, float],
) -> None:
    """Draw a slice (rows, columns) in grey values from black to white, and the outlines of ``masks``."""
    black, white = greys
    aspect = spacing[0] / spacing[1]
    panel.imshow(image, cmap="gray", vmin=black, vmax=white, aspect=aspect, interpolation="nearest")
    for label, colour in reversed(colours_of(masks).items()):  # the first on top, where two share a border
        contour(panel, masks[label], colour, 0.9)
    bare(panel)


def colours_of(labels: Mapping[str, Mask]) -> dict[str, str]:
    """Return the colour of each label, by its place."""
    return dict(zip(labels, ORGANS * len(labels), strict=False))


def explain(figure: Figure, colours: Mapping[str, str]) -> None:
    """Say below ``figure`` what colours mean."""
    lines = [Line2D([], [], color=colour, linewidth=2, label=label) for label, colour in colours.items()]
    figure.legend(handles=lines, loc="outside lower center", ncols=len(lines))
