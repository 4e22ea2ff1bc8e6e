"""A case is one image with its mask; a dataset's cases stand in one table, ``cases.csv``.

Everything after the index stage reads this table and nothing else about a dataset's files.
"""

import csv
import dataclasses
import itertools
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from medley.errors import InputError
from medley.files import whole_file

Number = TypeVar("Number", int, float)

KEEP, DROP = "keep", "drop"
HARD = ("unreadable", "mask_mismatch")  # rules about what nobody can use, whatever is decided
OVERRIDE = "override"  # the rule of a row that a person wrote


@dataclasses.dataclass(frozen=True)
class Case:
    """One image with its mask.

    ``shape`` (voxels) and ``spacing`` (mm) are in the order rows, columns, slices: the raw
    file's own first, second and third axis. Text fields are empty where the source is silent.
    """

    case: str  # unique in its dataset, e.g. patient001_frame01
    patient: str
    image: str  # path as reachable from the working directory
    mask: str  # empty for a case without truth
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    part: str = ""  # the official part that the source puts the case in: training, testing …
    phase: str = ""  # ED, ES
    view: str = ""  # SA, LA
    vendor: str = ""
    pathology: str = ""
    labels: tuple[str, ...] = ()  # names of the labels present in the mask


COLUMNS = tuple(field.name for field in dataclasses.fields(Case))


def write_cases(path: str | os.PathLike[str], cases: Iterable[Case]) -> None:
    """Write ``cases`` sorted by name; shape and spacing as ``216x256x10``, labels as ``LV RV``.

    Raises InputError when a name stands twice.
    """
    rows = sorted(cases, key=lambda case: case.case)
    for first, second in itertools.pairwise(rows):
        if first.case == second.case:
            raise InputError(f"{path}: case {first.case!r} is both {first.image} and {second.image}; remove one")
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            record = dataclasses.asdict(row)
            record["shape"] = "x".join(str(size) for size in row.shape)
            record["spacing"] = "x".join(f"{size:.9g}" for size in row.spacing)
            record["labels"] = " ".join(row.labels)
            writer.writerow([record[column] for column in COLUMNS])


def read_cases(path: str | os.PathLike[str]) -> dict[str, Case]:
    """Return the cases of ``cases.csv`` by name, in the file's (sorted) order."""
    with Path(path).open(encoding="utf-8", newline="") as stream:
        return {row["case"]: _case(row) for row in csv.DictReader(stream)}


def read_kept(cases: str | os.PathLike[str], quality: str | os.PathLike[str]) -> dict[str, Case]:
    """Return the cases of ``cases.csv`` that ``quality.csv`` does not drop; raises as ``read_inspected`` does."""
    every, rows = read_inspected(cases, quality)
    gone = dropped(rows)
    return {name: case for name, case in every.items() if name not in gone}


def read_usable(cases: str | os.PathLike[str], quality: str | os.PathLike[str]) -> dict[str, Case]:
    """Return the cases of ``cases.csv`` that can be read, dropped or not; raises as ``read_inspected`` does."""
    every, rows = read_inspected(cases, quality)
    gone = unusable(rows)
    return {name: case for name, case in every.items() if name not in gone}


def read_inspected(
    cases: str | os.PathLike[str], quality: str | os.PathLike[str]
) -> tuple[dict[str, Case], list[dict[str, str]]]:
    """Return the cases of ``cases.csv`` by name, and the rows of ``quality.csv``.

    Raises InputError for a row whose case or decision does not exist: a person may have written it.
    """
    every = read_cases(cases)
    with Path(quality).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for number, row in enumerate(rows, start=2):
        if row["case"] not in every:
            raise InputError(f"{quality}: line {number}: no case {row['case']!r} in {cases}; correct or remove it")
        if row["decision"] not in (KEEP, DROP):
            raise InputError(f"{quality}: line {number}: decision {row['decision']!r}; write keep or drop")
    return every, rows


def dropped(rows: Iterable[Mapping[str, str]]) -> set[str]:
    """Return the names of the cases that rows of ``quality.csv`` drop.

    One row that says drop is enough, unless a person's row (the rule ``override``) says keep: that wins,
    save over the rules of HARD.
    """
    rows = list(rows)
    kept = {row["case"] for row in rows if row["rule"] == OVERRIDE and row["decision"] == KEEP}
    return {row["case"] for row in rows if row["decision"] == DROP and row["case"] not in kept} | unusable(rows)


def dropped_for_good(rows: Iterable[Mapping[str, str]]) -> set[str]:
    """Return the names of the cases that a person or a rule of HARD drops, whatever the other rules say."""
    rows = list(rows)
    return {row["case"] for row in rows if row["rule"] == OVERRIDE and row["decision"] == DROP} | unusable(rows)


def unusable(rows: Iterable[Mapping[str, str]]) -> set[str]:
    """Return the names of the cases that a rule of HARD drops."""
    return {row["case"] for row in rows if row["rule"] in HARD and row["decision"] == DROP}


def slices_first(triple: tuple[Number, Number, Number]) -> tuple[Number, Number, Number]:
    """Turn rows, columns, slices (tables, configuration) into slices, rows, columns (arrays)."""
    rows, columns, slices = triple
    return slices, rows, columns


def _case(row: dict[str, str]) -> Case:
    rows, columns, slices = (int(size) for size in row["shape"].split("x"))
    y, x, z = (float(size) for size in row["spacing"].split("x"))
    text = {name: row[name] for name in COLUMNS if name not in ("shape", "spacing", "labels")}
    labels = tuple(row["labels"].split())
    return Case(**text, shape=(rows, columns, slices), spacing=(y, x, z), labels=labels)
