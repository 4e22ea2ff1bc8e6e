"""A picture of what the inspection found: a row a rule, a few cases each, masks as contours."""

import os
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from medley.cases import Case
from medley.errors import InputError
from medley.files import whole_file
from medley.labels import select
from medley.quality import Finding, Mask, empty_slices, labelled_at_border

COLUMNS = 4  # cases a row
COLOURS = ("#56B4E9", "#E69F00", "#CC79A7", "#009E73", "#D55E00", "#F0E442")  # Okabe and Ito's, light on grey
NOTHING = "nothing found"


def draw(
    path: str | os.PathLike[str], cases: Mapping[str, Case], findings: Sequence[Finding], reader: ModuleType
) -> None:
    """Write the contact sheet as PNG: some cases of each rule, last some without a finding.

    Shown is the slice that the rule is about, else the one with the largest mask; rows run down.
    """
    rows = _rows(cases, findings)
    with matplotlib.rc_context({"font.size": 7}):
        figure = Figure(figsize=(2.0 * COLUMNS, 2.2 * len(rows) + 0.4), layout="constrained")
        axes = figure.subplots(len(rows), COLUMNS, squeeze=False)
        for (rule, shown), line in zip(rows.items(), axes, strict=True):
            for axis in line:
                axis.set_axis_off()
            for axis, (name, value) in zip(line, shown, strict=False):
                axis.set_title(f"{rule}{': ' if value else ''}{value}\n{name}")
                _show(axis, cases[name], rule, reader)
        handles = [Line2D([], [], color=colour) for colour, _ in zip(COLOURS, reader.LABELS, strict=False)]
        figure.legend(handles, list(reader.LABELS), loc="outside lower center", ncols=len(handles), frameon=False)
        with whole_file(path) as part:
            figure.savefig(part, format="png", dpi=110, metadata={"Software": None})


def _rows(cases: Mapping[str, Case], findings: Sequence[Finding]) -> dict[str, list[tuple[str, str]]]:
    """Return (case, value) of up to COLUMNS cases for each rule that fired, and of cases without a finding."""
    rows: dict[str, list[tuple[str, str]]] = {rule: [] for rule in sorted({finding.rule for finding in findings})}
    for finding in findings:
        rows[finding.rule].append((finding.case, finding.value))
    clean = sorted(set(cases) - {finding.case for finding in findings})
    if clean:
        rows[NOTHING] = [(name, "") for name in clean]
    return {rule: _spread(shown) for rule, shown in rows.items()}


def _spread(shown: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return up to COLUMNS entries, from all over the list: neighbours are often one patient's."""
    places = np.unique(np.linspace(0, len(shown) - 1, COLUMNS).round().astype(int))
    return [shown[place] for place in places]


def _show(axis: Any, case: Case, rule: str, reader: ModuleType) -> None:
    """Draw one slice of ``case`` with the contours of its labels."""
    try:
        image = reader.read_image(case)[0]
        mask = reader.read_mask(case) if case.mask else np.zeros(image.shape, dtype=np.uint8)
    except InputError:
        axis.text(0.5, 0.5, "cannot be read", ha="center", va="center", transform=axis.transAxes)
        return
    number = _slice_to_show(rule, mask)
    aspect = case.spacing[0] / case.spacing[1]
    axis.imshow(image[number], cmap="gray", vmax=np.percentile(image, 99.5), aspect=aspect, interpolation="nearest")
    for colour, values in zip(COLOURS, reader.LABELS.values(), strict=False):
        inside = select(mask[number], values)
        if inside.any():
            axis.contour(inside, levels=[0.5], colors=[colour], linewidths=0.8)


def _slice_to_show(rule: str, mask: Mask) -> int:
    """Return the index of the slice that ``rule`` is about, else of the one with the largest mask."""
    if rule == "empty_slices":
        return int(empty_slices(mask)[0])
    if rule == "mask_at_border":
        return int(np.argmax(labelled_at_border(mask)))
    if not mask.any():
        return len(mask) // 2
    return int(np.argmax(np.count_nonzero(mask, axis=(1, 2))))
