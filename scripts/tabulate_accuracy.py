"""Tabulate pixel accuracy as reported: published beside reproduced, and the all-background prediction."""

from collections.abc import Sequence
from typing import Any

from medley.log import job
from medley.provenance import write_provenance
from medley.tables import accuracy
from medley.tables.read import read_batches, read_metrics, read_published
from medley.tables.study import Study
from medley.tables.write import write_table


def main(
    metrics: Sequence[str],
    batches: Sequence[str],
    published: str,
    csv: str,
    provenance: str,
    study: dict[str, Any],
    bootstrap: int,
) -> None:
    """Write the table to ``csv`` and beside it, its provenance to ``provenance``."""
    shown = Study(**study)
    said = read_published(published, shown.name, "accuracy")
    numbers = accuracy.numbers(read_metrics(metrics), read_batches(batches), said, shown, bootstrap)
    write_table(accuracy.table(numbers, shown), csv)
    write_provenance(provenance, {"study": study, "bootstrap": bootstrap}, [*metrics, *batches, published])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.metrics,
            snakemake.input.batches,
            snakemake.input.published,
            snakemake.output.csv,
            snakemake.output.provenance,
            snakemake.params.study,
            snakemake.params.bootstrap,
        )
