"""Cosine annealing (Loshchilov and Hutter 2017, arXiv:1608.03983), without restarts."""

import torch
from torch.optim import lr_scheduler


def build(optimiser: torch.optim.Optimizer, epochs: int, minimum: float = 0.0) -> lr_scheduler.LRScheduler:
    """Return the schedule that falls from the learning rate to ``minimum`` over ``epochs``."""
    return lr_scheduler.CosineAnnealingLR(optimiser, T_max=epochs, eta_min=minimum)
