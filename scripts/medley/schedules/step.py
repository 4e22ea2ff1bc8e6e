"""The learning rate times a factor after every so many epochs."""

import torch
from torch.optim import lr_scheduler


def build(
    optimiser: torch.optim.Optimizer, epochs: int, factor: float = 0.9, every: int = 1
) -> lr_scheduler.LRScheduler:
    """Return the schedule that multiplies the rate by ``factor`` after each ``every`` epochs."""
    del epochs  # it falls as fast in a short training as in a long one
    return lr_scheduler.StepLR(optimiser, step_size=every, gamma=factor)
