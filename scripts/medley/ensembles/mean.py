"""The mean of the members' probabilities."""

from medley import probabilities
from medley.encoding import Probabilities
from medley.ensembles import Fitted, Groups, Task


def fit(task: Task, groups: Groups) -> dict[int | None, Fitted]:
    """Return nothing learned."""
    return {None: {}}


def combine(task: Task, case: str, fitted: Fitted) -> Probabilities:
    """Return the mean, float32 (channels, slices, rows, columns)."""
    return probabilities.read_mean(list(task.members.values()), case)
