"""Prediction beside truth of one test patient: both phases, and the view of every dataset of the study."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from medley.cases import Case, read_cases
from medley.errors import InputError
from medley.figures import overlay_slices
from medley.figures.overlay_slices import Folder, Slice, any_of
from medley.figures.overlays import height, note
from medley.figures.patient import colours_of, explain, greys_of, show
from medley.figures.style import PAGE, heading
from medley.results.read import dataset_of, predictor_of
from medley.results.study import Study

PHASES = ("ED", "ES")
BESIDE, ABOVE = 0.25, 0.75  # inches for the names of rows, and for title, names of columns and legend

Dice = Mapping[str, Mapping[str, float]]  # by dataset, then case


def predictions(
    metrics: pd.DataFrame,
    cases_files: Iterable[Folder],
    folders: Iterable[Folder],
    study: Study,
    sources: Mapping[str, Mapping[str, Any]],
) -> list[list[Slice]]:
    """Return the middle slice of the patient that ``choose`` names: a list a phase, in it a slice a dataset.

    ``folders`` hold the probabilities of one predictor, ``metrics`` its rows of metrics.csv; ``sources`` has each
    dataset's ``reader`` and ``regions``.
    """
    tables = {dataset_of(path): read_cases(path) for path in cases_files}
    stored = {predictor_of(folder): folder for folder in folders}
    (name,) = {predictor for _, predictor in stored}
    dice: dict[str, dict[str, float]] = {}
    for dataset in study.datasets:
        judged = overlay_slices.judged_cases(metrics, dataset, tables[dataset])
        dice[dataset] = {case: own[name] for case, own in overlay_slices.mean_dice(judged, study).items()}
    patient = choose(dice, tables)
    rows = []
    for phase in PHASES:
        found = []
        for dataset in study.datasets:
            mine = [tables[dataset][name] for name in dice[dataset]]
            case = next(case for case in mine if (case.patient, case.phase) == (patient, phase))
            own, value = {name: stored[dataset, name]}, {name: dice[dataset][case.case]}
            whole = overlay_slices.middle(dataset, "median", case, sources[dataset], own, value, name)
            seen = any_of([*whole.truth.values(), *whole.predictions[name].values()])
            found.append(overlay_slices.cut(whole, seen))
        rows.append(found)
    return rows


def choose(dice: Dice, tables: Mapping[str, Mapping[str, Case]]) -> str:
    """Return the patient in the middle by mean Dice, of those judged in both phases in every dataset.

    Of two in the middle it is the worse, ties go by name; a Dice that is not a number does not count. Raises
    InputError where there is no such patient.
    """
    values: dict[str, list[tuple[str, str, float]]] = {}
    for dataset, own in dice.items():
        for name, value in own.items():
            case = tables[dataset][name]
            if case.phase in PHASES and not np.isnan(value):
                values.setdefault(case.patient, []).append((dataset, case.phase, value))
    wanted = {(dataset, phase) for dataset in dice for phase in PHASES}
    means = {
        patient: float(np.mean([value for *_, value in own]))
        for patient, own in values.items()
        if {(dataset, phase) for dataset, phase, _ in own} == wanted
    }
    if not means:
        raise InputError(f"predictions: no patient is judged in ED and ES of {', '.join(dice)}; leave the figure out")
    return overlay_slices.choose(means)["median"]


def draw(rows: Sequence[Sequence[Slice]], study: Study) -> Figure:
    """Return the figure of ``predictions``: phases from top to bottom, truth and prediction of each dataset."""
    name = rows[0][0].chosen_by
    columns = 2 * len(rows[0])
    size = (PAGE - BESIDE) / max(columns, 4)
    heights = [size * max(height(item) for item in row) for row in rows]
    tight = ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.02, wspace=0.01, hspace=0.01)
    figure = Figure(figsize=(BESIDE + size * columns, ABOVE + sum(heights)), layout=tight)
    grid = figure.subplots(len(rows), columns, squeeze=False, height_ratios=heights)
    for panels, row, phase in zip(grid, rows, PHASES, strict=True):
        for left, right, item in zip(panels[::2], panels[1::2], row, strict=True):
            for panel, masks in ((left, item.truth), (right, item.predictions[name])):
                show(panel, item.image, masks, (*item.spacing, 1.0), greys_of(item.image))
            note(right, f"Dice {item.dice[name]:.3f}")
            note(left, item.case if item.number is None else f"{item.case}, slice {item.number}")
        panels[0].set_ylabel(phase)
    titles = [f"{item.dataset}: {what}" for item in rows[0] for what in ("truth", "prediction")]
    for panel, title in zip(grid[0], titles, strict=True):
        panel.set_title(title)
    explain(figure, colours_of(rows[0][0].truth))
    heading(figure, f"truth and prediction of {name}, the test patient in the middle by Dice", study)
    return figure
