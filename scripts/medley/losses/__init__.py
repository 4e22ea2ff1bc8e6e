"""Losses by name: each is a module of this package with a function ``build``."""

import importlib
from collections.abc import Callable
from typing import Any

Loss = Callable[[Any, Any], Any]


def name_and_options(specification: str | dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Split ``dice`` or ``{name: top_k, k: 10}`` into name and options."""
    if isinstance(specification, str):
        return specification, {}
    options = dict(specification)
    return options.pop("name"), options


def module_name(specification: str | dict[str, Any]) -> str:
    """Return the module that builds the loss: ``dice`` → ``medley.losses.dice``."""
    return f"{__name__}.{name_and_options(specification)[0]}"


def build(specification: str | dict[str, Any], head: str) -> Loss:
    """Return the loss as a function of logits (n, classes, …) and targets.

    Targets are class indices (n, …) for a softmax head, one channel a label (n, labels, …) for sigmoids.
    """
    loss: Loss = importlib.import_module(module_name(specification)).build(head, **name_and_options(specification)[1])
    return loss
