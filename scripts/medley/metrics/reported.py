"""Metrics as studies report them: over the slices of the recipe's grid, in batches, with background.

Everything is counted in confusion matrices, int64 (true class, predicted class), class 0 background.
A matrix is summed over the slices it stands for, so any cut into batches is a sum of them.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

ClassMap = npt.NDArray[np.uint8]
Confusion = npt.NDArray[np.int64]


def slice_confusions(truth: ClassMap, prediction: ClassMap, classes: int) -> Confusion:
    """Return each slice's confusion matrix (slices, classes, classes).

    ``truth`` and ``prediction`` are class indices below ``classes``, uint8 (slices, rows, columns).
    """
    pairs = truth.astype(np.intp) * classes + prediction
    counts = [np.bincount(plane.ravel(), minlength=classes**2) for plane in pairs]
    return np.stack(counts).reshape(-1, classes, classes)


def cut(slices: Sequence[Confusion] | Confusion, batches: int) -> list[Confusion]:
    """Return the slices' matrices in ``batches`` nearly equal consecutive parts, fewer where slices are fewer."""
    return [part for part in np.array_split(np.asarray(slices), batches) if len(part)]


def pixel_accuracy(confusion: Confusion) -> float:
    """Return the share of pixels, background among them, whose class is right."""
    return float(np.trace(confusion) / confusion.sum())


def foreground_iou(confusion: Confusion) -> float:
    """Return the IoU of everything that is not background; not a number where there is nothing."""
    union = int(confusion.sum() - confusion[0, 0])
    return int(confusion[1:, 1:].sum()) / union if union else math.nan


def weighted_jaccard(confusion: Confusion) -> float:
    """Return the mean of the classes' Jaccard indices, background among them, weighted by true frequency.

    The same as ``sklearn.metrics.jaccard_score(average="weighted")``.
    """
    right, true, predicted = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    jaccard = right / np.maximum(true + predicted - right, 1)  # a class that is nowhere has weight 0
    return float(np.average(jaccard, weights=true))


METRICS: dict[str, Callable[[Confusion], float]] = {
    "pixel_accuracy": pixel_accuracy,
    "iou": foreground_iou,
    "weighted_jaccard": weighted_jaccard,
}
