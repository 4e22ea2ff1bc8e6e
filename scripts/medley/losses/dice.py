"""Soft Dice loss over a batch: the mean over channels of 1 − Dice.

A channel absent from the batch's truth counts as 0, as segmentation-models-pytorch has it, so the loss
of a batch also depends on which slices share it.
"""

import segmentation_models_pytorch as smp
from torch import nn

MODES = {"softmax": "multiclass", "sigmoid": "multilabel"}


def build(head: str) -> nn.Module:
    """Return the loss of segmentation-models-pytorch; with softmax, background is one of the channels."""
    loss: nn.Module = smp.losses.DiceLoss(mode=MODES[head])
    return loss
