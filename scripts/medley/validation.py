"""What a training is judged by after each epoch, besides its loss."""

import torch

EPSILON = 0.001


def dice(logits: torch.Tensor, targets: torch.Tensor, head: str) -> torch.Tensor:
    """Return the Dice of every image and label, (n, labels): (2·|A∩B| + 0.001) / (|A| + |B| + 0.001).

    ``logits`` are (n, channels, …); ``targets`` (n, labels, …) for a sigmoid head, which is cut at probability 0.5,
    and class indices (n, …) for softmax, of which the background is left out.
    Where both are empty it is 1, as the gi_tract study reports it.
    """
    if head == "sigmoid":
        predicted, truth = logits > 0, targets > 0.5
    else:
        classes = torch.arange(1, logits.shape[1], device=logits.device).view(1, -1, *[1] * (logits.ndim - 2))
        predicted, truth = logits.argmax(1, keepdim=True) == classes, targets.unsqueeze(1) == classes
    both, either = (predicted & truth).flatten(2).sum(2), predicted.flatten(2).sum(2) + truth.flatten(2).sum(2)
    return (2 * both + EPSILON) / (either + EPSILON)
