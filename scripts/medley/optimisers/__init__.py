"""Optimisers by name: each is a module of this package with a function ``build(parameters, lr, **options)``."""

from collections.abc import Iterable
from typing import Any

from medley import registry


def build(specification: registry.Specification, parameters: Iterable[Any], lr: float) -> Any:
    """Return the torch optimiser ``adam`` or ``{name: adam, weight_decay: 1.0e-5}`` with learning rate ``lr``."""
    module, options = registry.load("optimisers", specification)
    return module.build(parameters, lr, **options)
