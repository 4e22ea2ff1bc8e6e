"""What is unusual about a case, by written rules, and whether the case can be used.

=================  ========  ==============  =====================================================================
rule               decision  limit           why
=================  ========  ==============  =====================================================================
unreadable         drop                      a file cannot be decoded or holds NaN or infinite voxels
constant_image     drop                      one grey value everywhere: nothing to see
empty_mask         drop                      no label anywhere: nothing to learn, and no metric is defined
missing_labels     keep                      a structure that other cases have is not drawn: apex, or omission
one_slice          keep                      a single slice where other cases have more: the file may be cut off
extreme_spacing    keep                      an axis 3 times coarser or finer than usual: the header may be wrong
mask_at_border     keep                      the mask reaches the image's border: the structure may be cut off
empty_slices       keep                      slices beyond the structure, or ones that nobody has drawn
mask_mismatch      drop                      image and mask have different sizes
full_mask          keep      above: 0.95     the mask covers nearly all of the image
mask_along_border  keep      above: 0.5      much of the mask's outline is the image's border
blank_image        keep      below: 2 / 255  grey values deviate by a small share of what the dataset's usually span
grey_mask          keep      above: 0.01     mask pixels between background and full, as readers of pictures count
duplicate          drop      within: 2       nearly the same picture as another case's, by that many of 64 bits
=================  ========  ==============  =====================================================================

A rule that does not fire leaves no row; only what cannot be used at all, and copies, are dropped. A dataset may
decide otherwise, or set another limit: where a case is one slice, an empty mask is nothing unusual. Copies are
looked for only where a dataset's ``quality`` names that rule, since a scan's slices are all alike.

Of pictures that look alike the first is the original: testing cases before training cases before others, then
those that no rule drops before those that one does, those with a mask before those without, then by name. So what
looks like a testing case leaves the training part, and the reason calls it a leak. See ``medley.duplicates``.
"""

import csv
import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from medley import duplicates, quality_rules
from medley.cases import DROP, Case
from medley.errors import InputError, MismatchError
from medley.files import whole_file
from medley.quality_rules import Contrast, Fired, Rule, Usual

IGNORE = "ignore"  # the decision that leaves no row
COLUMNS = ("case", "rule", "value", "decision", "reason")
PARTS = ("testing", "training")  # those whose cases are originals rather than copies


@dataclasses.dataclass(frozen=True)
class Finding:
    """A rule that fired for a case; ``decision`` is keep or drop."""

    case: str
    rule: str
    value: str
    decision: str
    reason: str


def inspect(
    cases: Mapping[str, Case], reader: ModuleType, decisions: Mapping[str, str | Mapping[str, Any]] | None = None
) -> list[Finding]:
    """Return the findings of all cases, sorted by case and rule. Reads every image and mask.

    ``decisions`` maps some rules to keep, drop or ignore, or to a mapping with ``decision`` and the rule's
    limit (``above``, ``below`` or ``within``), in place of their own. Raises InputError for a limit that a
    rule does not have, and where copies are looked for among volumes.
    """
    wanted = decisions or {}
    rules = quality_rules.changed(wanted)
    search = "duplicate" in wanted and rules["duplicate"].decision != IGNORE
    if search:
        _check_pictures(cases)
    usual = Usual(
        spacing=[float(size) for size in np.median([case.spacing for case in cases.values()], axis=0)],
        slices=float(np.median([case.shape[2] for case in cases.values()])),
    )
    fired: list[tuple[str, Fired]] = []
    contrasts: dict[str, Contrast] = {}
    hashes: dict[str, int] = {}
    for name, case in cases.items():
        try:
            image = reader.read_image(case)
            fired += [(name, each) for each in _of_truth(case, reader, rules)]
        except MismatchError as error:
            fired.append((name, Fired("mask_mismatch", "", str(error))))
        except InputError as error:
            fired.append((name, Fired("unreadable", "", str(error))))
        else:
            fired += [(name, each) for each in (*quality_rules.of_image(image), *quality_rules.of_grid(case, usual))]
            contrasts[name] = quality_rules.contrast(image)
            if search:
                hashes[name] = duplicates.perceptual_hash(image)
    fired += quality_rules.of_contrasts(contrasts, rules["blank_image"].limit)
    findings = _decided(fired, rules)
    if search:
        findings += _decided(_copies(cases, hashes, findings, int(rules["duplicate"].limit)), rules)
    return in_order(findings)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return ``findings`` sorted by case and rule, as they stand in quality.csv."""
    return sorted(findings, key=lambda finding: (finding.case, finding.rule))


def write(path: str | os.PathLike[str], findings: Iterable[Finding]) -> None:
    """Write ``quality.csv``, one row a finding."""
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(dataclasses.astuple(finding) for finding in findings)


def _of_truth(case: Case, reader: ModuleType, rules: Mapping[str, Rule]) -> list[Fired]:
    """Return what is odd about a case's mask, where it has one."""
    if not case.mask:
        return []
    mask = reader.read_mask(case)
    return [*quality_rules.of_mask(mask, reader.LABELS, rules), *_of_greys(case, reader, rules["grey_mask"].limit)]


def _of_greys(case: Case, reader: ModuleType, above: float) -> Iterator[Fired]:
    """Yield grey_mask where ``reader`` counts mask pixels between background and full, and these are many."""
    between = reader.between(case) if hasattr(reader, "between") else 0
    if between > above:
        yield Fired("grey_mask", f"{between:.9g}", "share of the mask file's pixels that are neither 0 nor full")


def _decided(fired: Iterable[tuple[str, Fired]], rules: Mapping[str, Rule]) -> list[Finding]:
    """Return what fired with what is decided about it, save what is ignored."""
    found = [Finding(name, each.rule, each.value, rules[each.rule].decision, each.reason) for name, each in fired]
    return [finding for finding in found if finding.decision != IGNORE]


def _check_pictures(cases: Mapping[str, Case]) -> None:
    for case in cases.values():
        if case.shape[2] != 1:
            what = f"quality.duplicate: {case.case} has {case.shape[2]} slices, but only single pictures are compared"
            raise InputError(f"{what}; remove the rule from this dataset in config.yaml")


def _copies(
    cases: Mapping[str, Case], hashes: Mapping[str, int], findings: Sequence[Finding], within: int
) -> Iterator[tuple[str, Fired]]:
    """Yield the cases that look like another one that comes before them; what cannot be read has no hash."""
    dropped = {finding.case for finding in findings if finding.decision == DROP}
    ranks = {part: rank for rank, part in enumerate(PARTS)}
    ordered = sorted(
        (cases[name] for name in hashes),
        key=lambda case: (ranks.get(case.part, len(ranks)), case.case in dropped, not case.mask, case.case),
    )
    for copy in duplicates.copies(ordered, hashes, within):
        original = copy.original
        leak = f"leak: {original.case} is in part {original.part}; " if copy.case.part != original.part else ""
        reason = f"{leak}looks like {original.case}, {copy.distance} of {duplicates.BITS} bits differ"
        yield copy.case.case, Fired("duplicate", f"{original.case} {copy.distance}", reason)
