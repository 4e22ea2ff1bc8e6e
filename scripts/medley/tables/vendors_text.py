"""How the vendors table is printed: matrices of vendor left out × vendor tested, what is unseen, and pathologies."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from medley.results.cases import ALL
from medley.results.study import Study
from medley.results.vendors import EACH, NONE
from medley.tables.compare import ENDS
from medley.tables.slices_text import FEW
from medley.tables.vendors import SEEN, TO_ALL, TO_SEEN, UNSEEN
from medley.tables.write import MISSING, Table, View, count, notes_of, records, title, with_interval

DIGITS = {"hd": 1}  # of all others 3
SIGNED = (TO_ALL, TO_SEEN)
UNSEEN_MARK = " †"
WHERE = ["predictor", "without"]


def table(frame: pd.DataFrame, study: Study) -> Table:
    """Return what is printed of ``frame`` (see ``vendors.numbers``): each predictor's mean over its labels."""
    run = frame[frame["note"].isna()]
    means = run[run["label"] == run.groupby("predictor")["label"].transform("last")]
    views = []
    for dataset in means["dataset"].unique():
        own = means[means["dataset"] == dataset]
        name = f"{dataset}, " if means["dataset"].nunique() > 1 else ""
        views += [View(f"{name}{heading}", cells, text) for heading, cells, text in _views(own) if len(cells)]
    return Table(
        title("vendors left out of training and vendors tested", study),
        frame,
        tuple(views),
        _notes(frame, means, study),
    )


def _views(means: pd.DataFrame) -> Iterable[tuple[str, pd.DataFrame, int]]:
    """Yield heading, cells and number of text columns of the views of one dataset."""
    whole = means[means["pathology"] == ALL]
    matrix = whole[whole["without"] != EACH]
    parted = matrix[matrix["without"] != NONE]
    unseen = whole[(whole["vendor"] == UNSEEN) | ((whole["vendor_unseen"] == 1) & (whole["without"] != EACH))]
    yield "Dice", _matrix(matrix, "dice"), 2
    yield "HD (mm)", _matrix(matrix, "hd"), 2
    yield "Dice minus that of training on all vendors", _matrix(parted.dropna(subset=TO_ALL), TO_ALL), 2
    yield "Dice on the unseen vendor minus that of networks that saw it", _unseen(unseen.dropna(subset=TO_SEEN)), 1
    yield "Dice by pathology", _pathologies(means), 2


def _matrix(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return a line per predictor and vendor trained without, a column per vendor tested."""
    lines = []
    for (predictor, without), own in rows.groupby(WHERE, sort=False):
        line = {"predictor": str(predictor), "trained without": str(without)}
        line["training patients"] = count(own["trained_on"].max())
        lines.append(line | {row["vendor"]: _value(row, metric) for row in records(own)})
    return _filled(lines)


def _unseen(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a line per predictor, a column per vendor, each by the network that was trained without it, and all."""
    lines = []
    for predictor, own in rows.groupby("predictor", sort=False):
        found = {ALL if row["without"] == EACH else row["vendor"]: _number(row, TO_SEEN) for row in records(own)}
        lines.append({"predictor": str(predictor)} | found)
    return _filled(lines)


def _pathologies(means: pd.DataFrame) -> pd.DataFrame:
    """Return a line per predictor and pathology, a column per kind of training, and differences between them."""
    places = {"trained on all": (NONE, ALL), "vendor seen": (EACH, SEEN), "vendor unseen": (EACH, UNSEEN)}
    differences = {"unseen − all": TO_ALL, "unseen − seen": TO_SEEN}
    lines = []
    for (predictor, pathology), own in means.groupby(["predictor", "pathology"], sort=False):
        found = {(row["without"], row["vendor"]): row for row in records(own)}
        rows = [found.get(place) for place in places.values()]
        unseen = any(row["pathology_unseen"] for row in rows if row) and pathology != UNSEEN
        line = {"predictor": str(predictor), "pathology": f"{pathology}{UNSEEN_MARK if unseen else ''}"}
        line |= {name: _number(row, "dice") if row else MISSING for name, row in zip(places, rows, strict=True)}
        line |= {name: _number(rows[-1], metric) if rows[-1] else MISSING for name, metric in differences.items()}
        lines.append(line | {"cases": " / ".join(count(row["cases"]) if row else "0" for row in rows)})
    return _filled(lines)


def _value(row: Mapping[str, Any], metric: str) -> str:
    """Return the value of a row with its interval, marked where the vendor is unseen."""
    shown = _number(row, metric)
    return f"{shown}{UNSEEN_MARK}" if row["vendor_unseen"] == 1 and shown != MISSING else shown


def _number(row: Mapping[str, Any], metric: str) -> str:
    mean, low, high = (row[f"{metric}{end}"] for end in ENDS)
    return with_interval(mean, low, high, DIGITS.get(metric, 3), metric in SIGNED)


def _filled(lines: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(list(lines)).fillna(MISSING)


def _notes(frame: pd.DataFrame, means: pd.DataFrame, study: Study) -> tuple[str, ...]:
    return (
        *(_cases(dataset, own) for dataset, own in means.groupby("dataset", sort=False)),
        "Every network predicts the official test cases of all vendors. † there was none such among its training and "
        "validation cases, on which its epoch may have been chosen.",
        "Dice and HD are means over cases within a label, then over a predictor's labels; the labels one by one are in "
        "the CSV file. On the native grid, in mm. Both masks empty: left out. One empty: Dice 0 and HD the image's "
        "diagonal.",
        "Trained without none: on all vendors, under the protocol audited; the mean of its folds' networks where its "
        "split has folds, and so an ensemble. Training patients are those of one network. What a network without a "
        "vendor lacks to that is therefore not of the vendor alone.",
        "Networks that saw the vendor: those of the same predictor that were trained without another vendor, and so "
        "alike in kind; the mean of their Dice.",
        "By pathology, seen and unseen: all such pathologies. Vendor seen and vendor unseen: all networks without one "
        "vendor together; the cases of the three columns stand in their order. Differences are on the cases of vendors "
        "unseen.",
        "Differences are paired by case. In brackets: 95 % interval from a bootstrap that resamples patients with all "
        f"their cases: it is of the drawing of test patients, not of the training; {FEW}.",
        *(f"{name}: not run, {study.not_run[name]}." for name in study.predictors if name in study.not_run),
        *notes_of(study),
        f"Seeds: {count(frame['seeds'].max())}; values are means over seeds, counts are sums.",
    )


def _cases(dataset: Any, means: pd.DataFrame) -> str:
    """Return how many test cases there are of each vendor, and in how many predictions masks are empty."""
    whole = means[(means["pathology"] == ALL) & (means["without"] != EACH)]
    listed = [
        f"{row['vendor']} {count(row['cases'])} of {count(row['patients'])} patients"
        for row in records(whole.drop_duplicates("vendor"))
    ]
    empty = whole.loc[whole["vendor"] == ALL, ["left_out", "one_empty"]].sum()
    return (
        f"{dataset}: test cases, {', '.join(listed)}. Of the predictions of their labels by all networks left out "
        f"{count(empty['left_out'])}, one empty {count(empty['one_empty'])}."
    )
