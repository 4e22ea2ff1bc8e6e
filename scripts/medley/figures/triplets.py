"""Truth, prediction and their difference on slices whose labels may overlap: best, median, worst, and one without."""

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch

from medley.cases import Case, read_cases
from medley.errors import InputError
from medley.figures import overlay_slices
from medley.figures.overlay_slices import Folder, Mask, Slice, any_of
from medley.figures.overlays import bare, contour, height, note
from medley.figures.style import PAGE, heading
from medley.results.read import dataset_of, predictor_of
from medley.results.study import Study

SIDE = 180.0  # mm, the least that is shown of a slice, up and down, left and right
NO_ORGAN = "no organ"  # the rank of a slice without truth
# Okabe and Ito's: the organs of one column and the mistakes of the other share no colour.
ORGANS = ("#56B4E9", "#E69F00", "#009E73", "#0072B2")
MISTAKES = {"missed": "#F0E442", "added": "#D55E00", "one organ for another": "#CC79A7"}
OPACITY = 0.45
BESIDE, ABOVE = 0.5, 0.8  # inches for the names of rows, and for title, names of columns and legend
NAME = 14  # letters in a line of a case's name, so that it is no longer than its row is high


def triplets(
    metrics: pd.DataFrame,
    cases_files: Iterable[Folder],
    folders: Iterable[Folder],
    study: Study,
    sources: Mapping[str, Mapping[str, Any]],
) -> list[Slice]:
    """Return of each dataset the slices that ``choose`` names, cut to a margin around truth and prediction.

    Shown is the study's first combining ensemble (see ``Study.combined``), whose probabilities and rows of
    metrics.csv are among ``folders`` and ``metrics``; a case is one slice. ``sources`` has each dataset's
    ``reader`` and ``regions``.
    """
    tables = {dataset_of(path): read_cases(path) for path in cases_files}
    stored = {predictor_of(folder): folder for folder in folders}
    name = study.combined()[0][-1]
    metrics = metrics[(metrics["predictor"] == name) & metrics["label"].isin(study.labels(name))]
    found = []
    for dataset in study.datasets:
        cases, own = tables[dataset], {name: stored[dataset, name]}
        judged = overlay_slices.judged_cases(metrics, dataset, cases)
        dice = overlay_slices.mean_dice(judged, study)
        for rank, case in choose(judged, cases).items():
            whole = overlay_slices.middle(dataset, rank, cases[case], sources[dataset], own, dice[case], name)
            seen = any_of([*whole.truth.values(), *whole.predictions[name].values()])
            found.append(overlay_slices.cut(whole, framed(seen, whole.spacing)))
    return found


def choose(judged: pd.DataFrame, cases: Mapping[str, Case]) -> dict[str, str]:
    """Return the best, median and worst slice with organs by Dice, and the one without in which most is predicted.

    ``judged`` holds one predictor's rows of ``results.cases.per_case``. The Dice is the mean over the labels that
    truth or prediction holds; predicted voxels are summed over labels, ties go by name. Where every slice holds
    an organ, the last is left out. Raises InputError when none does.
    """
    dice = {str(case): float(value) for case, value in judged.groupby("case")["dice"].mean().items()}
    with_organs = {case: value for case, value in dice.items() if cases[case].labels}
    if not with_organs:
        raise InputError("triplets: no case that is judged holds a label; take triplets out of `figures`")
    chosen = overlay_slices.choose(with_organs)
    # Without truth, all of the difference in volume (ml) is predicted.
    volumes = judged.groupby("case")["volume_difference"].sum()
    voxels = {str(case): round(1000 * ml / math.prod(cases[str(case)].spacing)) for case, ml in volumes.items()}
    without = sorted((-count, case) for case, count in voxels.items() if not cases[case].labels)
    return chosen | ({NO_ORGAN: without[0][1]} if without else {})


