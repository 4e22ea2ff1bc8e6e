"""Splits: which case is trained on, validated on, tested on; by patient, stratified, seeded."""

import csv
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from medley.cases import Case
from medley.errors import InputError
from medley.files import whole_file

TRAIN, VALIDATION, TEST = PARTS = ("train", "validation", "test")

# What the index calls a case that its source gives for training, keeps for testing, or for validation.
OFFICIAL_TRAINING, OFFICIAL_TEST, OFFICIAL_VALIDATION = "training", "testing", "validation"


class Assignment(NamedTuple):
    """One row of split.csv: the part that a case has in a fold."""

    fold: int
    case: str
    patient: str
    part: str


def split_cases(cases: Iterable[Case], specification: Mapping[str, Any]) -> list[Assignment]:
    """Return the part of every case in every fold, sorted by fold and case.

    ``specification`` is one entry of a study's ``splits``: either

    - ``parts``: the patients' shares of train, validation and test; fold 0 alone. Cases that the
      source itself keeps for testing are in no part; with ``test: official`` they are the test part.
    - ``folds``: fold f validates on its own share of the patients and trains on the others'. With
      ``test: official`` the source's testing cases are test in every fold.

    Cases that the source keeps for validation are in no part; nor are those of the vendor ``without_vendor``, but for
    the source's testing cases. All cases of a patient are in one part,
    unless ``grouped`` is false: then each case stands for a patient of its own, and cases of one patient
    are on both sides. Parts that ``labelled`` lists hold only cases with a label; what it takes from them
    is in no part. ``stratify`` names a field of Case: each of its values (a patient whose cases differ in
    it is a value of its own) is dealt out as evenly as whole patients allow. ``seed`` decides which
    patient goes where. Raises InputError for too few patients, for a patient with both testing and other
    cases, for a part that ``labelled`` leaves without a case, and for a vendor without cases.
    """
    by_patient: dict[str, list[Case]] = {}
    usable = [case for case in cases if case.part != OFFICIAL_VALIDATION]
    if "without_vendor" in specification:
        usable = _without(usable, specification["without_vendor"])
    for case in sorted(usable, key=lambda case: case.case):
        by_patient.setdefault(case.patient if specification.get("grouped", True) else case.case, []).append(case)
    labelled = specification.get("labelled", ())
    ignores_source = "folds" in specification and specification["test"] is None
    testing = set() if ignores_source else {patient for patient, own in by_patient.items() if _is_testing(patient, own)}
    strata = _strata({patient: own for patient, own in by_patient.items() if patient not in testing}, specification)
    if "folds" in specification:
        dealt = _deal(strata, [1 / specification["folds"]] * specification["folds"])
        parts = [_fold_parts(dealt, fold, testing) for fold in range(specification["folds"])]
    else:
        shares = specification["parts"]
        dealt = _deal(strata, [shares[part] for part in PARTS if part in shares])
        official = dict.fromkeys(testing, TEST) if "test" in specification else {}
        parts = [{patient: PARTS[share] for patient, share in dealt.items()} | official]
    assignments = [
        Assignment(fold, case, patient, part)
        for fold, part_of in enumerate(parts)
        for case, patient, part in sorted(
            (case.case, case.patient, part)
            for name, part in part_of.items()
            for case in by_patient[name]
            if case.labels or part not in labelled
        )
    ]
    for fold, part_of in enumerate(parts):
        if empty := set(part_of.values()) - {row.part for row in assignments if row.fold == fold}:
            raise InputError(f"part {sorted(empty)[0]!r} has no case with a label; give more patients or another seed")
    return assignments


def write(path: str | os.PathLike[str], assignments: Iterable[Assignment]) -> None:
    """Write split.csv: fold, case, patient, part."""
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(Assignment._fields)
        writer.writerows(sorted(assignments))


