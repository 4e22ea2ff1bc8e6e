"""Soft Dice plus cross-entropy, as nnU-Net trains (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z).

The Dice part is the mean over the foreground classes of 1 − Dice of the whole batch, with 1e-5 in numerator and
denominator; the cross-entropy is the mean over all voxels, background included. Both have the same weight.
"""

from collections.abc import Callable

import torch

from medley.errors import InputError

HEADS = ("softmax",)
SMOOTH = 1e-5


def build(head: str) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return the loss of logits (n, classes, …) and class indices (n, …), class 0 being the background.

    Raises InputError for another head than softmax.
    """
    if head not in HEADS:
        raise InputError(
            f"loss dice_cross_entropy is for labels that exclude each other: write `head: softmax`, not {head}"
        )
    return _loss


def _loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    classes = torch.arange(logits.shape[1], device=logits.device).view(-1, *[1] * (targets.ndim - 1))
    truth = (targets.unsqueeze(1) == classes).to(logits.dtype)
    log_probabilities = logits.log_softmax(1)
    # By the classes' planes and not by index: PyTorch's own has no deterministic form on a GPU.
    cross_entropy = -(truth * log_probabilities).sum(1).mean()
    return cross_entropy + 1 - _dice(log_probabilities.exp()[:, 1:], truth[:, 1:]).mean()


def _dice(probabilities: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Return the soft Dice of each class over the batch, (classes,)."""
    over = [axis for axis in range(truth.ndim) if axis != 1]
    both, either = (probabilities * truth).sum(over), (probabilities + truth).sum(over)
    return (2 * both + SMOOTH) / (either + SMOOTH)
