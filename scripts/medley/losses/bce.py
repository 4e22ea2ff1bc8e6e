"""Binary cross-entropy: the mean over all pixels and labels, for labels that may overlap or stand alone."""

from torch import nn

from medley.errors import InputError

HEADS = ("sigmoid",)


def build(head: str) -> nn.Module:
    """Return the loss of logits (n, labels, …) and targets of the same shape, 0 or 1.

    Raises InputError for another head than sigmoid.
    """
    if head not in HEADS:
        raise InputError(f"loss bce is for one channel a label: write `head: sigmoid`, not {head}")
    return nn.BCEWithLogitsLoss()
