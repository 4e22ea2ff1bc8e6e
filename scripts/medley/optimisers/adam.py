"""Adam (Kingma and Ba 2015, arXiv:1412.6980)."""

from collections.abc import Iterable

import torch


def build(parameters: Iterable[torch.nn.Parameter], lr: float, weight_decay: float = 0.0) -> torch.optim.Optimizer:
    """Return PyTorch's Adam."""
    return torch.optim.Adam(parameters, lr=lr, weight_decay=weight_decay)
