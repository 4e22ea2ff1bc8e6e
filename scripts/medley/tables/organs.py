"""The organs table: both Dice of every predictor and organ under both protocols, and the competition's score.

The score is the audited protocol's: a weighted sum of Dice by slice and of one minus the normalised
Hausdorff distance by scan.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from medley.results.cases import MEAN
from medley.results.slices import AUDITED, HAUSDORFF, REPORTED, Shown, by_scan, by_slice, labels_and_mean
from medley.splits import TEST
from medley.tables.compare import ENDS, as_columns, means_with_intervals, sum_with_interval

NEEDS = {"as_reported": ("dice_epsilon",), "audited": ("dice_epsilon", "score")}  # keys of protocols
PROTOCOLS = ("audited", "as_reported")  # in the order of the table
SCORED = "audited"
PAIRS = "dice_of_pairs"  # the score's Dice: of ``mean`` over all pairs of slice and organ, whichever the organ
NUMBERS = tuple(f"{value}{end}" for value in (REPORTED, AUDITED, PAIRS, HAUSDORFF, "score") for end in ENDS)
COUNTS = ("slices", "patients", "judged", "left_out", "one_empty", "scans", "seeds")
TEXTS = ("dataset", "protocol", "split", "predictor", "label", "built_without", "note")
COLUMNS = (*TEXTS[:5], *NUMBERS, *COUNTS, *TEXTS[5:])
TYPES = {**dict.fromkeys(TEXTS, "str"), **dict.fromkeys(NUMBERS, "float64"), **dict.fromkeys(COUNTS, "Int64")}


def numbers(protocols: Mapping[str, Shown], weights: Mapping[str, float], resamples: int) -> pd.DataFrame:
    """Return one row per dataset, protocol, predictor and organ, then ``mean``, of the test part.

    ``weights`` (dice, hausdorff) are those of the score. ``judged``, ``left_out`` and ``one_empty`` count
    pairs of slice and organ, ``scans`` pairs of scan and organ that have a distance, both over seeds.
    The score and its parts are means over pairs, also in the row ``mean``; the other values there are means over
    organs. A predictor that is not run has one row per protocol that says so.
    """
    rows: list[dict[str, Any]] = []
    for protocol in PROTOCOLS:
        study, split, metrics = protocols[protocol]
        slices, scans = by_slice(metrics), by_scan(metrics)
        for dataset in study.datasets:
            for name in study.predictors:
                about: dict[str, Any] = {"dataset": dataset, "protocol": protocol, "split": split, "predictor": name}
                if name in study.not_run:
                    rows.append(about | {"note": f"not run: {study.not_run[name]}"})
                    continue
                about |= {"seeds": metrics["seed"].nunique(), "built_without": " ".join(study.built_without(name))}
                mine = [_of(frame, dataset, name) for frame in (slices, scans)]
                for label, labels in labels_and_mean(study, name):
                    own, whole = (frame[frame["label"].isin(labels)] for frame in mine)
                    row = about | {"label": label} | _judge(own, resamples)
                    rows.append(row | (_score(own, whole, weights, resamples) if protocol == SCORED else {}))
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(TYPES)


def _of(frame: pd.DataFrame, dataset: str, name: str) -> pd.DataFrame:
    """Return the rows of a predictor's test slices or scans."""
    return frame[(frame["dataset"] == dataset) & (frame["part"] == TEST) & (frame["predictor"] == name)]


def _judge(slices: pd.DataFrame, resamples: int) -> dict[str, Any]:
    """Return both Dice of ``slices`` with their intervals, and counts."""
    row: dict[str, Any] = {key: slices[key].sum() for key in ("judged", "left_out", "one_empty")}
    row |= {"slices": slices["case"].nunique(), "patients": slices["patient"].nunique()}
    return row | as_columns(means_with_intervals(slices, [REPORTED, AUDITED], resamples))


def _score(slices: pd.DataFrame, scans: pd.DataFrame, weights: Mapping[str, float], resamples: int) -> dict[str, Any]:
    """Return the score and its parts, the Dice of ``slices`` and the normalised Hausdorff distance of ``scans``, as
    means over pairs with an organ, and intervals of the same draws.
    """
    pairs = slices.assign(label=MEAN, **{PAIRS: slices[AUDITED]})
    near = scans.assign(label=MEAN, nearness=1 - scans[HAUSDORFF])
    found = means_with_intervals(pairs, [PAIRS], resamples) | means_with_intervals(near, [HAUSDORFF], resamples)
    parts = [(weights["dice"], pairs, PAIRS), (weights["hausdorff"], near, "nearness")]
    return {"scans": scans["scans"].sum()} | as_columns(found | {"score": sum_with_interval(parts, resamples)})
