"""Ensembles by kind: each is a module of this package with functions ``fit`` and ``combine``.

``fit(task, groups)`` returns for each group of cases what was learned from them, JSON-able and
empty for a kind that learns nothing; ``combine(task, case, fitted)`` returns the ensemble's
probabilities of one case. Only stored probabilities are read, never a network.
"""

import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medley import probabilities
from medley.errors import InputError
from medley.files import whole_folder
from medley.probabilities import Contents

Truth = Callable[[str], npt.NDArray[np.bool_]]
Fitted = dict[str, Any]
Groups = Mapping[int | None, Sequence[str]]


@dataclasses.dataclass(frozen=True)
class Task:
    """What an ensemble is built from."""

    members: Mapping[str, Path]  # name -> folder of probabilities
    contents: Contents  # that of every member
    weights: Mapping[str, float] | None  # of the members, for the kinds that are given some
    truth: Truth  # case -> where each label truly is, bool (labels, slices, rows, columns)
    k: int | None = None  # how many members to take, for the kind that takes some


def module_name(kind: str) -> str:
    """Return the module that combines by ``kind``: ``mean`` → ``medley.ensembles.mean``.

    Raises InputError when there is none.
    """
    known = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
    if kind not in known:
        raise InputError(f"ensembles of kind {kind!r} are not known; known are {', '.join(known)}")
    return f"{__name__}.{kind}"


def build(
    kind: str,
    members: Mapping[str, Path],
    weights: Mapping[str, float] | None,
    truth: Truth,
    target: Path,
    k: int | None = None,
) -> Fitted:
    """Write the ensemble of ``members`` (name → folder of probabilities) into ``target``, whole or not at all.

    Whatever the kind learns is learned from out-of-fold cases: for a test case from all of them, for
    an out-of-fold case from those of the other folds, if there are other folds. Returns what was
    learned from all, and ``by_fold`` what was learned without each fold. Raises InputError, naming
    member and case, when members differ in head, labels, cases or shapes, or a file is missing or torn.
    """
    module = importlib.import_module(module_name(kind))
    task = Task(members, common_contents(members), weights, truth, k)
    fits: dict[int | None, Fitted] = module.fit(task, groups(task.contents))
    with whole_folder(target) as folder:
        for case, entry in task.contents.cases.items():
            combined = module.combine(task, case, fits.get(entry.fold, fits[None]))
            probabilities.write_case(folder, case, combined, task.contents.head)
        probabilities.write_contents(folder, task.contents)
    by_fold = {str(fold): fitted for fold, fitted in fits.items() if fold is not None and fitted}
    return {**fits[None], **({"by_fold": by_fold} if by_fold else {})}


def groups(contents: Contents) -> dict[int | None, list[str]]:
    """Return the cases to learn from: all out-of-fold ones under None, those of the other folds under each fold.

    A fold without other folds has no group of its own.
    """
    fold_of = {case: entry.fold for case, entry in contents.cases.items() if entry.part == "out_of_fold"}
    folds = sorted({fold for fold in fold_of.values() if fold is not None})
    others = {fold: [case for case in fold_of if fold_of[case] != fold] for fold in folds}
    return {None: list(fold_of), **{fold: cases for fold, cases in others.items() if cases}}


def common_contents(members: Mapping[str, Path]) -> Contents:
    """Return the contents that all ``members`` share; raise InputError naming the member and case that differ."""
    names = list(members)
    first = probabilities.read_contents(members[names[0]])
    shapes = {case: probabilities.read_shape(members[names[0]], case) for case in first.cases}
    for name in names[1:]:
        contents = probabilities.read_contents(members[name])
        pair = f"members {names[0]!r} and {name!r}"
        if (contents.head, contents.labels) != (first.head, first.labels):
            raise InputError(
                f"{pair} differ: {first.head} of {', '.join(first.labels)}, "
                f"{contents.head} of {', '.join(contents.labels)}; an ensemble has one label set"
            )
        for case in sorted(first.cases.keys() | contents.cases.keys()):
            if first.cases.get(case) != contents.cases.get(case):
                raise InputError(f"{pair} differ in case {case!r}: {_said(first, case)}, {_said(contents, case)}")
            shape = probabilities.read_shape(members[name], case)
            if shape != shapes[case]:
                raise InputError(f"{pair} differ in the shape of case {case!r}: {shapes[case]}, {shape}; predict again")
    return first


def true_masks(task: Task, case: str) -> npt.NDArray[np.bool_]:
    """Return where each label truly is, bool (labels, slices, rows, columns).

    Raises InputError when the mask has another grid than the members' probabilities.
    """
    name, folder = next(iter(task.members.items()))
    truth, predicted = task.truth(case), probabilities.read_shape(folder, case)[1:]
    if truth.shape[1:] != predicted:
        raise InputError(
            f"member {name!r}, case {case!r}: predicted on {predicted} "
            f"(slices, rows, columns), the mask has {truth.shape[1:]}"
        )
    return truth


def _said(contents: Contents, case: str) -> str:
    entry = contents.cases.get(case)
    return "missing" if entry is None else f"{entry.part} of fold {entry.fold}"
