"""Judge a member or an ensemble: metrics of every case, and of the test batches where its protocol has them."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from medley import evaluate
from medley.cases import read_cases
from medley.datasets import reader
from medley.log import job


def main(
    folder: str,
    cases: str,
    metrics: str,
    batches: str,
    identity: Mapping[str, Any],
    reader_name: str,
    regions: Mapping[str, Sequence[str]],
    tolerance: float | None,
    recipe: Mapping[str, Any] | None,
    number_of_batches: int | None,
) -> None:
    """Write the files ``metrics`` and ``batches`` for the probabilities in ``folder``."""
    as_reported = None
    if number_of_batches is not None and recipe is not None:
        as_reported = evaluate.AsReported(recipe, number_of_batches)
    elif number_of_batches is not None:
        logging.warning("no as-reported metrics: the members have different recipes, so no grid is theirs")
    found = evaluate.evaluate(folder, read_cases(cases), reader(reader_name), regions, tolerance, as_reported)
    evaluate.write_rows(metrics, evaluate.METRICS_COLUMNS, identity, found.metrics)
    evaluate.write_rows(batches, evaluate.BATCHES_COLUMNS, identity, found.batches)


if "snakemake" in globals():
    task = snakemake.params.task
    with job(snakemake.log[0]):
        main(
            snakemake.input.probabilities,
            snakemake.input.cases,
            snakemake.output.metrics,
            snakemake.output.batches,
            {key: snakemake.wildcards[key] for key in evaluate.IDENTITY},
            task["reader"],
            task["regions"],
            task["tolerance"],
            task["recipe"],
            task["batches"],
        )
