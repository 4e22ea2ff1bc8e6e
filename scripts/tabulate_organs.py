"""Tabulate both Dice of every predictor and organ under both protocols, and the competition's score."""

from collections.abc import Mapping, Sequence
from typing import Any

from medley.log import job
from medley.provenance import write_provenance
from medley.results.read import read_case_tables, read_splits
from medley.results.slices import read_shown
from medley.tables import organs, organs_text
from medley.tables.write import write_table


def main(
    metrics: Mapping[str, Sequence[str]],
    cases: Sequence[str],
    splits: Sequence[str],
    csv: str,
    provenance: str,
    studies: Mapping[str, dict[str, Any]],
    splits_shown: Mapping[str, str],
    epsilon: float,
    weights: Mapping[str, float],
    bootstrap: int,
) -> None:
    """Write the table to ``csv`` and beside it, its provenance to ``provenance``.

    ``metrics``, ``studies`` and ``splits_shown`` are by protocol; ``epsilon`` is that of the reported Dice,
    ``weights`` those of Dice and Hausdorff distance in the score.
    """
    shown = read_shown(metrics, studies, splits_shown)
    known, parts = read_case_tables(cases), read_splits(splits)
    numbers = organs.numbers(shown, weights, bootstrap)
    write_table(organs_text.table(numbers, known, parts, shown["audited"].study, epsilon, weights), csv)
    settings = {
        "studies": studies,
        "splits": splits_shown,
        "epsilon": epsilon,
        "weights": weights,
        "bootstrap": bootstrap,
    }
    write_provenance(provenance, settings, [*(path for paths in metrics.values() for path in paths), *cases, *splits])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            {name: snakemake.input[name] for name in ("as_reported", "audited")},
            snakemake.input.cases,
            snakemake.input.splits,
            snakemake.output.csv,
            snakemake.output.provenance,
            {name: snakemake.params[name] for name in ("as_reported", "audited")},
            snakemake.params.splits,
            snakemake.params.epsilon,
            snakemake.params.weights,
            snakemake.params.bootstrap,
        )
