"""Log-cosh Dice: log(cosh(1 − Dice)), which is flat near a perfect Dice (Jadon 2020, arXiv:2006.14822)."""

from collections.abc import Callable

import torch

from medley.losses import dice


def build(head: str) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return the loss; 1 − Dice is that of ``dice``."""
    dice_loss = dice.build(head)

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        curved: torch.Tensor = dice_loss(logits, targets).cosh().log()
        return curved

    return loss