def framed(seen: Mask, spacing: tuple[float, float]) -> Mask:
    """Return ``seen`` (rows, columns) with two corners more, so that it reaches over SIDE mm where the slice does.

    ``spacing`` is in mm. A few voxels alone would fill the figure, and nobody would know what is around them.
    """
    corners = []
    for axis, size in enumerate(seen.shape):
        held = np.flatnonzero(seen.any(axis=1 - axis))
        if not len(held):
            return seen
        more = max(0, math.ceil((SIDE / spacing[axis] - (held[-1] + 1 - held[0])) / 2))
        corners.append((max(int(held[0]) - more, 0), min(int(held[-1]) + more, size - 1)))
    first, last = zip(*corners, strict=True)
    wider = seen.copy()
    wider[first] = wider[last] = True
    return wider


def draw(slices: Sequence[Slice], study: Study) -> Figure:
    """Return the figure of ``triplets``: a row a slice; truth, prediction and difference from left to right."""
    name = slices[0].chosen_by
    colours = dict(zip(study.labels(name), ORGANS * len(study.labels(name)), strict=False))
    size = (PAGE - BESIDE) / 4
    heights = [size * height(item) for item in slices]
    tight = ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.02, wspace=0.01, hspace=0.01)
    figure = Figure(figsize=(BESIDE + size * 3, ABOVE + sum(heights)), layout=tight)
    grid = figure.subplots(len(slices), 3, squeeze=False, height_ratios=heights)
    for (left, middle, right), item in zip(grid, slices, strict=True):
        predicted = item.predictions[name]
        mistakes = difference(item.truth, predicted)
        _show(left, item, {label: (colours[label], item.truth[label]) for label in colours})
        _show(middle, item, {label: (colours[label], predicted[label]) for label in colours})
        _show(right, item, {kind: (MISTAKES[kind], mistakes[kind]) for kind in MISTAKES})
        note(middle, _score(item))
        left.set_ylabel(f"{item.rank}\n{textwrap.fill(item.case.replace('_', ' '), NAME)}", fontsize=6)
    for panel, title in zip(grid[0], ("truth", f"prediction of {name}", "difference"), strict=True):
        panel.set_title(title)
    entries = {label.replace("_", " "): colour for label, colour in colours.items()} | MISTAKES
    handles = [Patch(color=colour, label=label) for label, colour in entries.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), handlelength=1.2, columnspacing=1.2)
    heading(figure, f"truth, prediction of {name}, and their difference", study)
    return figure


def difference(truth: Mapping[str, Mask], prediction: Mapping[str, Mask]) -> dict[str, Mask]:
    """Return where a label of the truth is missed, where one is added, and where both are: one taken for another.

    All masks (by label) have one shape; no two of the three overlap.
    """
    missed = any_of(truth[label] & ~prediction[label] for label in truth)
    added = any_of(prediction[label] & ~truth[label] for label in truth)
    return dict(zip(MISTAKES, (missed & ~added, added & ~missed, missed & added), strict=True))


def _score(item: Slice) -> str:
    """Return what is written on a prediction: its Dice or, without truth, how many voxels are predicted."""
    if item.rank != NO_ORGAN:
        return f"Dice {item.dice[item.chosen_by]:.3f}"
    return f"{sum(int(mask.sum()) for mask in item.predictions[item.chosen_by].values())} voxels predicted"


def _show(panel: Axes, item: Slice, masks: Mapping[str, tuple[str, Mask]]) -> None:
    """Draw the image and over it each mask in its colour, filled and outlined, so that overlaps are seen."""
    aspect = item.spacing[0] / item.spacing[1]
    bright = float(np.percentile(item.image, 99.5))
    panel.imshow(item.image, cmap="gray", vmax=bright, aspect=aspect, interpolation="nearest")
    for colour, mask in masks.values():
        filled = np.zeros((*mask.shape, 4), dtype=np.float32)
        filled[mask] = (*to_rgb(colour), OPACITY)
        panel.imshow(filled, aspect=aspect, interpolation="nearest")
        contour(panel, mask, colour, 0.8)
    bare(panel)
