"""The effects table: what each choice of a factorial grid brings, averaged over all others, on test cases."""

import math
from typing import Any

import pandas as pd

from medley import statistics
from medley.results.factorial import PATIENT, Grid, choices, contrasts, dice_by_case, main_effect, shown_grid
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
    the mean over the combinations of the other factors that both choices have, then over test cases, with its 95 %
    interval over patients; seeds are averaged first. ``verdict`` says whether the interval leaves out 0.
    ``seed_deviation`` is the standard deviation of the effects of single seeds. ``left_out`` counts cases without
    the Dice of a member that is needed. A factor with one choice has a row that says so.
    """
    grid = shown_grid(study)
    rows: list[dict[str, Any]] = []
    for dataset in study.datasets:
        cases = dice_by_case(metrics, study, dataset)
        by_seed = [dice_by_case(own, study, dataset) for _, own in metrics.groupby("seed")]
        for factor, names in choices(grid).items():
            about: dict[str, Any] = {"dataset": dataset, "factor": factor, "seeds": len(by_seed)}
            if len(names) == 1:
                rows.append(about | {"choice": names[0], "note": "the only choice"})
                continue
            for contrast in (each for each in contrasts(grid) if each.factor == factor):
                pair = {"choice": contrast.choice, "against": contrast.against}
                effects = [main_effect(own, contrast).mean() for own in by_seed]
                rows.append(
                    about
                    | pair
                    | dict(zip(COMBINATIONS, (len(contrast.pairs), _combinations(grid, factor)), strict=True))
                    | _judged(main_effect(cases, contrast), resamples)
                    | {SEED_DEVIATION: pd.Series(effects).std()}
                    | ({} if contrast.pairs else {"note": "no combination has both"})
                )
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(TYPES)


def _combinations(grid: Grid, factor: str) -> int:
    """Return how many combinations the other factors have, whether or not there is a member of each."""
    return math.prod(len(names) for other, names in choices(grid).items() if other != factor)


def _judged(effects: "pd.Series[float]", resamples: int) -> dict[str, Any]:
    """Return the mean of the ``effects`` by case with its interval, what follows from it, and counts."""
    known = effects.dropna()
    patients = known.index.get_level_values(PATIENT).tolist()
    [found] = statistics.intervals(known.to_numpy()[:, None], patients, [EFFECT] * len(known), resamples, SEED)
    verdict = BETTER if found.low > 0 else WORSE if found.high < 0 else UNDECIDED
    counts = {"cases": len(known), "left_out": len(effects) - len(known), "patients": len(set(patients))}
    return {**as_columns({EFFECT: found}), "verdict": verdict if len(known) else None, **counts}
