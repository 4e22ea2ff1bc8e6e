"""What overlays show: which cases and predictors, which slice of a case, and the part of it that holds something."""

import dataclasses
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from medley import probabilities
from medley.cases import Case, read_cases
from medley.datasets import reader
from medley.labels import Values, select, with_regions
from medley.results.cases import judged_part, per_case
from medley.results.read import dataset_of, predictor_of
from medley.results.study import Study

Mask = npt.NDArray[np.bool_]
Folder = str | os.PathLike[str]
MARGIN, AROUND = 15.0, 0.15  # around what is shown: mm, and share of its extent
FINEST = 400  # rows or columns of a slice that are drawn: a printed panel shows no more
MOST = 6  # predictors side by side
COLOURS, WHITE = 3, 255.0  # channels of a colour picture, and their highest value
RANKS = ("best", "median", "worst")


@dataclasses.dataclass(frozen=True)
class Slice:
    """One slice of one case: all arrays have shape (rows, columns), a colour image (rows, columns, 3) in [0, 1]."""

    dataset: str
    case: str
    rank: str  # best, median, worst: why the case was chosen
    number: int | None  # of the slice, from 1; None where there is only one
    spacing: tuple[float, float]  # mm: rows, columns
    image: npt.NDArray[np.float32]
    truth: dict[str, Mask]  # by label
    predictions: dict[str, dict[str, Mask]]  # by predictor, then label
    dice: dict[str, float]  # by predictor: of the whole case, mean over the predictor's labels
    chosen_by: str  # the predictor whose Dice chose the case


def slices(
    metrics: pd.DataFrame,
    cases_files: Iterable[Folder],
    folders: Iterable[Folder],
    study: Study,
    sources: Mapping[str, Mapping[str, Any]],
) -> list[Slice]:
    """Return the slices of each dataset's best, median and worst case of the judged part.

    ``folders`` hold the probabilities of the study's combined predictors (see ``Study.combined``), whose
    first ensemble chooses the cases; ``metrics`` their rows of metrics.csv, ``sources`` each dataset's
    ``reader`` and ``regions``. Shown are those that ``side_by_side`` names.
    """
    tables = {dataset_of(path): read_cases(path) for path in cases_files}
    stored = {predictor_of(folder): folder for folder in folders}
    names, chosen_by = side_by_side(study), study.combined()[0][-1]
    found = []
    for dataset in study.datasets:
        cases, own = tables[dataset], {name: stored[dataset, name] for name in names}
        dice = mean_dice(judged_cases(metrics, dataset, cases), study)
        for rank, case in choose({case: values[chosen_by] for case, values in dice.items()}).items():
            whole = middle(dataset, rank, cases[case], sources[dataset], own, dice[case], chosen_by)
            found.append(thinned(cut(whole, any_of(whole.truth.values()))))
    return found


