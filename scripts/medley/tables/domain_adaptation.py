"""The domain adaptation table: augmentation and adversary, alone and together, on test cases of unseen vendors.

A vendor is unseen where a network had none of its cases for training and validation.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from medley import registry
from medley.errors import InputError
from medley.results.slices import labels_and_mean
from medley.results.study import Study
from medley.results.vendors import EACH, minus, vendors_of
from medley.tables.compare import ENDS, as_columns, means_with_intervals
from medley.tables.effects import BETTER, UNDECIDED, WORSE

ADVERSARY, AUGMENTATION = "adversary", "augmentation"  # keys of members
TO_PLAIN, HD_TO_PLAIN, BY_ADVERSARY = "dice_to_plain", "hd_to_plain", "dice_by_adversary"
MEASURED = ("dice", "hd", TO_PLAIN, HD_TO_PLAIN, BY_ADVERSARY)
VERDICTS = {TO_PLAIN: "verdict", BY_ADVERSARY: "verdict_on_adversary"}
PAIRED = ("dataset", "without", "label", "case")
NUMBERS = (ADVERSARY, *(f"{value}{end}" for value in MEASURED for end in ENDS))
COUNTS = ("cases", "patients", "left_out", "one_empty", "seeds")
ABOUT = ("dataset", "predictor", AUGMENTATION, "without", "label", "plain", "without_adversary")
TEXTS = (*ABOUT, *VERDICTS.values(), "note")
COLUMNS = (*ABOUT, *NUMBERS, *VERDICTS.values(), *COUNTS, "note")
TYPES = {**dict.fromkeys(TEXTS, "str"), **dict.fromkeys(NUMBERS, "float64"), **dict.fromkeys(COUNTS, "Int64")}


def numbers(frame: pd.DataFrame, study: Study, seeds: int, resamples: int) -> pd.DataFrame:
    """Return one row per dataset, predictor, vendor trained without (then each: all together) and label.

    ``frame`` is what ``results.vendors.by_case`` returns; only cases of vendors unseen count. Distances are in mm,
    intervals over patients. ``dice_to_plain`` and ``hd_to_plain`` are minus those of the member without augmentation
    and adversary, ``dice_by_adversary`` minus the Dice of the member ``without_adversary``, that differs in nothing
    else, paired by case; verdicts say whether such an interval leaves out 0. A predictor that is not run has a row
    that says so. Raises InputError where no plain member is shown.
    """
    unseen = frame[~frame["vendor_seen"]]
    plain = plain_member(study)
    rows: list[dict[str, Any]] = []
    for dataset in study.datasets:
        here = unseen[unseen["dataset"] == dataset]
        for name in study.predictors:
            about: dict[str, Any] = {"dataset": dataset, "predictor": name}
            if name in study.not_run:
                rows.append(about | {"note": f"not run: {study.not_run[name]}"})
                continue
            about |= {"seeds": seeds} | _made(study.specification(name))
            compared = _compared(here, name, {TO_PLAIN: plain, BY_ADVERSARY: without_adversary(study, name)})
            about |= {"plain": plain if name != plain else None, "without_adversary": without_adversary(study, name)}
            for without in (*vendors_of(here, dataset), EACH):
                chosen = compared if without == EACH else compared[compared["without"] == without]
                for label, labels in labels_and_mean(study, name):
                    own = chosen[chosen["label"].isin(labels)]
                    rows.append(about | {"without": without, "label": label} | _judge(own, resamples))
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(TYPES)


def plain_member(study: Study) -> str:
    """Return the first shown member that has neither augmentation nor adversary."""
    for name in study.run:
        if study.kind(name) == "member" and not {ADVERSARY, AUGMENTATION} & study.members[name].keys():
            return name
    raise InputError(
        f"studies.{study.name}: domain_adaptation compares with a member without augmentation and adversary, and no "
        "protocol whose split leaves a vendor out shows one that runs; add it, or take the table out of `tables`"
    )


def without_adversary(study: Study, name: str) -> str | None:
    """Return the shown member that differs from ``name`` in having no adversary, None where there is none."""
    own = study.specification(name)
    if ADVERSARY in own:
        wanted = {key: value for key, value in own.items() if key != ADVERSARY}
        return next((other for other in study.run if study.specification(other) == wanted), None)
    return None


def _made(specification: Mapping[str, Any]) -> dict[str, Any]:
    """Return a predictor's augmentation by name and its adversary's weight."""
    augmentation = specification.get(AUGMENTATION)
    name = registry.name_and_options(augmentation)[0] if augmentation else None
    return {AUGMENTATION: name, ADVERSARY: specification.get(ADVERSARY)}


def _compared(cases: pd.DataFrame, name: str, others: Mapping[str, str | None]) -> pd.DataFrame:
    """Return the rows of ``name`` with its differences in Dice to ``others``, and in HD to the plain member.

    Not a number to itself and to none.
    """
    own = cases[cases["predictor"] == name]
    references = {column: cases[(cases["predictor"] == other) & (other != name)] for column, other in others.items()}
    differences = {column: minus(own, theirs, "dice", PAIRED) for column, theirs in references.items()}
    return own.assign(**differences, **{HD_TO_PLAIN: minus(own, references[TO_PLAIN], "hd", PAIRED)})


def _judge(cases: pd.DataFrame, resamples: int) -> dict[str, Any]:
    """Return means of ``cases`` with their intervals, what follows from these, and counts."""
    row: dict[str, Any] = {key: cases[key].sum() for key in ("left_out", "one_empty")}
    row |= {"cases": cases["case"].nunique(), "patients": cases["patient"].nunique()}
    found = means_with_intervals(cases, MEASURED, resamples)
    for column, verdict in VERDICTS.items():
        mean, low, high = found[column]
        row[verdict] = None if pd.isna(mean) else BETTER if low > 0 else WORSE if high < 0 else UNDECIDED
    return row | as_columns(found)
