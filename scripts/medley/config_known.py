"""What a configuration may name because a module or a script of that name exists.

Modules are looked at, not imported: readers, networks and losses would cost seconds at the start
of every run.
"""

import ast
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from medley.errors import InputError
from medley.pins import pins

SCRIPTS = Path(__file__).parents[1]
NOT_ARCHITECTURES = {"encoders"}

Values = Mapping[str, tuple[int, ...]]


class Known(NamedTuple):
    """Names that a configuration may use."""

    readers: Mapping[str, Values]  # reader -> its labels -> mask values
    architectures: frozenset[str]  # in lower case
    encoders: Mapping[str, frozenset[str]]  # encoder -> its pretrained weights
    losses: frozenset[str]
    optimisers: frozenset[str]
    schedules: frozenset[str]
    tables: frozenset[str]
    figures: frozenset[str]


@functools.cache
def known(scripts: Path = SCRIPTS) -> Known:
    """Return what the files under ``scripts`` provide.

    A reader is a module of ``medley/datasets`` with a constant LABELS, a table is known by its
    script ``tabulate_{table}.py`` and a figure by ``plot_{figure}.py``.
    """
    library = scripts / "medley"
    readers = {path.stem: _constant(path, "LABELS") for path in sorted((library / "datasets").glob("[!_]*.py"))}
    return Known(
        readers={name: _values(name, labels) for name, labels in readers.items() if labels},
        architectures=_modules(library / "models") - NOT_ARCHITECTURES,
        encoders=_encoders(),
        losses=_modules(library / "losses"),
        optimisers=_modules(library / "optimisers"),
        schedules=_modules(library / "schedules"),
        tables=frozenset(path.stem.removeprefix("tabulate_") for path in scripts.glob("tabulate_*.py")),
        figures=frozenset(path.stem.removeprefix("plot_") for path in scripts.glob("plot_*.py")),
    )


def _encoders() -> dict[str, frozenset[str]]:
    """Return the pretrained weights of each encoder. Every encoder has some, so these are all encoders."""
    weights: dict[str, set[str]] = {}
    for encoder, name in pins():
        weights.setdefault(encoder, set()).add(name)
    return {encoder: frozenset(names) for encoder, names in weights.items()}


def _modules(package: Path) -> frozenset[str]:
    return frozenset(path.stem for path in package.glob("[!_]*.py"))


def _constant(path: Path, name: str) -> ast.expr | None:
    """Return what the module ``path`` assigns to ``name`` at its top level, or None."""
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        else:
            continue
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return statement.value
    return None


def _values(reader: str, labels: ast.expr) -> Values:
    try:
        values: Values = ast.literal_eval(labels)
    except ValueError as error:
        path = f"medley/datasets/{reader}.py"
        raise InputError(f"{path}: LABELS is computed; write it out as {{label: (value, …)}}") from error
    return values
