"""One member after the corrections that help it out of fold: see ``medley.postprocess``.

Corrections are tried one after another, each on what those before it left, and kept only where they raise the mean
out-of-fold Dice. Dice is averaged over cases, those without the label in truth and prediction left out, then over
labels.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from medley import probabilities
from medley.encoding import Mask, Probabilities
from medley.ensembles import Fitted, Groups, Task, true_masks
from medley.errors import InputError
from medley.metrics import union_box
from medley.postprocess import SMOOTHING, Operation, correct, operations, smooth

Floats = npt.NDArray[np.float64]


class Observed(NamedTuple):
    """Where each label of a case is, bool (labels, slices, rows, columns), in a box that holds all of them."""

    truth: Mask
    predicted: Mask
    smoothed: Mask  # as predicted after smoothing


class Tried(NamedTuple):
    """What an operation made of the Dice (cases, labels), not a number where both masks are empty."""

    operation: Operation
    kept: bool
    before: Floats
    after: Floats


def fit(task: Task, groups: Groups) -> dict[int | None, Fitted]:
    """Return for each group ``kept``, the operations that are kept, in their order.

    That of all cases also has ``tried``: of each operation whether it is kept, and for every label that it may
    change the Dice of each case before and after it, None where it has none. Raises InputError when there is more
    than one member, or no out-of-fold case.
    """
    names = ", ".join(task.members)
    if len(task.members) > 1:
        raise InputError(f"{names}: an ensemble of kind postprocessed takes one member; combine them first")
    if not groups[None]:
        raise InputError(f"{names}: no out-of-fold cases to choose corrections on")
    observed = {case: observe(task, case) for case in groups[None]}
    labels = task.contents.labels
    chosen = {group: choose([observed[case] for case in cases], labels) for group, cases in groups.items()}
    fits: dict[int | None, Fitted] = {
        group: {"kept": [_named(one.operation) for one in tried if one.kept]} for group, tried in chosen.items()
    }
    fits[None]["tried"] = [_record(one, groups[None], labels) for one in chosen[None]]
    return fits


def combine(task: Task, case: str, fitted: Fitted) -> Probabilities:
    """Return the corrected probabilities, float32 (channels, slices, rows, columns).

    A voxel whose decision a correction changes is sure of the new one.
    """
    kept = [Operation(one["operation"], one["label"]) for one in fitted["kept"]]
    values = probabilities.read_case(_folder(task), case)
    if any(operation.name == SMOOTHING for operation in kept):
        values = smooth(values)
    decided = _decide(values, task.contents.head)
    corrected = decided
    for operation in kept:
        if operation.name != SMOOTHING:
            corrected = correct(operation, corrected, task.contents.labels)
    return _with_decisions(values, decided, corrected, task.contents.head)


def observe(task: Task, case: str) -> Observed:
    """Return what corrections of a case are judged by."""
    truth = true_masks(task, case)
    predicted = probabilities.decide(_folder(task), case)
    smoothed = _decide(smooth(probabilities.read_case(_folder(task), case)), task.contents.head)
    box = union_box(np.logical_or.reduce(truth), np.logical_or.reduce(predicted | smoothed)) or (slice(0),) * 3
    # Copies, so that the whole arrays need not stay in memory: a heart fills a tenth of them.
    return Observed(*(masks[:, *box].copy() for masks in (truth, predicted, smoothed)))


def choose(cases: Sequence[Observed], labels: Sequence[str]) -> list[Tried]:
    """Return every operation in its order, each tried on what those kept before it left."""
    truths, current = [case.truth for case in cases], [case.predicted for case in cases]
    before = _dice(truths, current)
    tried = []
    for operation in operations(labels):
        if operation.name == SMOOTHING:
            changed = [case.smoothed for case in cases]
        else:
            changed = [correct(operation, masks, labels) for masks in current]
        after = _dice(truths, changed)
        kept = mean_dice(after) > mean_dice(before)
        tried.append(Tried(operation, kept, before, after))
        if kept:
            current, before = changed, after
    return tried


def mean_dice(values: Floats) -> float:
    """Return the mean over labels of the mean over cases of ``values`` (cases, labels); 0 when none is defined."""
    columns = [column[~np.isnan(column)] for column in values.T]
    means = [column.mean() for column in columns if column.size]
    return float(np.mean(means)) if means else 0.0


def _dice(truths: Sequence[Mask], predictions: Sequence[Mask]) -> Floats:
    """Return the Dice of each case and label (cases, labels), not a number where both masks are empty."""
    pairs = list(zip(truths, predictions, strict=True))
    both = np.array([(truth & predicted).sum(axis=(1, 2, 3)) for truth, predicted in pairs])
    sizes = np.array([truth.sum(axis=(1, 2, 3)) + predicted.sum(axis=(1, 2, 3)) for truth, predicted in pairs])
    dice: Floats = np.divide(2 * both, sizes, out=np.full(sizes.shape, np.nan), where=sizes > 0)
    return dice


def _decide(values: Probabilities, head: str) -> Mask:
    """Return where each label is predicted, bool (labels, slices, rows, columns), as ``probabilities.decide`` will."""
    if head == "sigmoid":
        return values > np.float32(0.5)
    winners = values.argmax(axis=0)
    return np.array([winners == channel for channel in range(1, len(values))])


def _with_decisions(values: Probabilities, decided: Mask, corrected: Mask, head: str) -> Probabilities:
    """Return ``values`` with probabilities of 0 and 1 where ``corrected`` is not what they ``decided``."""
    found, changed = values.copy(), decided != corrected
    if head == "sigmoid":
        found[changed] = corrected[changed]
        return found
    voxels = changed.any(axis=0)
    found[1:, voxels] = corrected[:, voxels]
    found[0, voxels] = ~corrected[:, voxels].any(axis=0)
    return found


def _folder(task: Task) -> Path:
    return next(iter(task.members.values()))


def _named(operation: Operation) -> dict[str, Any]:
    return {"operation": operation.name, "label": operation.label}


def _record(tried: Tried, cases: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """Return what was tried as JSON can hold it."""
    changed = labels if tried.operation.label is None else [tried.operation.label]
    dice = {
        side: {
            label: {case: None if np.isnan(value) else float(value) for case, value in zip(cases, column, strict=True)}
            for label, column in zip(labels, values.T, strict=True)
            if label in changed
        }
        for side, values in (("before", tried.before), ("after", tried.after))
    }
    return {**_named(tried.operation), "kept": tried.kept, **dice}
