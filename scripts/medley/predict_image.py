"""Prediction of images that are in no array store: straight from a reader, on the native grid."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from medley import preprocess
from medley.errors import InputError
from medley.labels import Values
from medley.predict import Predictor

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.uint8]


def predict_image(
    predictors: Sequence[Predictor], image: Floats, spacing: tuple[float, float, float], recipe: Mapping[str, Any]
) -> Floats:
    """Return probabilities (classes, slices, rows, columns) on the native grid: the mean over ``predictors``.

    ``image`` (channels, slices, rows, columns) is as a reader reads it, ``spacing`` is in mm: rows, columns, slices;
    ``recipe`` is the one that the networks were trained on.
    """
    slices, rows, columns = image.shape[1:]
    box = preprocess.nonzero_box(image) if "crop" in recipe else None
    grid = preprocess.geometry((rows, columns, slices), spacing, recipe, box)
    prepared, _ = preprocess.preprocess(image, np.zeros(grid.native, dtype=np.uint8), grid, recipe)
    mean = np.mean([predictor.predict(prepared) for predictor in predictors], axis=0)
    return grid.undo(mean, predictors[0].outside())


def label_map(probabilities: Floats, member: Mapping[str, Any], values: Values) -> Mask:
    """Return the mask (slices, rows, columns) that ``probabilities`` of ``member`` decide, in the source's values.

    ``values`` has the mask values of each label. Raises InputError where labels overlap or are unions of several
    values: a mask cannot say which.
    """
    united = [label for label in member["labels"] if len(values[label]) > 1]
    if united or member["head"] != "softmax":
        what = f"labels {', '.join(united)} stand for several values" if united else "labels of a sigmoid head overlap"
        raise InputError(f"{what}, so one mask cannot hold them; show a member of single labels first as reported")
    table = np.array([0, *(values[label][0] for label in member["labels"])], dtype=np.uint8)
    mask: Mask = table[probabilities.argmax(axis=0)]
    return mask
