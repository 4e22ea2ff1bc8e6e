"""Stochastic gradient descent with Nesterov's momentum (Sutskever et al. 2013), by default as nnU-Net has it."""

from collections.abc import Iterable

import torch


def build(
    parameters: Iterable[torch.nn.Parameter], lr: float, momentum: float = 0.99, weight_decay: float = 3e-5
) -> torch.optim.Optimizer:
    """Return PyTorch's SGD with Nesterov's momentum."""
    return torch.optim.SGD(parameters, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=True)
