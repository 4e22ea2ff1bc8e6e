"""One case of every vendor before and after preprocessing: as in the file, cropped, and by the whole recipe."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from medley import preprocess
from medley.cases import Case
from medley.errors import InputError
from medley.figures.overlays import bare
from medley.figures.patient import greys_of
from medley.figures.style import PAGE, PALETTE, heading
from medley.results.study import Study

Floats = npt.NDArray[np.float32]
STEPS = {"before": "as in the file", "soft": "cropped", "validation": "whole recipe"}
BINS = 60  # of the grey values
BESIDE, ABOVE, NAMES = 0.25, 0.5, 0.22  # inches for names of rows, for the title, and for sizes below a picture
CURVES = 0.9  # height of the grey values, inches


class Steps(NamedTuple):
    """A case, by step of STEPS: its image (slices, rows, columns) and its spacing in mm (rows, columns, slices)."""

    case: Case
    images: dict[str, Floats]
    spacings: dict[str, tuple[float, float, float]]


def choose(cases: Iterable[Case]) -> list[Case]:
    """Return a case of every vendor, in order of vendors: the first at end diastole, by name.

    Raises InputError where no case has a vendor.
    """
    found: dict[str, Case] = {}
    for case in sorted(cases, key=lambda case: (case.phase, case.case)):
        if case.vendor:
            found.setdefault(case.vendor, case)
    if not found:
        raise InputError("preprocessing: no case has a vendor; take the figure out of `figures`")
    return [found[vendor] for vendor in sorted(found)]


def steps(case: Case, image: Floats, recipe: Mapping[str, Any]) -> Steps:
    """Return ``image`` (channels, slices, rows, columns) of ``case`` before, cropped, and on the grid of ``recipe``."""
    box = preprocess.nonzero_box(image) if "crop" in recipe else None
    grid = preprocess.geometry(case.shape, case.spacing, recipe, box)
    kept = tuple(slice(start, stop) for start, stop in grid.box)
    sizes = [stop - start for start, stop in grid.box]
    slices, rows, columns = (
        millimetres * size / wanted
        for millimetres, size, wanted in zip((case.spacing[2], *case.spacing[:2]), sizes, grid.resampled, strict=True)
    )
    prepared, _ = preprocess.preprocess(image, np.zeros(grid.native, dtype=np.uint8), grid, recipe)
    images = (image[0], image[0][kept], prepared[0])
    spacings = (case.spacing, case.spacing, (rows, columns, slices))
    return Steps(case, dict(zip(STEPS, images, strict=True)), dict(zip(STEPS, spacings, strict=True)))


def draw(found: Mapping[str, Sequence[Steps]], recipe: str, study: Study) -> Figure:
    """Return the figure of ``found``, the steps of some cases by view: the middle slices, below them grey values."""
    vendors = sorted({item.case.vendor for own in found.values() for item in own})
    columns = len(STEPS) * len(found)
    size = (PAGE - BESIDE) / max(columns, 4)
    tallest = [
        max(_height(step, item) for own in found.values() for item in own for step in STEPS if item.case.vendor == name)
        for name in vendors
    ]
    heights = [size * tall + NAMES for tall in tallest] + [CURVES]
    tight = ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.02, wspace=0.01, hspace=0.01)
    figure = Figure(figsize=(BESIDE + size * columns, ABOVE + sum(heights)), layout=tight)
    grid = figure.subplots(len(vendors) + 1, columns, squeeze=False, height_ratios=heights)
    colours = dict(zip(vendors, PALETTE * len(vendors), strict=False))
    for place, (view, own) in enumerate(found.items()):
        panels = grid[:, len(STEPS) * place : len(STEPS) * (place + 1)]
        by_vendor = {item.case.vendor: item for item in own}
        for row, vendor in zip(panels, vendors, strict=False):
            for panel, step in zip(row, STEPS, strict=True):
                if vendor in by_vendor:
                    _show(panel, by_vendor[vendor], step)
                else:
                    panel.set_axis_off()
        for panel, (step, words) in zip(panels[0], STEPS.items(), strict=True):
            panel.set_title(f"{view}, {step}\n{words}")
            below = panels[-1][list(STEPS).index(step)]
            _greys(below, {vendor: item.images[step] for vendor, item in by_vendor.items()}, colours)
    for row, vendor in zip(grid, vendors, strict=False):
        row[0].set_ylabel(vendor, color=colours[vendor])
    grid[-1][0].set_ylabel("share (log)")
    heading(figure, f"one case of every vendor by the recipe {recipe}", study)
    return figure


def _height(step: str, item: Steps) -> float:
    """Return the height of a picture in mm over its width in mm."""
    (_, rows, columns), spacing = item.images[step].shape, item.spacings[step]
    return float(rows * spacing[0] / (columns * spacing[1]))


def _show(panel: Axes, item: Steps, step: str) -> None:
    """Draw the middle slice, and below it how many pixels of which size it has."""
    image, (rows, columns, _) = item.images[step], item.spacings[step]
    black, white = greys_of(image)
    panel.imshow(image[len(image) // 2], cmap="gray", vmin=black, vmax=white, aspect=rows / columns)
    bare(panel)
    panel.set_xlabel(f"{image.shape[1]} × {image.shape[2]}, {rows:.3g} mm", fontsize=6, labelpad=1)


def _greys(panel: Axes, images: Mapping[str, Floats], colours: Mapping[str, str]) -> None:
    """Draw how often grey values are in each vendor's image, up to what is drawn white."""
    for vendor, image in images.items():
        counts, edges = np.histogram(image, BINS, greys_of(image))
        panel.stairs(counts / image.size, edges, color=colours[vendor], baseline=None)
    panel.set_yscale("log")  # most voxels are dark
    panel.tick_params(axis="y", which="both", labelleft=False)
    panel.set_xlabel("grey value", labelpad=1)
