"""The loss of a network that also answers on coarser grids: each answer is judged against the truth on its own grid.

Weights as in nnU-Net (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z): half that of the next finer grid,
together 1.
"""

from collections.abc import Callable, Sequence

import torch

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def answers(output: torch.Tensor | Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Return what a network gives out, one tensor of logits or several, as float32 tensors, the finest first."""
    several = [output] if isinstance(output, torch.Tensor) else output
    return [logits.float() for logits in several]


def total(loss: Loss, outputs: Sequence[torch.Tensor], targets: torch.Tensor) -> torch.Tensor:
    """Return the weighted sum of ``loss`` over ``outputs``; of a single one, its loss.

    Outputs are logits (n, classes, …), the finest first, on grids that divide that of the ``targets``: class indices
    (n, …) or one channel a label (n, labels, …).
    """
    summed = [
        weight * loss(logits, shrunk(targets, logits.shape[2:]))
        for weight, logits in zip(weights(len(outputs)), outputs, strict=True)
    ]
    return torch.stack(summed).sum()


def weights(count: int) -> list[float]:
    """Return the weights of ``count`` outputs, the finest first: in proportion to 1, 1/2, 1/4 …, together 1."""
    halved = [0.5**number for number in range(count)]
    return [weight / sum(halved) for weight in halved]


def shrunk(targets: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
    """Return ``targets`` on a grid of ``sizes``, which divide its own: its voxels next to the larger ones' centres."""
    leading = targets.ndim - len(sizes)
    steps = [1] * leading + [have // want for have, want in zip(targets.shape[leading:], sizes, strict=True)]
    return targets[tuple(slice(step // 2, None, step) for step in steps)]
