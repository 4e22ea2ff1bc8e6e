"""Losses by name: each is a module of this package with a function ``build(head, **options)``.

A loss that is not for every head names its own in ``HEADS``.
"""

from collections.abc import Callable
from typing import Any

from medley import registry

Loss = Callable[[Any, Any], Any]


def build(specification: registry.Specification, head: str) -> Loss:
    """Return the loss as a function of logits (n, classes, …) and targets.

    Targets are class indices (n, …) for a softmax head, one channel a label (n, labels, …) for sigmoids.
    """
    module, options = registry.load("losses", specification)
    loss: Loss = module.build(head, **options)
    return loss
