"""The effects table: what each choice of a factorial grid brings, averaged over all others, on test cases."""

import math
from typing import Any

import pandas as pd

from medley import statistics
from medley.results import factorial
from medley.results.factorial import Contrast, Grid, choices, contrasts, dice_by_training, shown_grid
from medley.results.study import Study
from medley.tables.compare import ENDS, SEED, as_columns

BETTER, WORSE, UNDECIDED = "better", "worse", "undecided"
EFFECT, SEED_DEVIATION = "effect", "seed_deviation"
COMBINATIONS = ("combinations", "combinations_of_grid")
COUNTS = (*COMBINATIONS, "cases", "left_out", "patients", "seeds")
NUMBERS = (*(f"{EFFECT}{end}" for end in ENDS), SEED_DEVIATION)
TEXTS = ("dataset", "factor", "choice", "against", "verdict", "note")
COLUMNS = (*TEXTS[:4], *NUMBERS, "verdict", *COUNTS, "note")
TYPES = {**dict.fromkeys(TEXTS, "str"), **dict.fromkeys(NUMBERS, "float64"), **dict.fromkeys(COUNTS, "Int64")}


def numbers(metrics: pd.DataFrame, study: Study, resamples: int) -> pd.DataFrame:
    """Return one row per dataset, factor of the study's grid and two choices of it, the later against the earlier.

    ``metrics`` holds rows of metrics.csv. ``effect`` is the difference in Dice, choice minus against, paired by case:
    the mean over seeds, the combinations of the other factors that both choices have and test cases, with its 95 %
    interval over patients and trainings (with one seed over patients alone; see ``statistics.crossed_interval``).
    ``verdict`` says whether the interval leaves out 0. ``seed_deviation`` is the standard deviation of the effects of
    single seeds. ``left_out`` counts cases without the Dice of a training that is needed. A factor with one choice,
    or with two that no combination has both of, has a row that says so.
    """
    grid = shown_grid(study)
    rows: list[dict[str, Any]] = []
    for dataset in study.datasets:
        dice = dice_by_training(metrics, study, dataset)
        seeds = len(dice.columns.unique(factorial.SEED))
        for factor, names in choices(grid).items():
            about: dict[str, Any] = {"dataset": dataset, "factor": factor, "seeds": seeds}
            if len(names) == 1:
                rows.append(about | {"choice": names[0], "note": "the only choice"})
                continue
            for contrast in (each for each in contrasts(grid) if each.factor == factor):
                pair = {"choice": contrast.choice, "against": contrast.against}
                rows.append(
                    about
                    | pair
                    | dict(zip(COMBINATIONS, (len(contrast.pairs), _combinations(grid, factor)), strict=True))
                    | (_judged(dice, contrast, resamples) if contrast.pairs else {"note": "no combination has both"})
                )
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(TYPES)


def _combinations(grid: Grid, factor: str) -> int:
    """Return how many combinations the other factors have, whether or not there is a member of each."""
    return math.prod(len(names) for other, names in choices(grid).items() if other != factor)


def _judged(dice: pd.DataFrame, contrast: Contrast, resamples: int) -> dict[str, Any]:
    """Return the main effect with its interval, what follows from it, its deviation over seeds, and counts."""
    members, weights = list(contrast.weights), list(contrast.weights.values())
    values, patients = factorial.complete(dice, members)
    found = statistics.crossed_interval(values, patients, weights, resamples, SEED)
    verdict = BETTER if found.low > 0 else WORSE if found.high < 0 else UNDECIDED
    by_seed = pd.Series(weights @ values.mean(axis=0)) if len(values) else pd.Series(dtype=float)
    counts = {"cases": len(values), "left_out": len(dice) - len(values), "patients": len(set(patients))}
    judged = {"verdict": verdict if len(values) else None, SEED_DEVIATION: by_seed.std()}
    return {**as_columns({EFFECT: found}), **judged, **counts}
