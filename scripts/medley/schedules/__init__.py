"""Learning-rate schedules by name: each is a module of this package with ``build(optimiser, epochs, **options)``."""

from typing import Any

from medley import registry


def build(specification: registry.Specification, optimiser: Any, epochs: int) -> Any:
    """Return the torch schedule ``constant`` or ``{name: cosine, minimum: 1.0e-6}``, stepped once an epoch."""
    module, options = registry.load("schedules", specification)
    return module.build(optimiser, epochs, **options)
