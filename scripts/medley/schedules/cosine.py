"""Cosine annealing (Loshchilov and Hutter 2017, arXiv:1608.03983), without restarts."""

import torch
from torch.optim import lr_scheduler


def build(
    optimiser: torch.optim.Optimizer, epochs: int, minimum: float = 0.0, period: int | None = None
) -> lr_scheduler.LRScheduler:
    """Return the schedule that falls from the learning rate to ``minimum`` over ``epochs``, or over ``period``.

    A longer period than the training means that the rate never reaches its minimum; after a shorter one it rises.
    """
    return lr_scheduler.CosineAnnealingLR(optimiser, T_max=period or epochs, eta_min=minimum)
