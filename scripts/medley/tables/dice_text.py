"""How the Dice table is printed: one view and notes."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from medley.cases import Case
from medley.results.slices import Folds, held_out, with_organs
from medley.results.study import Study
from medley.tables.dice import TO_EMPTY
from medley.tables.slices_text import FEW, INTERVALS, seeds, value
from medley.tables.write import MISSING, Table, View, count, notes_of, number, records, title


def table(
    frame: pd.DataFrame,
    cases: Mapping[str, Mapping[str, Case]],
    splits: Mapping[str, Folds],
    study: Study,
    epsilon: float,
) -> Table:
    """Return what is printed of ``frame`` (see ``dice.numbers``).

    ``cases`` and ``splits`` are each dataset's cases and their parts, ``epsilon`` is that of the reported Dice.
    """
    cells = pd.DataFrame([_cells(row, study.phantoms) for row in records(frame)])
    view = View.over_datasets("", cells, text=1)
    notes = (
        *_conventions(frame, epsilon),
        *_comparisons(study),
        *_optimism(study),
        *(note for dataset in study.datasets for note in _where(dataset, cases[dataset], splits[dataset])),
        f"{INTERVALS}; {FEW}.",
        *notes_of(study),
        f"{seeds(frame)}.",
    )
    return Table(title("Dice as reported", study), frame, (view,), notes)


def _cells(row: Mapping[str, Any], phantoms: Sequence[str]) -> dict[str, str]:
    """Return a row as text; ↓ marks what lies below the all-empty prediction on the same kind of data."""

    def below(dice: float, part: str) -> str:
        return " ↓" if dice < row[f"{part}_empty"] else ""

    def reproduced(part: str) -> str:
        return value(row, part) + below(row[part], part)

    published = number(row["published"], 4)
    if row["published_on"]:
        mark = "" if row["dataset"] in phantoms else below(row["published"], row["published_on"])
        published += f" ({row['published_on']}){mark}"
    return {
        "dataset": row["dataset"],
        "predictor": row["predictor"],
        "published": published,
        "validation": row["note"] or reproduced("validation"),
        "test": reproduced("test"),
        "difference": number(row["difference"], 3, signed=True),
        "test, to all-empty": value(row, TO_EMPTY, signed=True),
        "slices": count(row["test_slices"]),
        "patients": count(row["test_patients"]),
        "built without": row["built_without"] or MISSING,
    }


def _conventions(frame: pd.DataFrame, epsilon: float) -> tuple[str, ...]:
    recipes = ", ".join(sorted(set(frame["recipe"].dropna()) - {""}))
    return (
        f"Dice of a slice and an organ, as the authors count it: (2 × intersection + {epsilon:g}) / (sum of both areas "
        f"+ {epsilon:g}), so 1 where truth and prediction are both empty; decided at a probability of 0.5. Mean over "
        "slices, then over organs.",
        f"On the recipe's grid ({recipes}), not on the native one: decisions are resampled to it, a round trip that is "
        "part of the number. Slices and patients: of the test part.",
    )


def _comparisons(study: Study) -> tuple[str, ...]:
    line = f", the row {study.background}" if study.background else ""
    return (
        "Published: the authors' Dice, in parentheses the part it is of; that they split slices, not patients, is "
        "inferred. Difference: reproduced minus published on that part; none on phantoms and for an ensemble built "
        "without a member, since these are not what was published.",
        f"Test, to all-empty: minus the Dice of predicting no organ anywhere{line}, paired by slice. "
        "↓ lies below it on the same part (published numbers are not held against it on phantoms).",
    )


def _optimism(study: Study) -> list[str]:
    """Return a note on what was chosen on the validation slices, where anything was."""
    members = {member for name in study.run for member in study.members_of(name)}
    rules = sorted({study.members[member]["keep"] for member in members} - {"last"})
    chosen = [f"each member's epoch ({', '.join(rules)})"] if rules else []
    chosen += [f"the member that {name} takes" for name in study.run if study.kind(name) == "best"]
    if not chosen:
        return []
    return [f"Validation chose {' and '.join(chosen)}, so numbers on it are optimistic; the test part chose nothing."]


def _where(dataset: str, cases: Mapping[str, Case], folds: Folds) -> list[str]:
    """Return what the split leaves out, and whom its test part shares with its training part."""
    without = cases.keys() - with_organs(cases)
    used = {name for parts in folds.values() for names in parts.values() for name in names}
    inside = len(without & used)
    share = f"of these {count(inside)} in a part of this split" if inside else "none of them in any part of this split"
    notes = [f"{dataset}: {count(len(without))} of {count(len(cases))} slices hold no organ; {share}."]
    test = held_out(cases, folds)
    if test.shared_patients:
        notes.append(
            f"{dataset}: patients with slices in the test part: {count(test.patients)}, of these with slices in the "
            f"training part as well: {count(test.shared_patients)}; so neighbouring slices of a scan lie on both sides "
            "(see the table leakage)."
        )
    return notes
