"""Parts of a training by name: a loss, an optimiser, a schedule is a module of its package with ``build``.

One module each, so that a new one changes no code digest but that of the members which name it.
"""

import importlib
from types import ModuleType
from typing import Any

Specification = str | dict[str, Any]


def name_and_options(specification: Specification) -> tuple[str, dict[str, Any]]:
    """Split ``dice`` or ``{name: top_k, k: 10}`` into name and options."""
    if isinstance(specification, str):
        return specification, {}
    options = dict(specification)
    return options.pop("name"), options


def module_name(package: str, specification: Specification) -> str:
    """Return the module that builds a part: ``losses``, ``dice`` → ``medley.losses.dice``."""
    return f"medley.{package}.{name_and_options(specification)[0]}"


def load(package: str, specification: Specification) -> tuple[ModuleType, dict[str, Any]]:
    """Return a part's module and the options to build it with."""
    return importlib.import_module(module_name(package, specification)), name_and_options(specification)[1]
