"""The function table: how predicted volumes, ejection fractions and myocardial mass agree with the true ones."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from medley.agreement import NAMES, agreement
from medley.cases import Case
from medley.results import function
from medley.results.cases import judged_part
from medley.results.function import REASONS
from medley.results.study import Study
from medley.tables.compare import ENDS, SEED, as_columns

NUMBERS = ("true", "predicted", *(f"{name}{end}" for name in NAMES for end in ENDS))
MISSING = {reason: reason.replace(" ", "_") for reason in REASONS}  # reason → its column
COUNTS = ("patients", *MISSING.values(), "seeds")
TEXTS = ("dataset", "part", "predictor", "quantity", "unit")
COLUMNS = (*TEXTS, *NUMBERS, *COUNTS)
TYPES = {**dict.fromkeys(TEXTS, "str"), **dict.fromkeys(NUMBERS, "float64"), **dict.fromkeys(COUNTS, "Int64")}


def numbers(
    metrics: pd.DataFrame, cases: Mapping[str, Mapping[str, Case]], study: Study, resamples: int
) -> pd.DataFrame:
    """Return one row per dataset, predictor that runs (but the all-background one) and quantity, of the judged part.

    ``metrics`` holds rows of metrics.csv. ``true`` and ``predicted`` are means over the ``patients`` that have both;
    the columns of MISSING count why others have not, over seeds. What several seeds predict of a patient stands side
    by side, not averaged: limits of agreement are those of one network. Raises InputError as ``per_patient`` does.
    """
    read = function.per_patient(metrics, cases, study)
    rows: list[dict[str, Any]] = []
    for dataset in study.datasets:
        own = read[read["dataset"] == dataset]
        part = judged_part(own)
        for name in (name for name in study.run if name != study.background):
            mine = own[(own["part"] == part) & (own["predictor"] == name)]
            for quantity in function.in_order(mine["quantity"]):
                of = mine[mine["quantity"] == quantity]
                about = {"dataset": dataset, "part": part, "predictor": name, "quantity": quantity}
                rows.append(about | {"unit": of["unit"].iloc[0]} | judge(of, resamples))
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(TYPES)


def judge(read: pd.DataFrame, resamples: int) -> dict[str, Any]:
    """Return the agreement of one quantity of one predictor, and counts; ``read`` holds rows of ``per_patient``."""
    known = read[read["missing"] == ""]
    found = agreement(known["true"], known["predicted"], known["patient"].tolist(), resamples, SEED)
    return {
        "true": known["true"].mean(),
        "predicted": known["predicted"].mean(),
        "patients": known["patient"].nunique(),
        "seeds": read["seed"].nunique(),
        **{column: (read["missing"] == reason).sum() for reason, column in MISSING.items()},
        **as_columns(found),
    }
