"""What a configuration may name because a module or a script of that name exists.

Modules are looked at, not imported: readers, networks and losses would cost seconds at the start
of every run.
"""

import ast
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from medley.errors import InputError
from medley.pins import pins

SCRIPTS = Path(__file__).parents[1]
ENCODERS = "encoders"  # the module of medley/models that is no network

Values = Mapping[str, tuple[int, ...]]
Options = frozenset[str]


class Architecture(NamedTuple):
    """What a member of a network may say."""

    encoder: bool = True  # whether it needs one, or has none to choose
    options: Options = frozenset()  # keys that only some networks take


class Known(NamedTuple):
    """Names that a configuration may use."""

    readers: Mapping[str, Values]  # reader -> its labels -> mask values
    architectures: Mapping[str, Architecture]  # names in lower case
    encoders: Mapping[str, frozenset[str]]  # encoder -> its pretrained weights
    losses: Mapping[str, Options]  # loss -> the options of {name: …, option: …}
    optimisers: Mapping[str, Options]
    schedules: Mapping[str, Options]
    tables: frozenset[str]
    figures: frozenset[str]
    heads: Mapping[str, tuple[str, ...]] = {}  # loss -> its heads, where it is not for all
    augmentations: Mapping[str, Options] = {}
    intensities: Mapping[str, tuple[str, ...]] = {}  # augmentation -> its intensities, if not all
    needs: Mapping[str, Mapping[str, tuple[str, ...]]] = {}  # table -> protocol -> keys that it must have
    narrowable: tuple[str, ...] = ()  # how the names begin of encoders that can have another width than 1


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
        architectures={name: _architecture(path) for name, path in _modules(library / "models") if name != ENCODERS},
        encoders=_encoders(),
        losses={name: _options(path) for name, path in _modules(library / "losses")},
        optimisers={name: _options(path) for name, path in _modules(library / "optimisers")},
        schedules={name: _options(path) for name, path in _modules(library / "schedules")},
        tables=frozenset(path.stem.removeprefix("tabulate_") for path in scripts.glob("tabulate_*.py")),
        figures=frozenset(path.stem.removeprefix("plot_") for path in scripts.glob("plot_*.py")),
        heads={name: heads for name, path in _modules(library / "losses") if (heads := _literal(path, "HEADS", ()))},
        augmentations={name: _options(path) for name, path in _modules(library / "augmentations")},
        intensities={
            name: intensities
            for name, path in _modules(library / "augmentations")
            if (intensities := _literal(path, "INTENSITIES", ()))
        },
        needs={name: needs for name, path in _modules(library / "tables") if (needs := _literal(path, "NEEDS", {}))},
        narrowable=_literal(library / "models" / f"{ENCODERS}.py", "NARROWABLE", ()),
    )


def _encoders() -> dict[str, frozenset[str]]:
    """Return the pretrained weights of each encoder. Every encoder has some, so these are all encoders."""
    weights: dict[str, set[str]] = {}
    for encoder, name in pins():
        weights.setdefault(encoder, set()).add(name)
    return {encoder: frozenset(names) for encoder, names in weights.items()}


def _modules(package: Path) -> list[tuple[str, Path]]:
    return [(path.stem, path) for path in sorted(package.glob("[!_]*.py"))]


def _architecture(path: Path) -> Architecture:
    return Architecture(_literal(path, "ENCODER", True), frozenset(_literal(path, "OPTIONS", ())))


def _options(path: Path) -> Options:
    """Return the options of the function ``build`` of a module: its arguments with a default."""
    for statement in _tree(path).body:
        if isinstance(statement, ast.FunctionDef) and statement.name == "build":
            arguments, optional = statement.args.args, len(statement.args.defaults)
            return frozenset(argument.arg for argument in arguments[len(arguments) - optional :])
    return frozenset()


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _literal(path: Path, name: str, default: Any) -> Any:
    """Return the value that the module ``path`` gives ``name``; ``default`` without one."""
    value = _constant(path, name)
    return default if value is None else ast.literal_eval(value)


def _constant(path: Path, name: str) -> ast.expr | None:
    """Return what the module ``path`` assigns to ``name`` at its top level, or None."""
    for statement in _tree(path).body:
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
