"""A grid of members as a factorial experiment: Dice of each training, members that differ in one choice, ranks."""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from medley.errors import InputError
from medley.results.study import Study
from medley.splits import TEST
from medley.statistics import crossed_means

CASE, PATIENT = INDEX = ("case", "patient")
PREDICTOR, SEED = TRAINING = ("predictor", "seed")

Grid = Mapping[str, Mapping[str, str]]  # member → factor → name of its choice


class Contrast(NamedTuple):
    """Two choices of one factor, and the members that differ in nothing else."""

    factor: str  # architecture, encoder, loss …
    choice: str
    against: str
    pairs: Sequence[tuple[str, str]]  # (member with choice, member with against), one each combination of the others

    @property
    def weights(self) -> dict[str, float]:
        """Return the members of the pairs with what each counts in the main effect: the mean of choice minus against.

        Empty where there are no pairs.
        """
        share = 1 / max(len(self.pairs), 1)
        of_choice = {member: share for member, _ in self.pairs}
        return of_choice | {member: -share for _, member in self.pairs}


def shown_grid(study: Study) -> dict[str, Mapping[str, str]]:
    """Return the members of a study's grid that are shown and run, in shown order, each with its choices.

    Raises InputError where there are none.
    """
    found = {name: study.grid[name] for name in study.run if name in study.grid}
    if not found:
        raise InputError(
            f"studies.{study.name}: none of the predictors shown is a member of a grid that runs; "
            "this table or figure needs some"
        )
    return found


def dice_by_case(metrics: pd.DataFrame, study: Study, dataset: str, part: str = TEST) -> pd.DataFrame:
    """Return the Dice of ``shown_grid``'s members (columns, in its order) on the cases (rows) of a dataset's part.

    ``metrics`` holds rows of metrics.csv. Rows are sorted and indexed by case and patient. On the native grid; a
    member's mean over its own labels and all seeds; not a number where both masks are empty, or where the member has
    no such case.
    """
    rows = _rows(metrics, study, dataset, part)
    means = rows.groupby([*INDEX, PREDICTOR], sort=True)["value"].mean()
    return means.unstack(PREDICTOR).reindex(columns=list(shown_grid(study)))


def dice_by_training(metrics: pd.DataFrame, study: Study, dataset: str, part: str = TEST) -> pd.DataFrame:
    """Return ``dice_by_case`` with a column for each member and seed, by member in its order, then by seed.

    Seeds are those of the members on whatever dataset. Not a number also where a member has no such case of one seed.
    """
    members = list(shown_grid(study))
    seeds = sorted(metrics.loc[metrics[PREDICTOR].isin(members), SEED].unique())
    columns = pd.MultiIndex.from_product([members, seeds], names=TRAINING)
    means = _rows(metrics, study, dataset, part).groupby([*INDEX, *TRAINING], sort=True)["value"].mean()
    return means.unstack(list(TRAINING)).reindex(columns=columns)


def complete(dice: pd.DataFrame, members: Sequence[str]) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Return the Dice (cases, members, seeds) of ``members`` and, one each a case, the patients.

    ``dice`` is that of ``dice_by_training``. Only cases of which every training of every one of ``members`` has a Dice.
    """
    columns = pd.MultiIndex.from_product([members, dice.columns.unique(SEED)], names=TRAINING)
    whole = dice.reindex(columns=columns).dropna()
    values = whole.to_numpy(dtype=np.float64).reshape(len(whole), *columns.levshape)
    return values, whole.index.get_level_values(PATIENT).tolist()


def _rows(metrics: pd.DataFrame, study: Study, dataset: str, part: str) -> pd.DataFrame:
    """Return the rows with the native Dice of ``shown_grid``'s members for their own labels."""
    rows = metrics[
        (metrics["dataset"] == dataset)
        & (metrics["part"] == part)
        & (metrics["convention"] == "native")
        & (metrics["metric"] == "dice")
        & metrics[PREDICTOR].isin(list(shown_grid(study)))
    ]
    own = [label in study.labels(name) for name, label in zip(rows[PREDICTOR], rows["label"], strict=True)]
    return rows[pd.Series(own, rows.index, dtype=bool)]


def choices(grid: Grid) -> dict[str, list[str]]:
    """Return the choices that the members of ``grid`` have of each factor, in the order in which they come."""
    found: dict[str, dict[str, None]] = {}
    for chosen in grid.values():
        for factor, choice in chosen.items():
            found.setdefault(factor, {})[choice] = None
    return {factor: list(names) for factor, names in found.items()}


def contrasts(grid: Grid) -> list[Contrast]:
    """Return every two choices of every factor, the later against the earlier, with their members.

    Only combinations of the other factors' choices for which ``grid`` has a member of both; maybe none.
    """
    members = {frozenset(chosen.items()): name for name, chosen in grid.items()}
    found = []
    for factor, names in choices(grid).items():
        for against, choice in itertools.combinations(names, 2):
            others = {
                name: members.get(frozenset({**chosen, factor: against}.items()))
                for name, chosen in grid.items()
                if chosen[factor] == choice
            }
            pairs = [(name, other) for name, other in others.items() if other is not None]
            found.append(Contrast(factor, choice, against, pairs))
    return found


def ranks(dice: pd.DataFrame, resamples: int, seed: int) -> pd.DataFrame:
    """Return the rank of each member's mean Dice (columns) in each resample (rows); 1 is the highest.

    ``dice`` is that of ``dice_by_training``; a case that lacks a training's Dice is left out for all. A resample draws
    patients, the same for all members, and each member's trainings (see ``statistics.crossed_means``). Members
    with equal means share the mean of their ranks, so that the ranks of a resample always have the same sum.
    Not a number where no case remains.
    """
    members = list(dice.columns.unique(PREDICTOR))
    means = pd.DataFrame(crossed_means(*complete(dice, members), resamples, seed), columns=members)
    # Equal members must tie, whatever the order in which a product was summed.
    return means.round(12).rank(axis=1, ascending=False, method="average")
