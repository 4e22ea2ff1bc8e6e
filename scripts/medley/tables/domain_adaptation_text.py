"""How the domain adaptation table is printed: a view of all unseen vendors, one of each, and what it says in words."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from medley.results.study import Study
from medley.results.vendors import EACH
from medley.tables.compare import ENDS
from medley.tables.domain_adaptation import ADVERSARY, BY_ADVERSARY, HD_TO_PLAIN, TO_PLAIN, VERDICTS, plain_member
from medley.tables.effects import BETTER, WORSE
from medley.tables.slices_text import FEW
from medley.tables.write import MISSING, Table, View, count, notes_of, records, title, with_interval

DIGITS = {"hd": 1, HD_TO_PLAIN: 1}  # of all others 3
SIGNED = (TO_PLAIN, HD_TO_PLAIN, BY_ADVERSARY)


def table(frame: pd.DataFrame, study: Study) -> Table:
    """Return what is printed of ``frame`` (see ``domain_adaptation.numbers``): means over labels."""
    last = frame.groupby(["dataset", "predictor", "without"], sort=False, dropna=False).tail(1)
    together = last[last["without"].isna() | (last["without"] == EACH)]
    one_by_one = last[last["without"].notna() & (last["without"] != EACH)]
    views = [View.over_datasets("All unseen vendors", pd.DataFrame([_cells(row) for row in records(together)]), 2)]
    cells = [_names(row) | {"without": row["without"]} | _values(row) for row in records(one_by_one)]
    views.append(View.over_datasets("One by one", pd.DataFrame(cells), 2))
    return Table(
        title("domain adaptation on unseen vendors", study), frame, tuple(views), _notes(frame, together, study)
    )


def sentences(frame: pd.DataFrame) -> list[str]:
    """Return what ``frame`` says of each dataset in a sentence: of all unseen vendors, the mean over labels."""
    together = frame[frame["without"] == EACH].groupby(["dataset", "predictor"], sort=False).tail(1)
    return [_sentence(str(dataset), records(rows)) for dataset, rows in together.groupby("dataset", sort=False)]


def _sentence(dataset: str, rows: Sequence[Mapping[str, Any]]) -> str:
    compared = [row for row in rows if row["plain"]]
    place = f"On test cases of vendors left out of training ({dataset})"
    if not compared:
        return f"{place} there is nothing to compare {rows[0]['predictor']} with."
    known = [row for row in compared if pd.notna(row[f"{TO_PLAIN}_low"])]
    if not known:
        names = ", ".join(row["predictor"] for row in compared)
        return f"{place} there are too few patients to compare {names} with {compared[0]['plain']}."
    nothing = "" if any(row["verdict"] == BETTER for row in known) else f"nothing is better than {known[0]['plain']}: "
    return f"{place} {nothing}{'; '.join([_clause(row, TO_PLAIN, row['plain']) for row in known] + _adversary(rows))}."


def _adversary(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return whether the adversary helps: each time against the member that differs in nothing else."""
    pairs = [row for row in rows if row["without_adversary"] and pd.notna(row[f"{BY_ADVERSARY}_low"])]
    helped = [row["predictor"] for row in pairs if row[VERDICTS[BY_ADVERSARY]] == BETTER]
    if not pairs:
        return []
    alone = f" in {' and '.join(helped)}" if len(helped) < len(pairs) else ""
    verdict = f"the adversary helps{alone}" if helped else "the adversary does not help"
    others = [row for row in pairs if row["without_adversary"] != row["plain"]]
    return [*(_clause(row, BY_ADVERSARY, row["without_adversary"]) for row in others), verdict]


def _clause(row: Mapping[str, Any], column: str, other: str) -> str:
    """Return what the interval of a difference in Dice says of a row's predictor and ``other``."""
    name, verdict = row["predictor"], row[VERDICTS[column]]
    mean, low, high = (row[f"{column}{end}"] for end in ENDS)
    if verdict == BETTER:
        return f"{name} is better than {other} by {with_interval(mean, low, high, 3)} in Dice"
    if verdict == WORSE:
        return f"{name} is worse than {other} by {with_interval(-mean, -high, -low, 3)} in Dice"
    shown = with_interval(mean, low, high, 3, signed=True)
    return f"it is undecided at 95 % between {name} and {other} ({shown} in Dice)"


def _names(row: Mapping[str, Any]) -> dict[str, str]:
    return {"dataset": row["dataset"], "predictor": row["predictor"]}


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    made = {"augmentation": row["augmentation"] or MISSING, ADVERSARY: _weight(row[ADVERSARY])}
    return _names(row) | made | _values(row)


def _values(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "Dice": row["note"] or _value(row, "dice"),
        "Dice − plain": _value(row, TO_PLAIN),
        "verdict": row["verdict"] or MISSING,
        "Dice by adversary": _value(row, BY_ADVERSARY),
        "HD (mm)": _value(row, "hd"),
        "HD − plain": _value(row, HD_TO_PLAIN),
        "cases": count(row["cases"]),
        "patients": count(row["patients"]),
    }


def _value(row: Mapping[str, Any], metric: str) -> str:
    mean, low, high = (row[f"{metric}{end}"] for end in ENDS)
    return with_interval(mean, low, high, DIGITS.get(metric, 3), metric in SIGNED)


def _weight(value: float) -> str:
    return MISSING if pd.isna(value) else f"{value:g}"


def _single(frame: pd.DataFrame) -> str:
    """Return what a sentence must add where each member was trained once."""
    return "" if frame["seeds"].max() > 1 else " (Of single trainings: another seed may say otherwise.)"


def _notes(frame: pd.DataFrame, together: pd.DataFrame, study: Study) -> tuple[str, ...]:
    without = ", ".join(name for name in frame["without"].dropna().unique() if name != EACH)
    empty = together[["left_out", "one_empty"]].sum()
    return (
        *(f"{sentence}{_single(frame)}" for sentence in sentences(frame)),
        f"Judged: test cases of the vendor that a network was trained without (in turn: {without}). No image of that "
        "vendor was among the training and validation cases, nor did the adversary see one.",
        f"Plain: {plain_member(study)}, without augmentation and adversary. Dice by adversary: minus that of the "
        "member that differs in nothing but the adversary. All differences are paired by case.",
        "Verdict: whether the interval of Dice − plain leaves out 0; not corrected for the number of comparisons.",
        "Dice and HD are means over cases within a label, then over a predictor's labels; the labels one by one are in "
        "the CSV file. On the native grid, in mm.",
        f"Both masks empty: left out ({count(empty['left_out'])} predictions of a label). One empty: Dice 0 and HD the "
        f"image's diagonal ({count(empty['one_empty'])}).",
        "In brackets: 95 % interval from a bootstrap that resamples patients with all their cases: it is of the "
        f"drawing of test patients, not of the training; {FEW}.",
        *notes_of(study),
        f"Seeds: {count(frame['seeds'].max())}; values are means over seeds, counts are sums.",
    )
