"""The best member out of fold: the line that an ensemble has to beat."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from medley import probabilities
from medley.encoding import Probabilities
from medley.ensembles import Fitted, Groups, Task
from medley.errors import InputError
from medley.metrics import overlap

Mask = npt.NDArray[np.bool_]
Scores = dict[str, dict[str, list[float]]]  # member -> case -> Dice of each label


def fit(task: Task, groups: Groups) -> dict[int | None, Fitted]:
    """Return for each group the member with the highest score, and the scores.

    A score is the mean over labels of the mean Dice over cases, cases without the label in truth
    and prediction left out. Of equal members the first by name is chosen. Raises InputError when
    there are no out-of-fold cases.
    """
    if not groups[None]:
        raise InputError(f"{', '.join(task.members)}: no out-of-fold cases to choose the best member by")
    measured: Scores = {name: {} for name in task.members}
    for case in groups[None]:
        truth = task.truth(case)
        for name, folder in task.members.items():
            predicted = probabilities.decide(folder, case)
            if predicted.shape != truth.shape:
                raise InputError(
                    f"member {name!r}, case {case!r}: predicted on {predicted.shape[1:]} "
                    f"(slices, rows, columns), the mask has {truth.shape[1:]}"
                )
            measured[name][case] = [_dice(*pair) for pair in zip(truth, predicted, strict=True)]
    return {group: _choose(measured, cases) for group, cases in groups.items()}


def combine(task: Task, case: str, fitted: Fitted) -> Probabilities:
    """Return the chosen member's probabilities, float32 (channels, slices, rows, columns)."""
    return probabilities.read_case(task.members[fitted["chosen"]], case)


def _dice(truth: Mask, prediction: Mask) -> float:
    """Return the Dice coefficient, not a number when both masks are empty."""
    if not (truth.any() or prediction.any()):
        return np.nan
    return overlap.metrics(truth, prediction, (1, 1, 1))["dice"]  # the spacing is for volumes alone


def _choose(measured: Scores, cases: Sequence[str]) -> Fitted:
    scores = {name: _score(np.array([own[case] for case in cases])) for name, own in measured.items()}
    return {"chosen": max(sorted(scores), key=lambda name: scores[name]), "scores": scores}


def _score(values: npt.NDArray[np.float64]) -> float:
    """Return the mean over labels of the mean over cases of ``values`` (cases, labels); 0 when none is defined."""
    defined = ~np.isnan(values)
    counts = defined.sum(axis=0)
    means = np.where(defined, values, 0).sum(axis=0)[counts > 0] / counts[counts > 0]
    return float(means.mean()) if means.size else 0.0
