"""A picture of what the inspection found: rows of cases by rule with their reasons, masks as contours."""

import os
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from medley.cases import DROP, Case
from medley.errors import InputError
from medley.files import whole_file
from medley.labels import select
from medley.quality import Finding
from medley.quality_rules import Image, Mask, empty_slices, labelled_at_border

COLUMNS = 4  # cases a row
REJECTS = 24  # dropped cases of a rule; of a rule that keeps, a row's
WIDTH, LINES = 34, 4  # characters a line, and lines of a reason
PIXELS = 400  # of a picture's longer side; it is drawn with up to twice as many
COLOURS = ("#56B4E9", "#E69F00", "#CC79A7", "#009E73", "#D55E00", "#F0E442")  # Okabe and Ito's, light on grey
NOTHING = "nothing found"


class _Panel(NamedTuple):
    """A case to draw, under a title; ``rule`` chooses the slice."""

    case: str
    rule: str
    title: str


def draw(
    path: str | os.PathLike[str], cases: Mapping[str, Case], findings: Sequence[Finding], reader: ModuleType
) -> None:
    """Write the contact sheet as PNG: dropped cases by rule, then kept ones, last some without a finding.

    A rule's rows show its cases, or some from all over where they are many; a copy stands beside its
    original. Shown is the slice that the rule is about, else the one with the largest mask; rows run down.
    """
    rows = _rows(cases, findings)
    with matplotlib.rc_context({"font.size": 7}):
        figure = Figure(figsize=(2.2 * COLUMNS, 2.8 * len(rows) + 0.4), layout="constrained")
        for panels, line in zip(rows, figure.subplots(len(rows), COLUMNS, squeeze=False), strict=True):
            for axis in line:
                axis.set_axis_off()
            for axis, panel in zip(line, panels, strict=False):
                axis.set_title(panel.title)
                _show(axis, cases[panel.case], panel.rule, reader)
        handles = [Line2D([], [], color=colour) for colour, _ in zip(COLOURS, reader.LABELS, strict=False)]
        figure.legend(handles, list(reader.LABELS), loc="outside lower center", ncols=len(handles), frameon=False)
        with whole_file(path) as part:
            figure.savefig(part, format="png", dpi=110, metadata={"Software": None})


def _rows(cases: Mapping[str, Case], findings: Sequence[Finding]) -> list[list[_Panel]]:
    """Return the sheet's rows of up to COLUMNS panels."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in sorted(findings, key=lambda finding: (finding.decision != DROP, finding.rule, finding.case)):
        groups.setdefault((finding.decision, finding.rule), []).append(finding)
    rows = []
    for (decision, _), group in groups.items():
        shown = _spread(group, REJECTS if decision == DROP else COLUMNS)
        panels = [panel for finding in shown for panel in _panels(finding, cases[finding.case])]
        rows += [panels[start : start + COLUMNS] for start in range(0, len(panels), COLUMNS)]
    clean = sorted(set(cases) - {finding.case for finding in findings})
    if clean:
        rows.append([_Panel(name, "", f"{NOTHING}\n{name}") for name in _spread(clean, COLUMNS)])
    return rows


def _spread(entries: Sequence[Any], most: int) -> list[Any]:
    """Return up to ``most`` entries, from all over the list: neighbours are often one patient's."""
    places = np.unique(np.linspace(0, len(entries) - 1, most).round().astype(int))
    return [entries[place] for place in places]


def _panels(finding: Finding, case: Case) -> Iterator[_Panel]:
    """Yield the panel of a finding and, for a copy, that of its original."""
    reason = finding.reason
    for path in filter(None, (case.image, case.mask)):
        reason = reason.replace(path, Path(path).name)  # there is little room
    value = f": {finding.value}" if finding.value else ""
    head = textwrap.wrap(f"{finding.rule}{value} ({finding.decision})", WIDTH)
    lines = textwrap.wrap(reason, WIDTH, max_lines=LINES, placeholder=" …")
    title = "\n".join([*head, finding.case, *lines])
    yield _Panel(finding.case, finding.rule, title)
    if finding.rule == "duplicate":
        original = finding.value.rpartition(" ")[0]
        yield _Panel(original, finding.rule, f"what it looks like:\n{original}")


def _show(axis: Any, case: Case, rule: str, reader: ModuleType) -> None:
    """Draw one slice of ``case`` with the contours of its labels."""
    try:
        image = reader.read_image(case)
    except InputError:
        axis.text(0.5, 0.5, "cannot be read", ha="center", va="center", transform=axis.transAxes)
        return
    mask = _mask(case, image, reader)
    number = _slice_to_show(rule, mask)
    step = max(1, max(image.shape[2:]) // PIXELS)
    aspect = case.spacing[0] / case.spacing[1]
    vmax = np.percentile(image, 99.5)  # of grey values alone; colours have a scale of their own
    axis.imshow(_pixels(image, number)[::step, ::step], cmap="gray", vmax=vmax, aspect=aspect, interpolation="nearest")
    for colour, values in zip(COLOURS, reader.LABELS.values(), strict=False):
        inside = select(mask[number, ::step, ::step], values)
        if inside.any():
            rows, columns = (np.arange(-1, size + 1) for size in inside.shape)
            around = np.pad(inside, 1)  # else nothing would be drawn along the image's border
            contours = axis.contour(columns, rows, around, levels=[0.5], colors=[colour], linewidths=0.8)
            contours.set_clip_on(False)


def _mask(case: Case, image: Image, reader: ModuleType) -> Mask:
    """Return the mask of ``case``, empty where there is none or it cannot be read or does not fit."""
    try:
        if case.mask:
            mask: Mask = reader.read_mask(case)
            return mask
    except InputError:
        pass
    return np.zeros(image.shape[1:], dtype=np.uint8)


def _pixels(image: Image, number: int) -> npt.NDArray[Any]:
    """Return slice ``number`` of ``image``: grey (rows, columns), or colours (rows, columns, 3) as uint8."""
    if len(image) == 3:
        return np.moveaxis(image[:, number], 0, -1).clip(0, 255).astype(np.uint8)
    grey: Image = image[0, number]
    return grey


def _slice_to_show(rule: str, mask: Mask) -> int:
    """Return the index of the slice that ``rule`` is about, else of the one with the largest mask."""
    if rule == "empty_slices":
        return int(empty_slices(mask)[0])
    if rule == "mask_at_border":
        return int(np.argmax(labelled_at_border(mask)))
    if not mask.any():
        return len(mask) // 2
    return int(np.argmax(np.count_nonzero(mask, axis=(1, 2))))
