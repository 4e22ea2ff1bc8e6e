"""The mean of the members' probabilities by given weights."""

from medley import probabilities
from medley.encoding import Probabilities
from medley.ensembles import Fitted, Groups, Task
from medley.errors import InputError


def fit(task: Task, groups: Groups) -> dict[int | None, Fitted]:
    """Return nothing learned; raise InputError when a member has no weight."""
    unweighted = [name for name in task.members if name not in (task.weights or {})]
    if unweighted:
        raise InputError(f"member {unweighted[0]!r} has no weight; give one in the ensemble's weights")
    return {None: {}}


def combine(task: Task, case: str, fitted: Fitted) -> Probabilities:
    """Return the weighted mean, float32 (channels, slices, rows, columns)."""
    weights = task.weights or {}
    return probabilities.read_mean(list(task.members.values()), case, [weights[name] for name in task.members])
