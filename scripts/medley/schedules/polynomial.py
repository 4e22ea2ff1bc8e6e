"""Polynomial decay: the learning rate times (1 − epoch / epochs) to a power, nnU-Net's unless another is given."""

import torch
from torch.optim import lr_scheduler


def build(optimiser: torch.optim.Optimizer, epochs: int, power: float = 0.9) -> lr_scheduler.LRScheduler:
    """Return the schedule that falls from the learning rate in the first epoch to 0 after the last."""
    return lr_scheduler.PolynomialLR(optimiser, total_iters=epochs, power=power)