def read(path: str | os.PathLike[str]) -> dict[int, dict[str, list[str]]]:
    """Return fold → part → sorted names of cases; every fold has all three parts, empty or not."""
    folds: dict[int, dict[str, list[str]]] = {}
    with Path(path).open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            parts = folds.setdefault(int(row["fold"]), {part: [] for part in PARTS})
            parts[row["part"]].append(row["case"])
    return {fold: {part: sorted(names) for part, names in parts.items()} for fold, parts in sorted(folds.items())}


def _without(cases: Sequence[Case], vendor: str) -> list[Case]:
    """Return ``cases`` without those of ``vendor``, but for the testing ones."""
    known = sorted({case.vendor for case in cases})
    if vendor not in known:
        raise InputError(
            f"without_vendor: no case of {vendor!r}; the vendors are {', '.join(filter(None, known)) or 'not known'}"
        )
    return [case for case in cases if case.vendor != vendor or case.part == OFFICIAL_TEST]


def _is_testing(patient: str, cases: Sequence[Case]) -> bool:
    """Return whether a patient's cases are the source's testing cases."""
    official = {case.part for case in cases}
    if OFFICIAL_TEST in official and len(official) > 1:
        what = f"patient {patient} has {OFFICIAL_TEST} cases and others in cases.csv"
        raise InputError(f"{what}; drop the ones or the others in the dataset's `overrides`")
    return OFFICIAL_TEST in official


def _strata(by_patient: Mapping[str, Sequence[Case]], specification: Mapping[str, Any]) -> list[list[str]]:
    """Return the patients of each stratum in random order, strata sorted by value.

    Patients are ordered by raw draws of the bit generator, whose stream NumPy promises to keep
    (that of ``Generator.shuffle`` may change with its version).
    """
    patients = sorted(by_patient)
    draws = np.random.PCG64(specification["seed"]).random_raw(len(patients))
    column = specification["stratify"]
    strata: dict[str, list[str]] = {}
    for _, patient in sorted(zip(draws.tolist(), patients, strict=True)):
        values = {getattr(case, column) for case in by_patient[patient]} if column else {""}
        strata.setdefault(" ".join(sorted(values)), []).append(patient)
    return [strata[value] for value in sorted(strata)]


def _deal(strata: Sequence[Sequence[str]], shares: Sequence[float]) -> dict[str, int]:
    """Return the index of the share that each patient falls to.

    Of a stratum of n patients share i gets n · shares[i], rounded down or up; who is rounded up is
    whoever is furthest behind over the strata so far. So strata are even, and the whole is too.
    """
    behind = [0.0] * len(shares)
    dealt: dict[str, int] = {}
    for stratum in strata:
        # Rounded: 0.7 · 20 is not 14 in floating point.
        quotas = [round(len(stratum) * share, 9) for share in shares]
        counts = [math.floor(quota) for quota in quotas]
        behind = [due + quota - count for due, quota, count in zip(behind, quotas, counts, strict=True)]
        wanting = [index for index, quota in enumerate(quotas) if quota > counts[index]]
        for index in sorted(wanting, key=lambda index: -round(behind[index], 9))[: len(stratum) - sum(counts)]:
            counts[index] += 1
            behind[index] -= 1
        owners = [index for index, count in enumerate(counts) for _ in range(count)]
        dealt.update(zip(stratum, owners, strict=True))
    empty = set(range(len(shares))) - set(dealt.values())
    if empty:
        count = f"{len(dealt)} patients are too few for {len(shares)} parts or folds"
        raise InputError(f"{count}; give more patients or, in config.yaml, fewer folds or larger shares")
    return dealt


def _fold_parts(dealt: Mapping[str, int], fold: int, testing: Iterable[str]) -> dict[str, str]:
    """Return the part of each patient in ``fold``."""
    parts = {patient: VALIDATION if owner == fold else TRAIN for patient, owner in dealt.items()}
    return parts | dict.fromkeys(testing, TEST)
