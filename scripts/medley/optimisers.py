"""Optimisers and learning-rate schedules by name."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.optim import lr_scheduler

from medley.losses import name_and_options

Schedule = lr_scheduler.LRScheduler

OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}
SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "constant": lambda optimiser, epochs: lr_scheduler.LambdaLR(optimiser, lambda epoch: 1.0),
    "cosine": lambda optimiser, epochs, minimum=0.0: lr_scheduler.CosineAnnealingLR(optimiser, epochs, minimum),
    "polynomial": lambda optimiser, epochs, power=0.9: lr_scheduler.PolynomialLR(optimiser, epochs, power),
}


def build_optimiser(
    specification: str | dict[str, Any], parameters: Iterable[torch.nn.Parameter], lr: float
) -> torch.optim.Optimizer:
    """Return the optimiser ``adam`` or ``{name: sgd, momentum: 0.9}`` with learning rate ``lr``."""
    name, options = name_and_options(specification)
    return OPTIMISERS[name](parameters, lr=lr, **options)


def build_schedule(specification: str | dict[str, Any], optimiser: torch.optim.Optimizer, epochs: int) -> Schedule:
    """Return the schedule ``constant`` or ``{name: cosine, minimum: 1.0e-6}``, stepped once an epoch."""
    name, options = name_and_options(specification)
    return SCHEDULES[name](optimiser, epochs, **options)
