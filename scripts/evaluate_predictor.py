"""Judge a member or an ensemble: metrics of every case, and of test batches and scans where its protocol has them."""

import logging
from collections.abc import Mapping
from typing import Any

from medley import evaluate
from medley.cases import read_cases
from medley.datasets import reader
from medley.evaluate_reported import AsReported
from medley.log import job


def main(
    folder: str, cases: str, metrics: str, batches: str, identity: Mapping[str, Any], task: Mapping[str, Any]
) -> None:
    """Write the files ``metrics`` and ``batches`` for the probabilities in ``folder``.

    ``task`` holds reader, regions, tolerance, scans and, as reported, recipe, batches and dice_epsilon.
    """
    as_reported = None
    if task["batches"] is not None or task["dice_epsilon"] is not None:
        if task["recipe"] is not None:
            as_reported = AsReported(task["recipe"], task["batches"], task["dice_epsilon"])
        else:
            logging.warning("no as-reported metrics: the members have different recipes, so no grid is theirs")
    found = evaluate.evaluate(
        folder,
        read_cases(cases),
        reader(task["reader"]),
        task["regions"],
        task["tolerance"],
        as_reported,
        task["scans"],
    )
    evaluate.write_rows(metrics, evaluate.METRICS_COLUMNS, identity, found.metrics)
    evaluate.write_rows(batches, evaluate.BATCHES_COLUMNS, identity, found.batches)


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.probabilities,
            snakemake.input.cases,
            snakemake.output.metrics,
            snakemake.output.batches,
            {key: snakemake.wildcards[key] for key in evaluate.IDENTITY},
            snakemake.params.task,
        )
