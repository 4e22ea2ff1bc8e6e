"""Tabulate pixel accuracy as reported: published beside reproduced, and the all-background prediction."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medley.log import job
from medley.provenance import write_provenance
from medley.results.read import read_batches, read_metrics, read_published, read_stores
from medley.results.study import Study
from medley.tables import accuracy, accuracy_text
from medley.tables.write import write_table


def main(
    metrics: Sequence[str],
    batches: Sequence[str],
    published: str,
    arrays: Sequence[str],
    csv: str,
    provenance: str,
    study: dict[str, Any],
    bootstrap: int,
) -> None:
    """Write the table to ``csv`` and beside it, its provenance to ``provenance``."""
    shown, stores = Study(**study), read_stores(arrays)
    said = read_published(published, shown.name, "accuracy")
    numbers = accuracy.numbers(read_metrics(metrics), read_batches(batches), said, stores, shown, bootstrap)
    write_table(accuracy_text.table(numbers, stores, shown), csv)
    data = [*metrics, *batches, published, *(Path(folder) / "index.json" for folder in arrays)]
    write_provenance(provenance, {"study": study, "bootstrap": bootstrap}, data)


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.metrics,
            snakemake.input.batches,
            snakemake.input.published,
            snakemake.input.arrays,
            snakemake.output.csv,
            snakemake.output.provenance,
            snakemake.params.study,
            snakemake.params.bootstrap,
        )
