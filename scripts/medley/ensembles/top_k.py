"""The mean of the k members that are best out of fold."""

from medley import probabilities
from medley.encoding import Probabilities
from medley.ensembles import Fitted, Groups, Task
from medley.ensembles.best import by_score, member_scores
from medley.errors import InputError


def fit(task: Task, groups: Groups) -> dict[int | None, Fitted]:
    """Return for each group the k members of the highest scores, best first, and the scores of all.

    Scores are those of the kind ``best``. Of fewer than k members all are taken. Raises InputError when
    k is missing or there are no out-of-fold cases.
    """
    if task.k is None:
        raise InputError(f"{', '.join(task.members)}: an ensemble of kind top_k needs k, how many members it takes")
    return {
        group: {"chosen": by_score(scores)[: task.k], "scores": scores}
        for group, scores in member_scores(task, groups).items()
    }


def combine(task: Task, case: str, fitted: Fitted) -> Probabilities:
    """Return the mean of the chosen members, float32 (channels, slices, rows, columns)."""
    return probabilities.read_mean([task.members[name] for name in fitted["chosen"]], case)
