"""The table of Dice and Hausdorff distance by class, view and phase: what was published beside what came out.

Published are numbers of one network; they are held against every predictor shown.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from medley.cases import Case
from medley.results.cases import MEAN, judged_part, per_case
from medley.results.read import published_value
from medley.results.study import Study
from medley.tables.compare import ENDS, as_columns, means_with_intervals

AUTHORS = "generic_unet"  # what published.csv calls their one network
PUBLISHED_AS = {"dice": "dice", "hd": "hausdorff"}  # the metric in metrics.csv → in published.csv
MEASURED = tuple(PUBLISHED_AS)
METRICS = (*MEASURED, "precision", "recall")  # of metrics.csv; the last two tell where one mask is empty
NUMBERS = tuple(
    f"{metric}{what}" for metric in MEASURED for what in (*ENDS, "_published", *(f"_difference{end}" for end in ENDS))
)
COUNTS = ("cases", "patients", "left_out", "one_empty", "seeds")
TEXTS = ("dataset", "view", "part", "label", "predictor", "phase", "built_without", "note")
COLUMNS = (*TEXTS[:6], *NUMBERS, *COUNTS, *TEXTS[6:])
TYPES = {**dict.fromkeys(TEXTS, "str"), **dict.fromkeys(NUMBERS, "float64"), **dict.fromkeys(COUNTS, "Int64")}


def numbers(
    metrics: pd.DataFrame,
    cases: Mapping[str, Mapping[str, Case]],
    published: pd.DataFrame,
    study: Study,
    resamples: int,
) -> pd.DataFrame:
    """Return one row per dataset, view, label, predictor and phase, then ``mean``: over phases, as the authors' is.

    ``metrics`` and ``published`` are rows of these files. Judged is the test part where there is one, else the cases
    out of fold. Distances are in mm, intervals over patients. A difference is ours minus published: its interval is
    that of ours, and phantoms have none. A predictor that is not run has a row for each view and label. Raises
    InputError where a number was published twice.
    """
    phases = {dataset: {name: case.phase for name, case in own.items()} for dataset, own in cases.items()}
    found, seeds = per_case(metrics, phases), metrics["seed"].nunique()
    labels = study.in_order(label for name in study.run for label in study.labels(name))
    rows: list[dict[str, Any]] = []
    for dataset in study.datasets:
        here = found[found["dataset"] == dataset]
        part = judged_part(here)
        here = here[here["part"] == part]
        views = pd.Series([cases[dataset][name].view for name in here["case"]], here.index, dtype="str")
        for view, label in itertools.product(sorted(set(views)), labels):
            about = {"dataset": dataset, "view": view, "part": part, "label": label, "seeds": seeds}
            own = here[(views == view) & (here["label"] == label)]
            said = {phase: _published(published, view, phase, label) for phase in (*set(own["phase"]), MEAN)}
            rows += [about | row for row in _predictors(own, said, study, dataset in study.phantoms, resamples)]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(TYPES)


def _predictors(
    cases: pd.DataFrame, said: Mapping[str, dict[str, float]], study: Study, made_up: bool, resamples: int
) -> Iterator[dict[str, Any]]:
    """Yield a row per predictor and phase of the ``cases`` of one label; ``said`` is what was published of a phase."""
    for name in study.predictors:
        about: dict[str, Any] = {"predictor": name}
        if name in study.not_run:
            yield about | {"note": f"not run: {study.not_run[name]}"}
            continue
        about["built_without"] = " ".join(study.built_without(name))
        for row in _phases(cases[cases["predictor"] == name], resamples):
            theirs = said[row["phase"]]
            yield about | row | theirs | ({} if made_up else _differences(row, theirs))


def _published(published: pd.DataFrame, view: str, phase: str, label: str) -> dict[str, float]:
    """Return the published Dice and distance (mm) of a label in a view and phase, not a number where there is none."""
    own = published[(published["subset"] == f"{view}/{phase}") & (published["label"] == label)]
    return {f"{ours}_published": published_value(own, AUTHORS, theirs) for ours, theirs in PUBLISHED_AS.items()}


def _phases(cases: pd.DataFrame, resamples: int) -> Iterator[dict[str, Any]]:
    """Yield means, intervals and counts of the ``cases`` of one predictor and label: by phase, then over phases."""
    for phase in (*sorted(set(cases["phase"])), MEAN):
        own = cases if phase == MEAN else cases[cases["phase"] == phase]
        counts = {"cases": own["case"].nunique(), "patients": own["patient"].nunique()}
        counts |= {key: own[key].sum() for key in ("left_out", "one_empty")}
        # Phases stand in the place of labels: the mean is over cases within a phase, then over phases.
        found = means_with_intervals(own.assign(label=own["phase"]), MEASURED, resamples)
        yield {"phase": phase} | counts | as_columns(found)


def _differences(ours: Mapping[str, Any], published: Mapping[str, float]) -> dict[str, float]:
    """Return ours minus published, and the ends of our interval minus published."""
    return {
        f"{metric}_difference{end}": ours[f"{metric}{end}"] - published[f"{metric}_published"]
        for metric in MEASURED
        for end in ENDS
    }
