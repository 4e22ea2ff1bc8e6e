"""A weighted mean whose weights are fitted out of fold: those under which the truth is most probable.

The weighted mean of the members' probabilities is a mixture, and the mean over cases of its log-likelihood
is concave in the weights: there is one maximum, and expectation maximisation climbs to it without a step
size (Dempster, Laird and Rubin, 1977). Each member is given PRIOR cases of its own, so that a few cases,
or members that are alike, leave the weights near the plain mean's.
"""

import numpy as np
import numpy.typing as npt

from medley import probabilities
from medley.encoding import Probabilities
from medley.ensembles import Fitted, Groups, Task, true_masks
from medley.errors import InputError

VOXELS = 1000  # of a case, at most: neighbours say the same
LEAST = 0.001  # probabilities of the truth below this count as this: how wrong a wrong member is, is noise
PRIOR = 1.0  # cases
CLOSE, STEPS = 1e-5, 1000  # of weights between two steps, and steps at most

Floats = npt.NDArray[np.float64]


def fit(task: Task, groups: Groups) -> dict[int | None, Fitted]:
    """Return for each group of cases the weights of the members, which sum to 1.

    Raises InputError when there are no out-of-fold cases.
    """
    if not groups[None]:
        raise InputError(f"{', '.join(task.members)}: no out-of-fold cases to fit weights on")
    measured = {case: observe(task, case) for case in groups[None]}
    return {
        group: {"weights": dict(zip(task.members, mixture_weights([measured[case] for case in cases]), strict=True))}
        for group, cases in groups.items()
    }


def combine(task: Task, case: str, fitted: Fitted) -> Probabilities:
    """Return the weighted mean, float32 (channels, slices, rows, columns)."""
    weights = fitted["weights"]
    return probabilities.read_mean(list(task.members.values()), case, [weights[name] for name in task.members])


def observe(task: Task, case: str) -> Probabilities:
    """Return the probability that each member gives to what is true, float32 (members, observations).

    An observation is a voxel's class (softmax) or a voxel and label (sigmoid). Drawn are at most VOXELS of
    those where members differ; the others say nothing about weights.
    """
    truth, head = true_masks(task, case), task.contents.head
    sure = np.stack([_of_truth(probabilities.read_case(folder, case), truth, head) for folder in task.members.values()])
    differ = np.flatnonzero(sure.min(axis=0) < sure.max(axis=0))
    chosen = np.random.default_rng(0).choice(differ, min(VOXELS, len(differ)), replace=False)
    return sure[:, chosen]


def mixture_weights(cases: list[Probabilities]) -> list[float]:
    """Return the weights, one a member, that make the truth of ``cases`` (see ``observe``) most probable.

    Every case counts the same, one without observations nothing.
    """
    members = len(cases[0])
    told = [case for case in cases if case.shape[1]]
    if not told:
        return [1 / members] * members
    sure = np.maximum(np.concatenate(told, axis=1), LEAST).astype(np.float64)
    of_case = np.concatenate([np.full(case.shape[1], 1 / case.shape[1]) for case in told])
    weights = np.full(members, 1 / members)
    for _ in range(STEPS):
        explained = weights * (sure @ (of_case / (weights @ sure)))  # cases, by the member that explains them
        better = (explained + PRIOR) / (len(told) + PRIOR * members)
        change, weights = np.abs(better - weights).max(), better
        if change < CLOSE:
            break
    return [float(weight) for weight in weights]


def _of_truth(values: Probabilities, truth: npt.NDArray[np.bool_], head: str) -> Probabilities:
    """Return the probability of what is true in each voxel (softmax) or each voxel and label (sigmoid), flat."""
    if head == "sigmoid":
        return np.where(truth, values, 1 - values).ravel()
    classes = truth.argmax(axis=0) + truth.any(axis=0)  # 0 is background
    return np.take_along_axis(values, classes[None], axis=0).ravel()
