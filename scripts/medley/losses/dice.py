"""Soft Dice loss over a batch: the mean over channels of 1 − Dice, channels absent from the batch left out."""

import segmentation_models_pytorch as smp
from torch import nn

MODES = {"softmax": "multiclass", "sigmoid": "multilabel"}


def build(head: str) -> nn.Module:
    """Return the loss of segmentation-models-pytorch; with softmax, background is one of the channels."""
    loss: nn.Module = smp.losses.DiceLoss(mode=MODES[head])
    return loss
