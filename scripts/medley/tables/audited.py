"""The audited table: every metric per predictor, label and phase on the native grid, with intervals.

Averages are taken over cases within a label, then over labels. Intervals come from a bootstrap that
resamples patients.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pandas as pd

from medley.results.cases import ALL, MEAN, METRICS, PART_ORDER, VOLUMES, judged_part, outside_share, per_case
from medley.results.study import Study
from medley.tables.compare import means_with_intervals, minus

NEEDS = {"audited": ("tolerance",)}  # keys of protocols
SIGNED = "volume_difference"  # of opposite signs it would cancel over labels
TO_BEST = "dice_to_best"
COUNTS = ("cases", "patients", "left_out", "one_empty", "seeds", "folds")
MILLIMETRES, PIXELS = "mm", "pixels"
ENDS = ("", "_low", "_high")
NUMBERS = tuple(f"{metric}{end}" for metric in (*METRICS, TO_BEST) for end in ENDS)
TEXTS = ("dataset", "part", "unit", "predictor", "label", "phase", "best", "recipe", "keep", "built_without", "note")
SHARE = "foreground_outside"
COLUMNS = (
    *("dataset", "part", "judged", "unit", "predictor", "label", "phase"),
    *NUMBERS,
    *("best", *COUNTS, "recipe", SHARE, "keep", "built_without", "note"),
)
TYPES = {
    **dict.fromkeys(TEXTS, "str"),
    **dict.fromkeys((*NUMBERS, SHARE), "float64"),
    **dict.fromkeys(COUNTS, "Int64"),
}


def numbers(
    metrics: pd.DataFrame,
    phases: Mapping[str, Mapping[str, str]],
    stores: Mapping[tuple[str, str], Mapping[str, Any]],
    study: Study,
    resamples: int,
    pictures: Collection[str] = (),
) -> pd.DataFrame:
    """Return one row per dataset, part, predictor, label and phase; lengths in ``unit``, volumes in ml.

    ``metrics`` holds rows of ``metrics.csv``, ``phases`` each dataset's cases' phases, ``stores`` the
    indices of the array stores by dataset and recipe. Labels are followed by ``mean`` where a predictor
    has several, phases by ``all``. ``foreground_outside`` is the share of the part's true foreground
    outside the window of the predictor's recipe, ``folds`` the number of folds that networks were trained on.
    A predictor that is not run has a row that says so. The size of the datasets ``pictures`` is not known:
    their lengths are in pixels, and they have no volumes.
    """
    cases = per_case(metrics, phases)
    seeds = metrics["seed"].nunique()
    rows: list[dict[str, Any]] = []
    for dataset in study.datasets:
        here = cases[cases["dataset"] == dataset]
        if dataset in pictures:
            here = here.drop(columns=list(VOLUMES))
        of_all: dict[str, Any] = {
            "dataset": dataset,
            "unit": PIXELS if dataset in pictures else MILLIMETRES,
            "folds": metrics.loc[metrics["dataset"] == dataset, "fold"].nunique(),
        }
        for part in (part for part in PART_ORDER if part in set(here["part"])):
            place = of_all | {"part": part, "judged": int(part == judged_part(here))}
            groups = {str(name): own for name, own in here[here["part"] == part].groupby("predictor")}
            for name in study.predictors:
                about = place | {"predictor": name}
                if name in study.not_run:
                    rows.append(about | {"note": f"not run: {study.not_run[name]}"})
                    continue
                mine = groups[name]
                about |= {"seeds": seeds, **_made(name, study)}
                about[SHARE] = outside_share(stores.get((dataset, about["recipe"])), mine["case"])
                if about["best"]:
                    mine = mine.assign(**{TO_BEST: minus(mine, groups[about["best"]], "dice")})
                for label, phase, selected in _selections(mine, study, name):
                    rows.append(about | {"label": label, "phase": phase} | _judge(selected, label, resamples))
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(TYPES)


def _made(name: str, study: Study) -> dict[str, Any]:
    """Return what a predictor was made of: its recipe, the rules that kept its members' epochs, who is missing,
    and its best.
    """
    return {
        "recipe": study.specification(name)["recipe"],
        "keep": " ".join(sorted({study.members[member]["keep"] for member in study.members_of(name)})),
        "built_without": " ".join(study.built_without(name)),
        "best": _best_like(name, study),
    }


def _best_like(name: str, study: Study) -> str | None:
    """Return the shown ensemble of kind ``best`` with a predictor's labels, None where there is no other."""
    alike = (other for other in study.run if study.kind(other) == "best" and study.labels(other) == study.labels(name))
    found = next(alike, None)
    return None if found == name else found


def _selections(cases: pd.DataFrame, study: Study, name: str) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield (label, phase, its rows of the predictor's ``cases``) in the order of the table."""
    phases = sorted(set(cases["phase"]) - {""})
    groups = [(label, [label]) for label in study.in_order(cases["label"])]
    if len(study.labels(name)) > 1:
        groups.append((MEAN, study.labels(name)))
    for label, labels in groups:
        of_label = cases[cases["label"].isin(labels)]
        for phase in phases:
            yield label, phase, of_label[of_label["phase"] == phase]
        yield label, ALL, of_label


def _judge(cases: pd.DataFrame, label: str, resamples: int) -> dict[str, Any]:
    """Return the counts of the ``cases`` of a label and every metric they have, with its interval."""
    row: dict[str, Any] = {
        "cases": cases["case"].nunique(),
        "patients": cases["patient"].nunique(),
        "left_out": cases["left_out"].sum(),
        "one_empty": cases["one_empty"].sum(),
    }
    columns = [metric for metric in (*METRICS, TO_BEST) if metric in cases and (label, metric) != (MEAN, SIGNED)]
    for metric, found in means_with_intervals(cases, columns, resamples).items():
        row |= {f"{metric}{end}": number for end, number in zip(ENDS, found, strict=True)}
    return row
