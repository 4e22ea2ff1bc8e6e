"""A grid of members as a factorial experiment: Dice by case and member, members that differ in one choice, ranks."""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from medley.errors import InputError
from medley.results.study import Study
from medley.splits import TEST
from medley.statistics import patient_draws

CASE, PATIENT = INDEX = ("case", "patient")

Grid = Mapping[str, Mapping[str, str]]  # member → factor → name of its choice


class Contrast(NamedTuple):
    """Two choices of one factor, and the members that differ in nothing else."""

    factor: str  # architecture, encoder, loss …
    choice: str
    against: str
    pairs: Sequence[tuple[str, str]]  # (member with choice, member with against), one each combination of the others


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

    ``metrics`` holds rows of metrics.csv; of one seed alone it gives the Dice of that seed, of several their
    mean. Rows are sorted and indexed by case and patient. On the native grid; a member's mean over its own
    labels; not a number where both masks are empty, or where the member has no such case.
    """
    names = list(shown_grid(study))
    rows = metrics[
        (metrics["dataset"] == dataset)
        & (metrics["part"] == part)
        & (metrics["convention"] == "native")
        & (metrics["metric"] == "dice")
        & metrics["predictor"].isin(names)
    ]
    own = [label in study.labels(name) for name, label in zip(rows["predictor"], rows["label"], strict=True)]
    means = rows[pd.Series(own, rows.index, dtype=bool)].groupby([*INDEX, "predictor"], sort=True)["value"].mean()
    return means.unstack("predictor").reindex(columns=names)


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


def main_effect(cases: pd.DataFrame, contrast: Contrast) -> "pd.Series[float]":
    """Return, for each of ``cases`` (see ``dice_by_case``), the mean over the pairs of choice minus against.

    Not a number for a case that lacks the Dice of one of their members, and where there are no pairs.
    """
    differences = [cases[member] - cases[other] for member, other in contrast.pairs]
    if not differences:
        return pd.Series(float("nan"), index=cases.index)
    return pd.concat(differences, axis=1).mean(axis=1, skipna=False)


def ranks(cases: pd.DataFrame, resamples: int, seed: int) -> pd.DataFrame:
    """Return the rank of each member's mean Dice (columns, as in ``cases``) in each resample (rows); 1 is the highest.

    ``cases`` are those of ``dice_by_case``; a case that lacks a member's Dice is left out for all. Each resample
    draws as many patients as there are, with replacement, the same for all members, with all their cases. Members
    with equal means share the mean of their ranks, so that the ranks of a resample always have the same sum.
    Not a number where no case remains.
    """
    whole = cases.dropna()
    if whole.empty:
        return pd.DataFrame(float("nan"), index=range(resamples), columns=cases.columns)
    patients = whole.groupby(level=PATIENT, sort=True)
    sums, counts = patients.sum(), patients.size()
    draws = patient_draws(len(counts), resamples, seed)
    means = pd.DataFrame(draws @ sums.to_numpy(), columns=cases.columns).div(draws @ counts.to_numpy(), axis=0)
    # Equal members must tie, whatever the order in which a product was summed.
    return means.round(12).rank(axis=1, ascending=False, method="average")
