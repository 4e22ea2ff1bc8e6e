"""Tabulate Dice and Hausdorff distance by class, view and phase beside what was published."""

from collections.abc import Sequence
from typing import Any

from medley.log import job
from medley.provenance import write_provenance
from medley.results.read import read_case_tables, read_metrics, read_published
from medley.results.study import Study
from medley.tables import dice_hd, dice_hd_text
from medley.tables.write import write_table


def main(
    metrics: Sequence[str],
    cases: Sequence[str],
    published: str,
    csv: str,
    provenance: str,
    study: dict[str, Any],
    bootstrap: int,
) -> None:
    """Write the table to ``csv`` and beside it, its provenance to ``provenance``."""
    shown = Study(**study)
    said = read_published(published, shown.name, "dice_hd")
    numbers = dice_hd.numbers(read_metrics(metrics, dice_hd.METRICS), read_case_tables(cases), said, shown, bootstrap)
    write_table(dice_hd_text.table(numbers, shown), csv)
    write_provenance(provenance, {"study": study, "bootstrap": bootstrap}, [*metrics, *cases, published])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.metrics,
            snakemake.input.cases,
            snakemake.input.published,
            snakemake.output.csv,
            snakemake.output.provenance,
            snakemake.params.study,
            snakemake.params.bootstrap,
        )
