"""What is unusual about a case, by written rules, and whether the case can be used.

=================  ========  ==============================================================
rule               decision  why
=================  ========  ==============================================================
unreadable         drop      a file cannot be decoded or holds NaN or infinite voxels
constant_image     drop      one grey value everywhere: nothing to see
empty_mask         drop      no label anywhere: nothing to learn, and no metric is defined
missing_labels     keep      a structure that other cases have is not drawn: apex, or omission
one_slice          keep      a single slice where other cases have more: the file may be cut off
extreme_spacing    keep      an axis 3 times coarser or finer than usual: the header may be wrong
mask_at_border     keep      the mask reaches the image's border: the structure may be cut off
empty_slices       keep      slices beyond the structure, or ones that nobody has drawn
=================  ========  ==============================================================

A rule that does not fire leaves no row; only what cannot be used at all is dropped. A dataset may decide
otherwise: where a case is one slice, an empty mask is nothing unusual.
"""

import csv
import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from medley.cases import Case
from medley.errors import InputError
from medley.files import whole_file
from medley.labels import select

Mask = npt.NDArray[np.uint8]

IGNORE = "ignore"  # the decision that leaves no row
SPACING_FACTOR = 3.0  # times or a fraction of the dataset's median
COLUMNS = ("case", "rule", "value", "decision", "reason")


class _Usual(NamedTuple):
    """Medians over the dataset: spacing in mm (rows, columns, slices) and number of slices."""

    spacing: Sequence[float]
    slices: float


@dataclasses.dataclass(frozen=True)
class Finding:
    """A rule that fired for a case; ``decision`` is keep or drop."""

    case: str
    rule: str
    value: str
    decision: str
    reason: str


def inspect(cases: Mapping[str, Case], reader: ModuleType, decisions: Mapping[str, str] | None = None) -> list[Finding]:
    """Return the findings of all cases, sorted by case and rule. Reads every image and mask.

    ``decisions`` maps some rules to keep, drop or ignore, in place of their own decision.
    """
    usual = _Usual(
        spacing=[float(size) for size in np.median([case.spacing for case in cases.values()], axis=0)],
        slices=float(np.median([case.shape[2] for case in cases.values()])),
    )
    findings = [Finding(case.case, *finding) for case in cases.values() for finding in _findings(case, reader, usual)]
    changed = decisions or {}
    decided = [dataclasses.replace(each, decision=changed.get(each.rule, each.decision)) for each in findings]
    return sorted(
        (finding for finding in decided if finding.decision != IGNORE),
        key=lambda finding: (finding.case, finding.rule),
    )


def write(path: str | os.PathLike[str], findings: Iterable[Finding]) -> None:
    """Write ``quality.csv``, one row a finding."""
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(dataclasses.astuple(finding) for finding in findings)


def labelled_at_border(mask: Mask) -> npt.NDArray[np.int64]:
    """Return the number of labelled voxels in the outermost rows and columns of each slice."""
    inner = np.count_nonzero(mask[:, 1:-1, 1:-1], axis=(1, 2))
    border: npt.NDArray[np.int64] = np.count_nonzero(mask, axis=(1, 2)) - inner
    return border


def empty_slices(mask: Mask) -> npt.NDArray[np.int64]:
    """Return the indices of the slices without any label."""
    return np.flatnonzero(~mask.any(axis=(1, 2)))


def _findings(case: Case, reader: ModuleType, usual: _Usual) -> Iterator[tuple[str, str, str, str]]:
    """Yield (rule, value, decision, reason) for each rule that fires."""
    try:
        image = reader.read_image(case)
        mask = reader.read_mask(case) if case.mask else None
    except InputError as error:
        yield "unreadable", "", "drop", str(error)
        return
    if image.min() == image.max():
        yield "constant_image", f"{image.min():.9g}", "drop", "every voxel has the same grey value"
    if case.shape[2] == 1 < usual.slices:
        yield "one_slice", "1", "keep", f"the dataset's median is {usual.slices:g} slices; is the file whole?"
    yield from _of_spacing(case, usual.spacing)
    if mask is not None:
        yield from _of_mask(mask, reader.LABELS)


def _of_spacing(case: Case, usual: Sequence[float]) -> Iterator[tuple[str, str, str, str]]:
    ratios = np.divide(case.spacing, usual)
    if ratios.max() > SPACING_FACTOR or ratios.min() < 1 / SPACING_FACTOR:
        value = "x".join(f"{size:.9g}" for size in case.spacing)
        median = " x ".join(f"{size:.3g}" for size in usual)
        yield "extreme_spacing", value, "keep", f"the dataset's median is {median} mm; check the header"


def _of_mask(mask: Mask, labels: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[str, str, str, str]]:
    present = {name: bool(select(mask, values).any()) for name, values in labels.items()}
    if not any(present.values()):
        yield "empty_mask", "0", "drop", "no label in any slice"
        return
    missing = [name for name, there in present.items() if not there]
    if missing:
        yield "missing_labels", " ".join(missing), "keep", "not drawn in any slice"
    if border := int(labelled_at_border(mask).sum()):
        yield "mask_at_border", str(border), "keep", "labelled voxels at the image's border; it may be cut off"
    if empty := len(empty_slices(mask)):
        yield "empty_slices", str(empty), "keep", f"of {len(mask)} slices; beyond the structure, or not drawn"