def side_by_side(study: Study) -> list[str]:
    """Return who is shown: all combined predictors (see ``Study.combined``) or, of more than MOST, the first few.

    Then the first ensemble leads, and of a grid whose factors have several choices only members with the middle
    one of the factor with most stay: of three encoders the second, with every architecture and loss.
    """
    groups = study.combined()
    names = list(dict.fromkeys(name for group in groups for name in group))
    if len(names) <= MOST:
        return names
    *members, ensemble = groups[0]
    grid = {name: study.grid[name] for name in members if name in study.grid}
    if grid:
        factor, choices = max(
            ((key, _choices(grid, key)) for key in next(iter(grid.values()))), key=lambda f: len(f[1])
        )
        members = [name for name, chosen in grid.items() if chosen[factor] == choices[len(choices) // 2]]
    return [ensemble, *members][:MOST]


def judged_cases(metrics: pd.DataFrame, dataset: str, cases: Mapping[str, Case]) -> pd.DataFrame:
    """Return what ``results.cases.per_case`` says of the judged part of a dataset with these ``cases``."""
    here = metrics[metrics["dataset"] == dataset]
    phases = {dataset: {name: case.phase for name, case in cases.items()}}
    return per_case(here[here["part"] == judged_part(here)], phases)


def mean_dice(cases: pd.DataFrame, study: Study) -> dict[str, dict[str, float]]:
    """Return Dice by case, then predictor: the mean over the predictor's own labels.

    ``cases`` is one dataset's and part's of ``results.cases.per_case``.
    """
    own = [label in study.labels(name) for name, label in zip(cases["predictor"], cases["label"], strict=True)]
    means = cases[own].groupby(["case", "predictor"])["dice"].mean().unstack("predictor")
    return {str(case): {str(name): float(value) for name, value in row.items()} for case, row in means.iterrows()}


def choose(dice: Mapping[str, float]) -> dict[str, str]:
    """Return the best, median and worst case by ``dice``; of two in the middle the worse, ties by name.

    Cases whose Dice is not a number do not count.
    """
    ranked = sorted((-value, case) for case, value in dice.items() if not np.isnan(value))
    middle = ranked[len(ranked) // 2]
    return dict(zip(RANKS, (case for _, case in (ranked[0], middle, ranked[-1])), strict=True))


def middle(
    dataset: str,
    rank: str,
    case: Case,
    source: Mapping[str, Any],
    folders: Mapping[str, Folder],
    dice: Mapping[str, float],
    chosen_by: str,
) -> Slice:
    """Return the middle slice of the truth in ``case``, whole.

    ``source`` has the dataset's ``reader`` and ``regions``, ``folders`` each predictor's probabilities.
    """
    files = reader(source["reader"])
    mask = files.read_mask(case)
    number = middle_slice(mask > 0)
    predictions = {name: _decided(folder, case.case, number) for name, folder in folders.items()}
    values: Values = with_regions(files.LABELS, source["regions"])
    labels = dict.fromkeys(label for own in predictions.values() for label in own)
    return Slice(
        dataset,
        case.case,
        rank,
        number + 1 if len(mask) > 1 else None,
        case.spacing[:2],
        _picture(files.read_image(case)[:, number]),
        {label: select(mask[number], values[label]) for label in labels},
        predictions,
        dict(dice),
        chosen_by,
    )


def cut(whole: Slice, kept: Mask) -> Slice:
    """Return a slice cut to a margin around ``kept`` (rows, columns)."""
    return _taken(whole, window(kept, whole.spacing))


def thinned(item: Slice) -> Slice:
    """Return a slice of which every n-th row and column stays, so that neither are more than FINEST."""
    step = -(-max(item.image.shape[:2]) // FINEST)
    every = slice(None, None, step)
    rows, columns = item.spacing
    return dataclasses.replace(_taken(item, (every, every)), spacing=(step * rows, step * columns))


def any_of(masks: Iterable[Mask]) -> Mask:
    """Return where one of ``masks``, all of one shape, is true."""
    united: Mask = np.logical_or.reduce(list(masks))
    return united


def middle_slice(truth: Mask) -> int:
    """Return the middle one of the slices with truth (slices, rows, columns); of all where there is none."""
    held = np.flatnonzero(truth.any(axis=(1, 2)))
    return int(held[len(held) // 2]) if len(held) else len(truth) // 2


def window(kept: Mask, spacing: tuple[float, float]) -> tuple[slice, slice]:
    """Return rows and columns of the box around ``kept`` (rows, columns); all where it is empty.

    The margin is MARGIN mm or the share AROUND of what it is around, if that is more.
    """
    rows, columns = (np.flatnonzero(kept.any(axis=1 - axis)) for axis in (0, 1))
    return _extent(rows, MARGIN / spacing[0]), _extent(columns, MARGIN / spacing[1])


def _extent(held: npt.NDArray[np.intp], least: float) -> slice:
    if not len(held):
        return slice(None)
    margin = max(least, AROUND * float(held[-1] + 1 - held[0]))
    return slice(max(int(held[0] - margin), 0), int(held[-1] + margin) + 1)


def _taken(item: Slice, part: tuple[slice, slice]) -> Slice:
    """Return some rows and columns of a slice."""

    def of(masks: Mapping[str, Mask]) -> dict[str, Mask]:
        return {label: mask[part] for label, mask in masks.items()}

    predictions = {name: of(own) for name, own in item.predictions.items()}
    return dataclasses.replace(item, image=item.image[part], truth=of(item.truth), predictions=predictions)


def _choices(grid: Mapping[str, Mapping[str, str]], factor: str) -> list[str]:
    return list(dict.fromkeys(chosen[factor] for chosen in grid.values()))


def _picture(channels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return what is drawn of ``channels`` (channels, rows, columns): the colours of three, else the first."""
    picture: npt.NDArray[np.float32] = channels[0]
    if len(channels) == COLOURS:
        picture = np.moveaxis(channels, 0, -1) / np.float32(WHITE)
    return picture


def _decided(folder: Folder, case: str, number: int) -> dict[str, Mask]:
    labels = probabilities.read_contents(folder).labels
    return {label: mask[number] for label, mask in zip(labels, probabilities.decide(folder, case), strict=True)}
