"""Tabulate Dice as reported: published beside reproduced, and the all-empty prediction."""

from collections.abc import Mapping, Sequence
from typing import Any

from medley.log import job
from medley.provenance import write_provenance
from medley.results.read import read_case_tables, read_metrics, read_published, read_splits
from medley.results.slices import METRICS
from medley.results.study import Study
from medley.tables import dice, dice_text
from medley.tables.write import write_table


def main(
    metrics: Sequence[str],
    cases: Sequence[str],
    splits: Sequence[str],
    published: str,
    csv: str,
    provenance: str,
    study: dict[str, Any],
    splits_shown: Mapping[str, str],
    epsilon: float,
    bootstrap: int,
) -> None:
    """Write the table to ``csv`` and beside it, its provenance to ``provenance``; ``epsilon`` of the reported Dice."""
    shown, split = Study(**study), splits_shown["as_reported"]
    said = read_published(published, shown.name, "dice")
    parts = {dataset: folds for (dataset, name), folds in read_splits(splits).items() if name == split}
    numbers = dice.numbers(read_metrics(metrics, METRICS), said, shown, bootstrap)
    write_table(dice_text.table(numbers, read_case_tables(cases), parts, shown, epsilon), csv)
    settings = {"study": study, "split": split, "epsilon": epsilon, "bootstrap": bootstrap}
    write_provenance(provenance, settings, [*metrics, *cases, *splits, published])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.metrics,
            snakemake.input.cases,
            snakemake.input.splits,
            snakemake.input.published,
            snakemake.output.csv,
            snakemake.output.provenance,
            snakemake.params.study,
            snakemake.params.splits,
            snakemake.params.epsilon,
            snakemake.params.bootstrap,
        )
