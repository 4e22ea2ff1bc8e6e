"""How tables are written: numbers as CSV, text as Markdown, LaTeX (booktabs) and a page for the report."""

import dataclasses
import html
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from medley.files import whole_file
from medley.results.study import Study

File = str | os.PathLike[str]
MISSING = "–"

# What LaTeX reads as a command, and what its standard fonts lack.
LATEX = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "†": r"\dag{}",
    "↓": r"$\downarrow$",
    "−": "$-$",
    "×": r"$\times$",
    "–": "--",
    "’": "'",
}
STYLE = """body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem;color:#111}
table{border-collapse:collapse;border-top:2px solid;border-bottom:2px solid;margin:.6rem 0 1.2rem}
th{border-bottom:1px solid;font-weight:600}
th,td{padding:.2rem .7rem;text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
th.text,td.text{text-align:left}
li{max-width:75ch}"""


@dataclasses.dataclass(frozen=True)
class View:
    """A part of a table as a reader sees it: cells of text, the first ``text`` columns flush left."""

    heading: str
    cells: pd.DataFrame
    text: int

    @classmethod
    def over_datasets(cls, heading: str, cells: pd.DataFrame, text: int) -> "View":
        """Return a view of ``cells`` whose first column, the dataset, is shown only where there are several."""
        if cells["dataset"].nunique() > 1:
            return cls(heading, cells, text + 1)
        return cls(heading, cells.drop(columns="dataset"), text)


@dataclasses.dataclass(frozen=True)
class Table:
    """A table: all numbers for machines, chosen and rounded ones for readers, and what must be known about them."""

    title: str
    numbers: pd.DataFrame
    views: tuple[View, ...]
    notes: tuple[str, ...]


def title(text: str, study: Study) -> str:
    """Return a table's title; one on phantoms always says so."""
    made_up = f" – phantom results ({', '.join(study.phantoms)}: made-up images)" if study.phantoms else ""
    return f"{study.name}: {text}{made_up}"


def notes_of(study: Study) -> tuple[str, ...]:
    """Return the study's remarks, and a note on members that start at random in place of their pretrained weights."""
    names = [f"{name} ({weights})" for name, weights in study.random_start.items()]
    if not names:
        return tuple(study.remarks)
    return (*study.remarks, f"Started at random, without the pretrained weights configured: {', '.join(names)}.")


def number(value: float, digits: int, signed: bool = False) -> str:
    """Return ``value`` with ``digits`` decimals and a true minus sign; a dash for not a number."""
    if pd.isna(value):
        return MISSING
    rounded = round(float(value), digits) + 0.0  # no minus zero
    return f"{rounded:{'+' if signed and rounded else ''}.{digits}f}".replace("-", "−")


def with_interval(value: float, low: float, high: float, digits: int, signed: bool = False) -> str:
    """Return ``0.873 [0.851, 0.894]``; without interval the value alone."""
    shown = number(value, digits, signed)
    if pd.isna(value) or pd.isna(low):
        return shown
    return f"{shown} [{number(low, digits, signed)}, {number(high, digits, signed)}]"


def count(value: float) -> str:
    """Return a whole number with its digits in groups of three; a dash for a missing one."""
    return MISSING if pd.isna(value) else f"{math.floor(value):,}".replace(",", " ")


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of ``frame``, a missing text as an empty one."""
    texts = {column: "" for column in frame if frame[column].dtype.kind not in "fiu"}
    return [{str(key): value for key, value in row.items()} for row in frame.fillna(texts).to_dict("records")]


def write_csv(path: File, numbers: pd.DataFrame) -> None:
    """Write ``numbers`` with ``%.9g`` and Unix line ends: the same numbers give the same bytes."""
    with whole_file(path) as part:
        numbers.to_csv(part, index=False, float_format="%.9g", lineterminator="\n")


def write_table(table: Table, csv: File) -> None:
    """Write ``table`` to ``csv`` and beside it as .tex, .md and .html, each file whole or not at all."""
    write_csv(csv, table.numbers)
    for suffix, text in ((".tex", latex(table)), (".md", markdown(table)), (".html", html_page(table))):
        with whole_file(Path(csv).with_suffix(suffix)) as part:
            part.write_text(text, encoding="utf-8")


def markdown(table: Table) -> str:
    """Return the table as Markdown, notes below it."""
    lines = [f"# {table.title}", ""]
    for view in table.views:
        if view.heading:
            lines += [f"## {view.heading}", ""]
        rule = [":--" if place < view.text else "--:" for place in range(view.cells.shape[1])]
        for row in (list(view.cells.columns), rule, *view.cells.to_numpy().tolist()):
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
        lines.append("")
    lines += [f"- {note}" for note in table.notes]
    return "\n".join(lines) + "\n"


def latex(table: Table) -> str:
    """Return a ``table`` environment for each view; needs the package booktabs."""
    lines = ["% needs \\usepackage{booktabs}"]
    for place, view in enumerate(table.views, start=1):
        caption = f"{table.title}. {view.heading}" if view.heading else table.title
        columns = "l" * view.text + "r" * (view.cells.shape[1] - view.text)
        lines += [r"\begin{table}", r"\centering", rf"\caption{{{escaped(caption)}.}}"]
        lines += [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", _latex_row(list(view.cells.columns)), r"\midrule"]
        lines += [_latex_row(row) for row in view.cells.to_numpy().tolist()]
        lines += [r"\bottomrule", r"\end{tabular}"]
        if place == len(table.views):
            lines += [r"\par\footnotesize", *(escaped(note) for note in table.notes)]
        lines.append(r"\end{table}")
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Return ``text`` as LaTeX source."""
    return "".join(LATEX.get(character, character) for character in text)


def html_page(table: Table) -> str:
    """Return the table as a page that needs nothing beside itself."""
    parts = [f"<!doctype html>\n<html lang=en><meta charset=utf-8>\n<title>{html.escape(table.title)}</title>"]
    parts += [f"<style>{STYLE}</style>", f"<h1>{html.escape(table.title)}</h1>"]
    for view in table.views:
        if view.heading:
            parts.append(f"<h2>{html.escape(view.heading)}</h2>")
        parts.append("<table>")
        parts.append(_html_row(list(view.cells.columns), "th", view.text))
        parts += [_html_row(row, "td", view.text) for row in view.cells.to_numpy().tolist()]
        parts.append("</table>")
    parts += ["<ul>", *(f"<li>{html.escape(note)}</li>" for note in table.notes), "</ul>", "</html>"]
    return "\n".join(parts) + "\n"


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(escaped(cell) for cell in cells) + r" \\"


def _html_row(cells: Sequence[str], tag: str, text: int) -> str:
    marks = [f"<{tag} class=text>" if place < text else f"<{tag}>" for place in range(len(cells))]
    filled = [f"{mark}{html.escape(cell)}</{tag}>" for mark, cell in zip(marks, cells, strict=True)]
    return f"<tr>{''.join(filled)}</tr>"
