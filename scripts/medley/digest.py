"""A digest of the code that a job runs, so that a changed library re-runs what it changes.

Snakemake looks at a rule's script, not at what the script imports; rules therefore carry
``params: code=code_digest("medley.train", …)``.

Followed are the import statements for modules of the same package, wherever they stand; only those
under ``if TYPE_CHECKING:`` are not, since they never run. A module's packages count too, as
importing runs their ``__init__``. Registries (``medley.datasets``, ``medley.models``,
``medley.losses`` …) load their modules by name, which is no import statement: a rule names the one
that its job uses beside its entry module. Data files that a module reads are not seen.

What is hashed is the syntax tree without docstrings: comments and layout change nothing. It is
written out here rather than by ``ast.dump``, whose text differs between versions of Python.
"""

import ast
import functools
import hashlib
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path

SCRIPTS = Path(__file__).parents[1]
DIGITS = 16


@functools.cache
def code_digest(*modules: str, root: Path = SCRIPTS) -> str:
    """Return 16 hexadecimal digits for ``modules`` and everything of their package they import.

    ``root`` is the folder that the package lies in. Raises ModuleNotFoundError for an entry module
    that is not there.
    """
    seen: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting += _module(module, root)[1]
    text = "\n".join(f"{module} {_module(module, root)[0]}" for module in sorted(seen))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


@functools.cache
def _module(module: str, root: Path) -> tuple[str, tuple[str, ...]]:
    """Return the digest of one module's own code, and the modules of its package that it imports."""
    path = _file(module, root)
    if path is None:
        raise ModuleNotFoundError(f"no module {module} under {root}")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    imported = {module.rpartition(".")[0], *_imports(tree, package)}
    own = tuple(sorted(name for name in imported if name and _file(name, root)))
    pieces: list[str] = []
    _outline(tree, pieces)
    return hashlib.sha256("".join(pieces).encode()).hexdigest(), own


def _file(module: str, root: Path) -> Path | None:
    """Return the file of ``module``, or None for a module that does not lie under ``root``."""
    place = root.joinpath(*module.split("."))
    candidates = (place / "__init__.py", place.with_name(f"{place.name}.py"))
    return next((path for path in candidates if path.is_file()), None)


def _imports(node: ast.AST, package: str) -> Iterator[str]:
    """Yield the absolute name of everything that import statements below ``node`` may load."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            source = resolve_name("." * child.level + (child.module or ""), package)
            yield source
            yield from (f"{source}.{alias.name}" for alias in child.names)
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for alternative in child.orelse:
                yield from _imports(ast.Module([alternative], []), package)
        else:
            yield from _imports(child, package)


def _outline(node: object, pieces: list[str]) -> None:
    """Append to ``pieces`` those of a text that tells two syntax trees apart, docstrings aside.

    They are appended, not yielded through every level: all modules are looked at whenever a run is planned.
    """
    if isinstance(node, ast.AST):
        pieces.append(f"{type(node).__name__}(")
        skip = _has_docstring(node)
        for field in node._fields:
            value = getattr(node, field, None)
            # Newer Pythons have more fields, empty in the code of older ones.
            if value is not None and value != []:
                pieces.append(f"{field}=")
                _outline(value[1:] if skip and field == "body" else value, pieces)
        pieces.append(")")
    elif isinstance(node, list):
        for item in node:
            _outline(item, pieces)
            pieces.append(",")
    else:
        pieces.append(repr(node))


def _has_docstring(node: ast.AST) -> bool:
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or not node.body:
        return False
    first = node.body[0]
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
