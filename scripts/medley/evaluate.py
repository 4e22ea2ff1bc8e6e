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

from medley import evaluate_reported, evaluate_scans, labels, probabilities
from medley.cases import Case, slices_first
from medley.errors import InputError
from medley.evaluate_reported import AsReported
from medley.evaluate_scans import Judged, Pairs
from medley.files import whole_file
from medley.metrics import case_metrics, reported
from medley.probabilities import Contents, Entry, Folder

Mask = npt.NDArray[np.uint8]
Row = dict[str, Any]
Measured = Mapping[str, Mapping[str, float]]  # label → metric → value

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


class Predictor(NamedTuple):
    """Who is judged, and by what."""

    folder: Folder  # of its probabilities
    contents: Contents
    source: ModuleType  # the dataset's reader
    values: labels.Values  # of labels and regions in masks
    regions: Mapping[str, Sequence[str]]
    tolerance: float | None  # of nsd, mm
    as_reported: AsReported | None


class JudgedCase(NamedTuple):
    """What came out for one case."""

    rows: list[Row]
    pairs: Pairs
    confusions: reported.Confusion | None


def evaluate(
    folder: Folder,
    cases: Mapping[str, Case],
    source: ModuleType,
    regions: Mapping[str, Sequence[str]],
    tolerance: float | None,
    as_reported: AsReported | None = None,
    scans: bool = False,
) -> Evaluation:
    """Judge every case of a folder of probabilities whose truth is known.

    ``source`` is the dataset's reader, ``tolerance`` (mm) that of nsd. With ``as_reported`` each case is also
    judged on the recipe's grid: by its labels' Dice where there is an epsilon; where there are batches by its
    pixel accuracy, and the test slices, in the order of cases, are cut into that many batches. With ``scans``
    each scan of which all cases are judged, in one part, gets the Hausdorff distance of each label. Raises
    InputError when no case has a truth, when the table of cases or a mask does not fit the folder, when cases
    of a scan differ in size, or when batches are asked of a sigmoid head.
    """
    contents = probabilities.read_contents(folder)
    batches = as_reported.batches if as_reported else None
    if batches is not None and contents.head != "softmax":
        raise InputError(f"{folder}: only softmax heads have as-reported batches; take `batches` out of the protocol")
    values = labels.with_regions(source.LABELS, regions)
    predictor = Predictor(folder, contents, source, values, regions, tolerance, as_reported)
    judged = _with_truth(contents, cases, folder)
    groups = evaluate_scans.by_scan(judged) if scans else [[one] for one in judged]
    whole = evaluate_scans.whole_scans(groups, cases.values()) if scans else set()

    rows: list[Row] = []
    confusions: dict[str, reported.Confusion] = {}
    done = 0
    for group in groups:
        found = {case.case: _judge_case(predictor, case, entry) for case, entry in group}
        rows += [row for one in found.values() for row in one.rows]
        confusions |= {name: one.confusions for name, one in found.items() if one.confusions is not None}
        (case, entry), *_ = group
        if (scan := evaluate_scans.scan_of(case)) in whole:
            measured = evaluate_scans.hausdorff_of_labels([one.pairs for one in found.values()])
            rows += _rows("_".join(scan), case.patient, entry, "scan", measured)
        done += len(group)
        if done % PROGRESS < len(group) or done == len(judged):
            logging.info("%d of %d cases", done, len(judged))
    rows.sort(key=lambda row: (row["case"], row["label"], row["metric"], row["convention"]))
    test = [name for name, entry in contents.cases.items() if entry.part == "test" and name in confusions]
    test_slices = [matrix for name in test for matrix in confusions[name]]
    return Evaluation(rows, [] if batches is None else evaluate_reported.batch_rows(test_slices, batches))


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


def _with_truth(contents: Contents, cases: Mapping[str, Case], folder: Folder) -> list[Judged]:
    """Return the cases with a mask, in the order of names, each with where its prediction comes from."""
    for name in contents.cases:
        if name not in cases:
            raise InputError(f"{folder}: case {name!r} is not in the table of cases; predict again")
    judged = [(cases[name], entry) for name, entry in contents.cases.items() if cases[name].mask]
    every = len(contents.cases)
    if not judged:
        raise InputError(f"{folder}: none of its {every} cases has a mask in the table of cases")
    if len(judged) < every:
        logging.info("%d of %d cases have no mask and are left out", every - len(judged), every)
    return judged


def _judge_case(predictor: Predictor, case: Case, entry: Entry) -> JudgedCase:
    """Return the rows of one case on its native grid and on the recipe's."""
    folder, contents, values = predictor.folder, predictor.contents, predictor.values
    truth = _truth(case, predictor.source, folder)
    decisions = _decisions(folder, case.case, contents, predictor.regions)
    pairs = {label: (labels.select(truth, values[label]), decided) for label, decided in decisions.items()}
    spacing = slices_first(case.spacing)
    native = {label: case_metrics(*pair, spacing, predictor.tolerance) for label, pair in pairs.items()}
    rows = _rows(case.case, case.patient, entry, "native", native)
    confusions = None
    if predictor.as_reported:
        recipe, batches, epsilon = predictor.as_reported
        if epsilon is not None:
            dice = evaluate_reported.dice_of_labels(case, pairs, recipe, epsilon)
            rows += _rows(case.case, case.patient, entry, "recipe", dice)
        if batches is not None:
            confusions = evaluate_reported.confusions(folder, case, truth, contents, values, recipe)
            accuracy = reported.pixel_accuracy(confusions.sum(axis=0))
            rows += _rows(case.case, case.patient, entry, "recipe", {"all": {"pixel_accuracy": accuracy}})
    return JudgedCase(rows, pairs, confusions)


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


def _rows(case: str, patient: str, entry: Entry, convention: str, measured: Measured) -> list[Row]:
    fold = "" if entry.fold is None else entry.fold
    where = {"fold": fold, "part": entry.part, "case": case, "patient": patient, "convention": convention}
    return [
        {**where, "label": label, "metric": metric, "value": value}
        for label, values in measured.items()
        for metric, value in values.items()
    ]
