"""The look of every figure: sizes for a printed column, colours that the colour-blind tell apart, whole files."""

import dataclasses
import logging
import os
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from medley.files import whole_file
from medley.results.study import Study

File = str | os.PathLike[str]
COLUMN, PAGE = 3.5, 7.2  # widths of a journal's column and page, inches
DOTS = 200  # per inch of the PNG
LETTERS = 17  # per inch of a title
HEADING_LINE, USUAL_LINES = 0.14, 2  # inches; lines for which figures have room
ENTRY, LETTER = 0.45, 0.052  # inches of a legend's entry: all but its name, and each letter of that
BLACK, GREY = "#000000", "#777777"
# Okabe and Ito's palette, without the yellow that vanishes on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
# How the variants of a family (fpn, fpn-imagenet, fpn-4class) differ: line, marker.
VARIANTS = (("-", "o"), ("--", "s"), (":", "^"), ("-.", "D"))
SHEET: dict[Any, Any] = {
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "figure.titlesize": 7.5,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # text stays text
    "svg.hashsalt": "medley",
    "savefig.dpi": DOTS,
}


@dataclasses.dataclass(frozen=True)
class Look:
    """How a predictor is drawn, the same in every figure of a study."""

    colour: str
    line: str
    marker: str


def looks(study: Study) -> dict[str, Look]:
    """Return the look of every member and ensemble of a study, shown or not.

    A family shares a colour; its variants differ in line and marker. The members of a grid that differ in its
    first key alone are a family, and so are other names that are equal up to the first hyphen. The
    all-background prediction is a dashed black line.
    """
    found: dict[str, Look] = {}
    families: dict[str, list[str]] = {}
    for name in dict.fromkeys([*study.members, *study.ensembles, *study.not_run]):
        if study.kind(name) == "background":
            found[name] = Look(BLACK, "--", "x")
        else:
            families.setdefault(_family(name, study), []).append(name)
    for place, names in enumerate(families.values()):
        used = 2 * (place // len(PALETTE))  # most families have no more variants
        for variant, name in enumerate(sorted(names)):
            line, marker = VARIANTS[(variant + used) % len(VARIANTS)]
            found[name] = Look(PALETTE[place % len(PALETTE)], line, marker)
    return found


def broken(name: str, letters: int) -> str:
    """Return ``name`` in lines of about so many letters, broken after underscores."""
    lines = textwrap.fill(name.replace("_", "_ "), letters, break_long_words=False, break_on_hyphens=False)
    return lines.replace("_ ", "_")


def legend_columns(width: float, names: Iterable[str]) -> int:
    """Return how many entries of a legend of ``names`` stand beside each other in ``width`` inches."""
    entry = ENTRY + LETTER * max(len(name) for name in names)
    return max(1, int(width / entry))


@contextmanager
def paper() -> Iterator[None]:
    """Draw and save everything in the block by this sheet."""
    logging.getLogger("fontTools.subset").setLevel(logging.WARNING)  # else every table of every font is logged
    with matplotlib.rc_context(SHEET):
        yield


def heading(figure: Figure, text: str, study: Study) -> None:
    """Put the study and ``text`` above ``figure``, then whether it shows phantoms, who was not run and who started
    at random in place of pretrained weights. The figure grows by the lines that are more than usual.
    """
    made_up = f" – phantom data ({', '.join(study.phantoms)})" if study.phantoms else ""
    lines = [f"{study.name}: {text}{made_up}"]
    for reason in sorted(set(study.not_run.values())):
        missing = [name for name in study.predictors if study.not_run.get(name) == reason]
        if missing:
            lines.append(f"not run ({reason}): {', '.join(missing)}")
    if study.random_start:
        everyone = study.random_start.keys() == study.members.keys() and len(study.members) > 1
        names = "all members" if everyone else ", ".join(study.random_start)
        lines.append(f"without pretrained weights: {names}")
    width = round(LETTERS * figure.get_figwidth())
    text = "\n".join(textwrap.fill(line, width, break_on_hyphens=False) for line in lines)
    figure.set_figheight(figure.get_figheight() + HEADING_LINE * max(0, text.count("\n") + 1 - USUAL_LINES))
    figure.suptitle(text)


def save(figure: Figure, png: File) -> None:
    """Write ``figure`` to ``png`` and beside it as .pdf, each whole or not at all, without the time in them."""
    with whole_file(png) as part:
        figure.savefig(part, format="png", dpi=DOTS, metadata={"Software": None})
    with whole_file(Path(png).with_suffix(".pdf")) as part:
        figure.savefig(part, format="pdf", metadata={"CreationDate": None})


def _family(name: str, study: Study) -> str:
    choices = list(study.grid.get(name, {}).values())
    return "_".join(choices[1:]) if len(choices) > 1 else name.split("-")[0]
