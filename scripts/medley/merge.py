"""The folds of one member as one folder of probabilities.

Each validation case keeps the prediction of the one network that was not trained on it (out of
fold); a test case gets the mean over all folds' networks.
"""

from collections.abc import Sequence
from pathlib import Path

from medley import probabilities
from medley.errors import InputError
from medley.files import whole_folder
from medley.probabilities import Contents, Entry


def merge(folds: Sequence[Path], target: Path) -> None:
    """Merge the folders of probabilities ``folds`` of one member into ``target``, whole or not at all.

    Raises InputError, naming folder and case, when folds differ in head, labels, test cases or a
    case's shape, when two of them validate the same case, or a file is missing or torn.
    """
    contents = [probabilities.read_contents(folder) for folder in folds]
    source = _out_of_fold(folds, contents)
    tested = _tested(folds, contents)
    entries = {case: contents[fold].cases[case] for case, fold in source.items()}
    with whole_folder(target) as folder:
        for case, fold in source.items():
            probabilities.copy_case(folds[fold], folder, case)
        for case in tested:
            entries[case] = Entry(None, "test")
            if len(folds) == 1:
                probabilities.copy_case(folds[0], folder, case)
            else:
                probabilities.write_case(folder, case, probabilities.read_mean(folds, case), contents[0].head)
        probabilities.write_contents(folder, Contents(contents[0].head, contents[0].labels, entries))


def _out_of_fold(folds: Sequence[Path], contents: Sequence[Contents]) -> dict[str, int]:
    """Return the position in ``folds`` that validates each case."""
    source: dict[str, int] = {}
    for position, held in enumerate(contents):
        for case in _cases(held, "out_of_fold"):
            if case in source:
                raise InputError(
                    f"case {case!r} is out of fold in both {folds[source[case]]} and {folds[position]}; "
                    "they are of different splits, predict again"
                )
            source[case] = position
    return source


def _tested(folds: Sequence[Path], contents: Sequence[Contents]) -> list[str]:
    """Return the test cases, the same in every fold."""
    first, tested = contents[0], _cases(contents[0], "test")
    for folder, held in zip(folds, contents, strict=True):
        if (held.head, held.labels) != (first.head, first.labels):
            raise InputError(
                f"{folder} holds {held.head} of {', '.join(held.labels)}, "
                f"but {folds[0]} {first.head} of {', '.join(first.labels)}; predict again"
            )
        odd = sorted(set(tested) ^ set(_cases(held, "test")))
        if odd:
            raise InputError(f"test case {odd[0]!r} is in only one of {folds[0]} and {folder}; predict again")
    return tested


def _cases(contents: Contents, part: str) -> list[str]:
    return [case for case, entry in contents.cases.items() if entry.part == part]
