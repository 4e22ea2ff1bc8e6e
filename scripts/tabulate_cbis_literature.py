"""Tabulate the Dice of masses in CBIS-DDSM that others published, and ours below."""

from collections.abc import Sequence
from typing import Any

from medley.log import job
from medley.provenance import write_provenance
from medley.results.read import read_inspections, read_metrics, read_published
from medley.results.study import Study
from medley.tables import cbis_literature, grid_slice
from medley.tables.write import write_table


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
    said = read_published(published, of.name, "cbis_literature")
    inspected = read_inspections(cases, quality)
    numbers = cbis_literature.numbers(read_metrics(metrics, grid_slice.METRICS), inspected, said, of, bootstrap)
    write_table(cbis_literature.table(numbers, said, of), csv)
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
