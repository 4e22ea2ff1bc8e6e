"""What a study reports on the recipe's grid: the same decisions as on the native one, brought there."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from medley import labels, preprocess, probabilities
from medley.cases import Case
from medley.metrics import reported, slicewise
from medley.probabilities import Contents, Folder

Mask = npt.NDArray[np.uint8]
Pairs = Mapping[str, tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]  # label → truth, prediction


class AsReported(NamedTuple):
    """How a study counts on the recipe's grid."""

    recipe: Mapping[str, Any]
    batches: int | None = None  # of test slices
    dice_epsilon: float | None = None  # of ``metrics.slicewise.dice``


def dice_of_labels(case: Case, pairs: Pairs, recipe: Mapping[str, Any], epsilon: float) -> dict[str, dict[str, float]]:
    """Return the reported Dice of each label, whose truth and prediction are bool (slices, rows, columns).

    Each label is brought to the recipe's grid by itself, since labels may overlap.
    """
    grid = preprocess.geometry(case.shape, case.spacing, recipe)
    measured = {}
    for label, pair in pairs.items():
        truth, prediction = (grid.apply_mask(mask.astype(np.uint8)).astype(bool) for mask in pair)
        measured[label] = {"dice": slicewise.dice(truth, prediction, epsilon)}
    return measured


def confusions(
    folder: Folder, case: Case, truth: Mask, contents: Contents, values: labels.Values, recipe: Mapping[str, Any]
) -> reported.Confusion:
    """Return the confusion matrices (slices, classes, classes) of a softmax head's case."""
    grid = preprocess.geometry(case.shape, case.spacing, recipe)
    true = grid.apply_mask(labels.class_indices(truth, contents.labels, values))
    predicted = grid.apply_mask(probabilities.read_label_map(folder, case.case))
    return reported.slice_confusions(true, predicted, 1 + len(contents.labels))


def batch_rows(test_slices: Sequence[reported.Confusion], batches: int) -> list[dict[str, Any]]:
    """Return the metrics of each batch of test slices, numbered from 1, as rows of batches.csv."""
    parts = reported.cut(test_slices, batches)
    if len(parts) < batches:
        logging.warning("%d test slices make %d batches in place of %d", len(test_slices), len(parts), batches)
    return [
        {"part": "test", "batch": number, "slices": len(part), "metric": metric, "value": measure(part.sum(axis=0))}
        for number, part in enumerate(parts, start=1)
        for metric, measure in sorted(reported.METRICS.items())
    ]
