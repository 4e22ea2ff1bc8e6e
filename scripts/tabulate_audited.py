"""Tabulate the audited metrics of every predictor, label and phase, with intervals."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medley.log import job
from medley.provenance import write_provenance
from medley.results.cases import are_pictures
from medley.results.read import read_case_tables, read_metrics, read_phases, read_stores
from medley.results.study import Study
from medley.tables import audited, audited_text
from medley.tables.write import write_table


def main(
    metrics: Sequence[str],
    cases: Sequence[str],
    arrays: Sequence[str],
    csv: str,
    provenance: str,
    study: dict[str, Any],
    tolerance: float,
    bootstrap: int,
) -> None:
    """Write the table to ``csv`` and beside it, its provenance to ``provenance``.

    ``tolerance`` is in mm, of pictures in pixels.
    """
    shown, stores = Study(**study), read_stores(arrays)
    pictures = [name for name, table in read_case_tables(cases).items() if are_pictures(table.values())]
    numbers = audited.numbers(read_metrics(metrics), read_phases(cases), stores, shown, bootstrap, pictures)
    write_table(audited_text.table(numbers, shown, tolerance), csv)
    settings = {"study": study, "tolerance": tolerance, "bootstrap": bootstrap}
    write_provenance(provenance, settings, [*metrics, *cases, *(Path(folder) / "index.json" for folder in arrays)])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.metrics,
            snakemake.input.cases,
            snakemake.input.arrays,
            snakemake.output.csv,
            snakemake.output.provenance,
            snakemake.params.study,
            snakemake.params.tolerance,
            snakemake.params.bootstrap,
        )
