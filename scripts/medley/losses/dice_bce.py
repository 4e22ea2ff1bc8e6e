"""The loss of the gi_tract study: 0.4 · Dice + 0.6 · binary cross-entropy, for labels that may overlap.

Dice is that of ``dice``: the mean over labels of 1 − soft Dice of the batch, 0 for a label that is absent from it.
The cross-entropy is the mean over all pixels and labels.
"""

from collections.abc import Callable

import segmentation_models_pytorch as smp
import torch
from torch import nn

from medley.errors import InputError

HEADS = ("sigmoid",)
DICE, CROSS_ENTROPY = 0.4, 0.6  # weights


def build(head: str) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return the loss of logits (n, labels, …) and targets of the same shape, 0 or 1.

    Raises InputError for another head than sigmoid.
    """
    if head not in HEADS:
        raise InputError(f"loss dice_bce is for labels that may overlap: write `head: sigmoid`, not {head}")
    dice = smp.losses.DiceLoss(mode="multilabel")

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        crossed = nn.functional.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype))
        combined: torch.Tensor = DICE * dice(logits, targets) + CROSS_ENTROPY * crossed
        return combined

    return loss
