"""One new patient: which images there are, and what is written about them."""

import csv
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medley import datasets, nifti, splits
from medley.cases import Case, read_cases
from medley.errors import InputError
from medley.files import whole_file
from medley.labels import Values, select

Mask = npt.NDArray[np.uint8]
COLUMNS = ("case", "view", "phase", "label", "voxels", "volume")


def cases_in(folder: Path, readers: Mapping[str, str]) -> dict[str, list[Case]]:
    """Return dataset → cases of the one patient in ``folder``; ``readers`` has each dataset's reader.

    Datasets of which the patient has no image are left out. Raises InputError where none is left, and as the
    readers' ``subject_cases`` do.
    """
    found = {name: datasets.reader(reader).subject_cases(folder) for name, reader in readers.items()}
    if not any(found.values()):
        expected = f"{folder.name}_SA_ED.nii.gz"
        raise InputError(f"{folder}: no image called as the folder ({expected}); rename the files or the folder")
    return {name: cases for name, cases in found.items() if cases}


def first_tested(cases: str | os.PathLike[str], split: str | os.PathLike[str]) -> Path:
    """Return the folder of the first test patient of a split, by name. Raises InputError when it has none."""
    table = read_cases(cases)
    tested = sorted(name for part in splits.read(split).values() for name in part.get("test", []))
    if not tested:
        raise InputError(f"{split}: no test case, so no patient that can be predicted as a new one")
    return Path(table[tested[0]].image).parent


def write_mask(path: str | os.PathLike[str], case: Case, mask: Mask) -> None:
    """Write ``mask`` (slices, rows, columns) as NIfTI on the grid of the image of ``case``."""
    image = nifti.read(case.image)
    affine = np.diag([*image.spacing, 1.0]) if image.affine is None else image.affine
    nifti.write(path, np.ascontiguousarray(mask.transpose(1, 2, 0)), image.spacing, affine)


def volumes(case: Case, mask: Mask, labels: Iterable[str], values: Values) -> list[dict[str, Any]]:
    """Return a row for each of ``labels`` in ``mask``: voxels, and the volume in ml, voxels times their spacing.

    There is no volume of what is not there, nor of a single slice: what lies before and behind it nobody saw.
    """
    voxel = float(np.prod(case.spacing)) / 1000
    rows = []
    for label in labels:
        count = int(np.count_nonzero(select(mask, values[label])))
        volume = f"{count * voxel:.9g}" if count and len(mask) > 1 else ""
        rows.append(dict(zip(COLUMNS, (case.case, case.view, case.phase, label, count, volume), strict=True)))
    return rows


def write_volumes(path: str | os.PathLike[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows of ``volumes`` as CSV."""
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
