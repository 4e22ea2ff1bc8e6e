"""Tabulate losses with one encoder as reported: published beside reproduced, inside beside outside."""

from collections.abc import Sequence
from typing import Any

from medley.cases import read_inspected
from medley.log import job
from medley.provenance import write_provenance
from medley.results.read import dataset_of, read_metrics, read_published
from medley.results.study import Study
from medley.tables import grid_slice, grid_slice_text
from medley.tables.write import write_table

SHOWN = grid_slice.LOSSES


def main(
    metrics: Sequence[str],
    cases: Sequence[str],
    quality: Sequence[str],
    published: str,
    csv: str,
    provenance: str,
    study: dict[str, Any],
    bootstrap: int,
) -> None:
    """Write the table to ``csv`` and beside it, its provenance to ``provenance``."""
    of = Study(**study)
    said = read_published(published, of.name, SHOWN.table)
    inspected = {dataset_of(path): read_inspected(path, rows) for path, rows in zip(cases, quality, strict=True)}
    names = grid_slice.predictors(SHOWN, of, said)
    found = read_metrics(metrics, grid_slice.METRICS)
    numbers = grid_slice.numbers(found, inspected, said, of, names, bootstrap)
    write_table(grid_slice_text.table(numbers, SHOWN, said, of), csv)
    settings = {"study": study, "bootstrap": bootstrap}
    write_provenance(provenance, settings, [*metrics, *cases, *quality, published])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.metrics,
            snakemake.input.cases,
            snakemake.input.quality,
            snakemake.input.published,
            snakemake.output.csv,
            snakemake.output.provenance,
            snakemake.params.study,
            snakemake.params.bootstrap,
        )
