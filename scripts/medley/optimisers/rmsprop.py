"""RMSprop (Tieleman and Hinton 2012, lecture 6.5 of Neural Networks for Machine Learning) with momentum."""

from collections.abc import Iterable

import torch


def build(parameters: Iterable[torch.nn.Parameter], lr: float, momentum: float = 0.9) -> torch.optim.Optimizer:
    """Return PyTorch's RMSprop; its other settings are PyTorch's own."""
    return torch.optim.RMSprop(parameters, lr=lr, momentum=momentum)
