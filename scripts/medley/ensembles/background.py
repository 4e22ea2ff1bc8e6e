"""Background everywhere: the line that every predictor has to clear."""

import numpy as np

from medley import probabilities
from medley.encoding import Probabilities
from medley.ensembles import Fitted, Groups, Task


def fit(task: Task, groups: Groups) -> dict[int | None, Fitted]:
    """Return nothing learned."""
    return {None: {}}


def combine(task: Task, case: str, fitted: Fitted) -> Probabilities:
    """Return probability 1 of background, 0 of each label, float32 (channels, slices, rows, columns)."""
    combined = np.zeros(probabilities.read_shape(next(iter(task.members.values())), case), dtype=np.float32)
    if task.contents.head == "softmax":
        combined[0] = 1
    return combined
