"""The best member out of fold: the line that an ensemble has to beat."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from medley import probabilities
from medley.encoding import Probabilities
from medley.ensembles import Fitted, Groups, Task, true_masks
from medley.errors import InputError
from medley.metrics import overlap

Mask = npt.NDArray[np.bool_]


def fit(task: Task, groups: Groups) -> dict[int | None, Fitted]:
    """Return for each group the member with the highest score, the first by name of equal ones, and the scores."""
    return {
        group: {"chosen": by_score(scores)[0], "scores": scores}
        for group, scores in member_scores(task, groups).items()
    }


def combine(task: Task, case: str, fitted: Fitted) -> Probabilities:
    """Return the chosen member's probabilities, float32 (channels, slices, rows, columns)."""
    return probabilities.read_case(task.members[fitted["chosen"]], case)


def member_scores(task: Task, groups: Groups) -> dict[int | None, dict[str, float]]:
    """Return for each group the score of each member.

    A score is the mean over labels of the mean Dice over cases, cases without the label in truth
    and prediction left out. Raises InputError when there are no out-of-fold cases.
    """
    if not groups[None]:
        raise InputError(f"{', '.join(task.members)}: no out-of-fold cases to judge the members by")
    measured: dict[str, dict[str, list[float]]] = {name: {} for name in task.members}  # case -> Dice of each label
    for case in groups[None]:
        truth = true_masks(task, case)
        for name, folder in task.members.items():
            predicted = probabilities.decide(folder, case)
            measured[name][case] = [_dice(*pair) for pair in zip(truth, predicted, strict=True)]
    return {
        group: {name: _score(np.array([own[case] for case in cases])) for name, own in measured.items()}
        for group, cases in groups.items()
    }


def by_score(scores: Mapping[str, float]) -> list[str]:
    """Return members from the highest score to the lowest, equal ones by name."""
    return sorted(scores, key=lambda name: (-scores[name], name))


def _dice(truth: Mask, prediction: Mask) -> float:
    """Return the Dice coefficient, not a number when both masks are empty."""
    if not (truth.any() or prediction.any()):
        return np.nan
    return overlap.metrics(truth, prediction, (1, 1, 1))["dice"]  # the spacing is for volumes alone


def _score(values: npt.NDArray[np.float64]) -> float:
    """Return the mean over labels of the mean over cases of ``values`` (cases, labels); 0 when none is defined."""
    defined = ~np.isnan(values)
    counts = defined.sum(axis=0)
    means = np.where(defined, values, 0).sum(axis=0)[counts > 0] / counts[counts > 0]
    return float(means.mean()) if means.size else 0.0
