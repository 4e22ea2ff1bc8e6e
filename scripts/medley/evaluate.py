"""Judge one predictor: the probabilities of each case against its truth on the native grid.

Decisions are those of ``medley.probabilities``: the most probable class of a softmax head,
probability above 0.5 of a sigmoid head, and of a region (a named union of labels) the summed
probability of its parts above 0.5. As-reported metrics put the same decisions on the recipe's grid.
"""

import csv
import logging
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from medley import labels, preprocess, probabilities
from medley.cases import Case, slices_first
from medley.errors import InputError
from medley.files import whole_file
from medley.metrics import case_metrics, reported
from medley.probabilities import Contents, Entry, Folder

Mask = npt.NDArray[np.uint8]
Row = dict[str, Any]

IDENTITY = ("study", "dataset", "split", "predictor", "seed")
METRICS_COLUMNS = (
    *("study", "dataset", "split", "predictor", "fold", "seed"),
    *("part", "case", "patient", "label", "metric", "value", "convention"),
)
BATCHES_COLUMNS = (*IDENTITY, "part", "batch", "slices", "metric", "value")
PROGRESS = 20  # cases between two lines in the log


class Evaluation(NamedTuple):
    """Rows of metrics.csv and of batches.csv, but for the columns of IDENTITY."""

    metrics: list[Row]
    batches: list[Row]


class AsReported(NamedTuple):
    """How a study counts on the recipe's grid."""

    recipe: Mapping[str, Any]
    batches: int


def evaluate(
    folder: Folder,
    cases: Mapping[str, Case],
    source: ModuleType,
    regions: Mapping[str, Sequence[str]],
    tolerance: float | None,
    as_reported: AsReported | None = None,
) -> Evaluation:
    """Judge every case of a folder of probabilities whose truth is known.

    ``source`` is the dataset's reader, ``tolerance`` (mm) that of nsd. With ``as_reported`` each case
    also gets its pixel accuracy on the recipe's grid, and the test slices, in the order of cases, are
    cut into that many batches. Raises InputError when no case has a truth, when the table of cases or a
    mask does not fit the folder, or when as-reported metrics are asked of a sigmoid head.
    """
    contents = probabilities.read_contents(folder)
    if as_reported and contents.head != "softmax":
        raise InputError(f"{folder}: only softmax heads have as-reported metrics; take `batches` out of the protocol")
    values = labels.with_regions(source.LABELS, regions)
    judged = [(_known(name, cases, folder), entry) for name, entry in contents.cases.items()]
    with_truth = [(case, entry) for case, entry in judged if case.mask]
    if not with_truth:
        raise InputError(f"{folder}: none of its {len(judged)} cases has a mask in the table of cases")
    if len(with_truth) < len(judged):
        logging.info("%d of %d cases have no mask and are left out", len(judged) - len(with_truth), len(judged))

    rows: list[Row] = []
    test_slices: list[reported.Confusion] = []
    for number, (case, entry) in enumerate(with_truth, start=1):
        truth = _truth(case, source, folder)
        rows += [
            _row(case, entry, label, metric, value, "native")
            for label, predicted in _decisions(folder, case.case, contents, regions).items()
            for metric, value in case_metrics(
                labels.select(truth, values[label]), predicted, slices_first(case.spacing), tolerance
            ).items()
        ]
        if as_reported:
            confusions = _on_recipe(folder, case, truth, contents, values, as_reported.recipe)
            accuracy = reported.pixel_accuracy(confusions.sum(axis=0))
            rows.append(_row(case, entry, "all", "pixel_accuracy", accuracy, "recipe"))
            test_slices += list(confusions) if entry.part == "test" else []
        if number % PROGRESS == 0 or number == len(with_truth):
            logging.info("%d of %d cases", number, len(with_truth))
    rows.sort(key=lambda row: (row["case"], row["label"], row["metric"]))
    return Evaluation(rows, _batch_rows(test_slices, as_reported.batches) if as_reported else [])


def write_rows(
    path: str | os.PathLike[str], columns: Sequence[str], identity: Mapping[str, Any], rows: Iterable[Row]
) -> None:
    """Write ``rows``, each completed by ``identity``, as a CSV file of ``columns``: whole or not at all."""
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            complete = {**identity, **row, "value": "" if math.isnan(row["value"]) else f"{row['value']:.9g}"}
            writer.writerow([complete[column] for column in columns])


def _known(name: str, cases: Mapping[str, Case], folder: Folder) -> Case:
    if name not in cases:
        raise InputError(f"{folder}: case {name!r} is not in the table of cases; predict again")
    return cases[name]


def _truth(case: Case, source: ModuleType, folder: Folder) -> Mask:
    """Return the case's mask; raise InputError when it is not on the grid of the probabilities."""
    truth: Mask = source.read_mask(case)
    predicted = probabilities.read_shape(folder, case.case)[1:]
    if truth.shape != predicted:
        raise InputError(
            f"{case.mask}: has {truth.shape} (slices, rows, columns), the probabilities in {folder} "
            f"have {predicted}; predict again"
        )
    return truth


def _decisions(
    folder: Folder, case: str, contents: Contents, regions: Mapping[str, Sequence[str]]
) -> dict[str, npt.NDArray[np.bool_]]:
    """Return where each label, and each region of labels, is predicted: bool (slices, rows, columns)."""
    first = 1 if contents.head == "softmax" else 0  # after the background
    channels = {label: channel for channel, label in enumerate(contents.labels, start=first)}
    decided = dict(zip(contents.labels, probabilities.decide(folder, case), strict=True))
    united = labels.regions_of(contents.labels, regions)
    return decided | {
        name: probabilities.region(folder, case, [channels[part] for part in parts]) for name, parts in united.items()
    }


def _on_recipe(
    folder: Folder,
    case: Case,
    truth: Mask,
    contents: Contents,
    values: labels.Values,
    recipe: Mapping[str, Any],
) -> reported.Confusion:
    """Return the confusion matrices (slices, classes, classes) of a case on the recipe's grid."""
    grid = preprocess.geometry(case.shape, case.spacing, recipe)
    true = grid.apply_mask(labels.class_indices(truth, contents.labels, values))
    predicted = grid.apply_mask(probabilities.read_label_map(folder, case.case))
    return reported.slice_confusions(true, predicted, 1 + len(contents.labels))


def _batch_rows(test_slices: Sequence[reported.Confusion], batches: int) -> list[Row]:
    """Return the as-reported metrics of each batch of test slices, numbered from 1."""
    parts = reported.cut(test_slices, batches)
    if len(parts) < batches:
        logging.warning("%d test slices make %d batches in place of %d", len(test_slices), len(parts), batches)
    return [
        {"part": "test", "batch": number, "slices": len(part), "metric": metric, "value": measure(part.sum(axis=0))}
        for number, part in enumerate(parts, start=1)
        for metric, measure in sorted(reported.METRICS.items())
    ]


def _row(case: Case, entry: Entry, label: str, metric: str, value: float, convention: str) -> Row:
    return {
        "fold": "" if entry.fold is None else entry.fold,
        "part": entry.part,
        "case": case.case,
        "patient": case.patient,
        "label": label,
        "metric": metric,
        "value": value,
        "convention": convention,
    }
