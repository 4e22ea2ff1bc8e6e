"""Tabulate augmentation and adversary, alone and together, on test cases of vendors left out of training."""

from collections.abc import Mapping, Sequence
from typing import Any

from medley.log import job
from medley.provenance import write_provenance
from medley.results.read import read_case_tables, read_metrics, read_splits
from medley.results.study import Study
from medley.results.vendors import METRICS, by_case
from medley.tables import domain_adaptation, domain_adaptation_text
from medley.tables.write import write_table


def main(
    metrics: Sequence[str],
    cases: Sequence[str],
    splits: Sequence[str],
    csv: str,
    provenance: str,
    study: dict[str, Any],
    left_out: Mapping[str, str],
    bootstrap: int,
) -> None:
    """Write the table to ``csv`` and beside it, its provenance to ``provenance``.

    ``left_out`` is the vendor that a split leaves out of training.
    """
    shown, rows = Study(**study), read_metrics(metrics, METRICS)
    judged = by_case(rows, read_case_tables(cases), read_splits(splits), left_out, shown)
    numbers = domain_adaptation.numbers(judged, shown, rows["seed"].nunique(), bootstrap)
    write_table(domain_adaptation_text.table(numbers, shown), csv)
    settings = {"study": study, "left_out": left_out, "bootstrap": bootstrap}
    write_provenance(provenance, settings, [*metrics, *cases, *splits])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.metrics,
            snakemake.input.cases,
            snakemake.input.splits,
            snakemake.output.csv,
            snakemake.output.provenance,
            snakemake.params.study,
            snakemake.params.left_out,
            snakemake.params.bootstrap,
        )
