"""A heartbeat with what is predicted in it: some frames side by side, and all of them one after another."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from medley.cases import Case
from medley.errors import InputError
from medley.figures.overlay_slices import Mask, any_of, middle_slice, window
from medley.figures.overlays import note
from medley.figures.patient import colours_of, explain, greys_of, show
from medley.figures.style import PAGE, heading
from medley.results.study import Study

Floats = npt.NDArray[np.float32]
MOST = 30  # frames that are shown
ACROSS = 6  # frames beside each other on paper
BEAT = 1000  # milliseconds that the animation takes: the files do not say how long the beat was
WIDE = 1.9  # inches of a slice in the animation
ABOVE = 0.6  # inches for title and legend
LEVELS = (0.2, 0.5, 0.8)  # of the slices of the heart, base and apex being its ends


class Cine(NamedTuple):
    """What is shown of a heartbeat: some slices, cut to the heart, of at most MOST frames."""

    frames: Sequence[int]  # their numbers, from 1
    slices: Sequence[int]  # theirs
    images: Floats  # (frames, slices, rows, columns)
    masks: dict[str, Mask]  # by label: the prediction, of the same shape
    spacing: tuple[float, float, float]  # mm: rows, columns, slices


def choose(cases: Mapping[str, Case], tests: Sequence[str], cine_file: Callable[[Case], Path]) -> Case:
    """Return the first test case at end diastole, by name, that has a mask and a heartbeat (``cine_file``).

    Those passed over are counted in the log. Raises InputError where there is none.
    """
    diastolic = [cases[name] for name in sorted(tests) if cases[name].phase == "ED"]
    found = [case for case in diastolic if case.mask and cine_file(case).is_file()]
    if not found:
        raise InputError(
            f"cine: none of {len(diastolic)} test cases at end diastole (ED) has a mask and a heartbeat (CINE); "
            "add one, or take the figure out of `figures`"
        )
    logging.info("%s; %d test cases have no mask or no heartbeat", found[0].case, len(diastolic) - len(found))
    return found[0]


def every(frames: int) -> list[int]:
    """Return which of so many ``frames`` are shown: all or, of more than MOST, every n-th."""
    return list(range(0, frames, -(-frames // MOST)))


def levels(truth: Mask) -> list[int]:
    """Return the slices that are shown of a heart (slices, rows, columns): at LEVELS of its height, top first.

    The middle slice alone where it has fewer than three.
    """
    held = np.flatnonzero(truth.any(axis=(1, 2)))
    if len(held) < len(LEVELS):
        return [middle_slice(truth)]
    return [int(held[round(level * (len(held) - 1))]) for level in LEVELS]


def cut(
    beat: Floats, masks: Mapping[str, Mask], frames: Sequence[int], truth: Mask, spacing: tuple[float, float, float]
) -> Cine:
    """Return what is shown of ``beat`` and the predicted ``masks``, by label, each (frames, slices, rows, columns).

    ``frames`` are the places in the heartbeat of those in ``beat``, ``truth`` (slices, rows, columns) where the heart
    is at end diastole; ``spacing`` is in mm: rows, columns, slices.
    """
    slices = levels(truth)
    predicted = any_of(masks.values())[:, slices]
    shown = any_of([*truth[slices], *predicted.reshape(-1, *truth.shape[1:])])
    part = (slice(None), slices, *window(shown, spacing[:2]))
    kept = {label: mask[part] for label, mask in masks.items()}
    return Cine([place + 1 for place in frames], [number + 1 for number in slices], beat[part], kept, spacing)


def strip(cine: Cine, title: str, study: Study) -> Figure:
    """Return the figure for paper: slices from top to bottom, some frames, evenly spread, from left to right."""
    count = min(len(cine.frames), ACROSS)
    places = [round(place * len(cine.frames) / count) for place in range(count)]
    size = PAGE / count
    figure = _page(size * count, len(cine.slices) * size * _height(cine))
    grid = figure.subplots(len(cine.slices), count, squeeze=False)
    for level, row in enumerate(grid):
        for panel, place in zip(row, places, strict=True):
            _panel(panel, cine, place, level)
    for panel, place in zip(grid[0], places, strict=True):
        panel.set_title(f"frame {cine.frames[place]}")
    explain(figure, colours_of(cine.masks))
    heading(figure, title, study)
    return figure


def animate(cine: Cine, title: str, study: Study) -> Iterator[Figure]:
    """Yield a figure a frame: slices from left to right."""
    width = max(WIDE * len(cine.slices), 2 * WIDE)
    size = width / len(cine.slices)
    for place, number in enumerate(cine.frames):
        figure = _page(width, size * _height(cine))
        for level, panel in enumerate(figure.subplots(1, len(cine.slices), squeeze=False)[0]):
            _panel(panel, cine, place, level)
        explain(figure, colours_of(cine.masks))
        heading(figure, f"{title}, frame {number:02}", study)
        yield figure


def _page(width: float, height: float) -> Figure:
    tight = ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.01, wspace=0.01, hspace=0.01)
    return Figure(figsize=(width, ABOVE + height), layout=tight)


def _height(cine: Cine) -> float:
    """Return the height of a slice in mm over its width in mm."""
    rows, columns = cine.images.shape[2:]
    return float(rows * cine.spacing[0] / (columns * cine.spacing[1]))


def _panel(panel: Axes, cine: Cine, place: int, level: int) -> None:
    """Draw one slice of one frame, in grey values that mean the same in all frames of this slice."""
    masks = {label: mask[place, level] for label, mask in cine.masks.items()}
    show(panel, cine.images[place, level], masks, cine.spacing, greys_of(cine.images[:, level]))
    if len(cine.slices) > 1:
        note(panel, f"slice {cine.slices[level]}")
