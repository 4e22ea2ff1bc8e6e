"""Scans: all cases of a patient in one phase, such as the slices of one day, in the order of their names."""

import collections
import logging
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from medley.cases import Case
from medley.errors import InputError
from medley.metrics import scan
from medley.probabilities import Entry

Pairs = dict[str, tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]  # label → truth, prediction
Judged = tuple[Case, Entry]
Scan = tuple[str, str]  # patient and phase


def scan_of(case: Case) -> Scan:
    """Return the scan that a case is part of."""
    return case.patient, case.phase


def by_scan(judged: Iterable[Judged]) -> list[list[Judged]]:
    """Return the cases of each scan, in the order in which they come."""
    groups: dict[Scan, list[Judged]] = {}
    for case, entry in judged:
        groups.setdefault(scan_of(case), []).append((case, entry))
    return list(groups.values())


def whole_scans(groups: Sequence[Sequence[Judged]], cases: Iterable[Case]) -> set[Scan]:
    """Return the scans of whose ``cases`` none is missing, all in one part and fold; log how many are left out.

    ``groups`` are those of ``by_scan``. Raises InputError when cases of such a scan differ in rows or columns.
    """
    sizes = collections.Counter(map(scan_of, cases))
    whole = set()
    for group in groups:
        (first, entry), *others = group
        if len(group) == sizes[scan_of(first)] and all(other == entry for _, other in others):
            whole.add(scan_of(first))
            _check_sizes([case for case, _ in group])
    if len(whole) < len(groups):
        why = "cases are missing, or in several parts"
        logging.info("%d of %d scans are left out: %s", len(groups) - len(whole), len(groups), why)
    return whole


def hausdorff_of_labels(slices: Sequence[Pairs]) -> dict[str, dict[str, float]]:
    """Return the Hausdorff distance of each label of a scan, in [0, 1]: see ``metrics.scan``.

    ``slices`` holds, for each case, every label's truth and prediction, bool (slices, rows, columns).
    """
    measured = {}
    for label in slices[0]:
        truth, prediction = map(np.concatenate, zip(*(case[label] for case in slices), strict=True))
        measured[label] = {"hausdorff": scan.hausdorff(truth, prediction)}
    return measured


def _check_sizes(cases: Sequence[Case]) -> None:
    first, *others = cases
    for case in others:
        if case.shape[:2] != first.shape[:2]:
            raise InputError(
                f"{case.image}: has {case.shape[:2]} rows and columns, but {first.image}, of the same scan, "
                f"{first.shape[:2]}; correct the images, or take `score` out of the protocol"
            )
