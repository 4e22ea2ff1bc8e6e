"""The audited table: every metric per predictor, label and phase on the native grid, with intervals.

Averages are taken over cases within a label, then over labels. Intervals come from a bootstrap that
resamples patients.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from medley.tables.compare import mean_with_interval, minus
from medley.tables.read import PARTS, judged_part
from medley.tables.study import Study

METRICS = ("dice", "iou", "hd", "hd95", "assd", "nsd", "precision", "recall", "volume_difference")
MEAN = "mean"  # in the place of a label: the average over the predictor's own labels
ALL = "all"  # in the place of a phase: every case
TO_BEST = "dice_to_best"
COUNTS = ("cases", "patients", "left_out", "one_empty", "seeds")
ENDS = ("", "_low", "_high")
NUMBERS = tuple(f"{metric}{end}" for metric in (*METRICS, TO_BEST) for end in ENDS)
COLUMNS = (
    *("dataset", "part", "judged", "predictor", "label", "phase"),
    *NUMBERS,
    *("best", *COUNTS, "foreground_outside", "keep", "built_without", "note"),
)
KEYS = ["dataset", "part", "predictor", "label", "case", "patient"]


def numbers(
    metrics: pd.DataFrame,
    phases: Mapping[str, Mapping[str, str]],
    outside: Mapping[tuple[str, str], float],
    study: Study,
    resamples: int,
) -> pd.DataFrame:
    """Return one row per dataset, part, predictor, label and phase; lengths in mm, volumes in ml.

    ``metrics`` holds rows of ``metrics.csv``, ``phases`` each dataset's cases' phases, ``outside`` the
    share of the true foreground outside the window of (dataset, recipe). Labels are followed by
    ``mean`` where a predictor has several, phases by ``all``. A predictor that is not run has a row
    that says so.
    """
    cases = per_case(metrics, phases)
    seeds = metrics["seed"].nunique()
    rows: list[dict[str, Any]] = []
    for dataset in study.datasets:
        here = cases[cases["dataset"] == dataset]
        for part in (part for part in PARTS if part in set(here["part"])):
            place: dict[str, Any] = {"dataset": dataset, "part": part, "judged": int(part == judged_part(here))}
            groups = {str(name): own for name, own in here[here["part"] == part].groupby("predictor")}
            for name in study.predictors:
                about = place | {"predictor": name}
                if name in study.not_run:
                    rows.append(about | {"note": f"not run: {study.not_run[name]}"})
                    continue
                recipe = study.specification(name)["recipe"]
                about |= {"seeds": seeds, "foreground_outside": outside.get((dataset, recipe)), **_made(name, study)}
                mine = groups[name]
                if about["best"]:
                    mine = mine.assign(**{TO_BEST: minus(mine, groups[about["best"]], "dice")})
                for label, phase, selected in _selections(mine, study, name):
                    rows.append(about | {"label": label, "phase": phase} | _judge(selected, resamples))
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    types = {**dict.fromkeys((*NUMBERS, "foreground_outside"), "float64"), **dict.fromkeys(COUNTS, "Int64")}
    return frame.astype(types)


def per_case(metrics: pd.DataFrame, phases: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """Return one row per dataset, part, predictor, label and case with every native metric, averaged over seeds.

    ``left_out`` and ``one_empty`` count the predictions, over seeds, where both masks, or one of
    them, are empty.
    """
    native = metrics[metrics["convention"] == "native"]
    wide = native.set_index([*KEYS, "seed", "metric"])["value"].unstack("metric").reindex(columns=list(METRICS))
    known = wide["dice"].notna()
    # With one mask empty, either precision or recall has nothing to divide by.
    wide["one_empty"] = known & (wide["precision"].isna() ^ wide["recall"].isna())
    wide["left_out"] = ~known
    how = {**dict.fromkeys(METRICS, "mean"), "left_out": "sum", "one_empty": "sum"}
    cases = wide.groupby(level=KEYS, sort=True).agg(how).reset_index()
    pairs = zip(cases["dataset"], cases["case"], strict=True)
    return cases.assign(phase=[phases[dataset][case] for dataset, case in pairs])


def _made(name: str, study: Study) -> dict[str, Any]:
    """Return what a predictor was made of: the rules that kept its members' epochs, who is missing, and its best."""
    return {
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


def _judge(cases: pd.DataFrame, resamples: int) -> dict[str, Any]:
    """Return the counts of ``cases`` and every metric they have, with its interval."""
    row: dict[str, Any] = {
        "cases": cases["case"].nunique(),
        "patients": cases["patient"].nunique(),
        "left_out": cases["left_out"].sum(),
        "one_empty": cases["one_empty"].sum(),
    }
    for metric in (*METRICS, TO_BEST):
        if metric in cases:
            value = mean_with_interval(cases, metric, resamples)
            row |= {f"{metric}{end}": number for end, number in zip(ENDS, value, strict=True)}
    return row
