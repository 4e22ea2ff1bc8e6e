"""Tabulate how predicted volumes, ejection fractions and myocardial mass agree with the true ones."""

from collections.abc import Sequence
from typing import Any

from medley.log import job
from medley.provenance import write_provenance
from medley.results.function import DIFFERENCE, VOLUME
from medley.results.read import read_case_tables, read_metrics
from medley.results.study import Study
from medley.tables import function, function_text
from medley.tables.write import write_table


def main(
    metrics: Sequence[str], cases: Sequence[str], csv: str, provenance: str, study: dict[str, Any], bootstrap: int
) -> None:
    """Write the table to ``csv`` and beside it, its provenance to ``provenance``."""
    shown, known = Study(**study), read_case_tables(cases)
    numbers = function.numbers(read_metrics(metrics, (VOLUME, DIFFERENCE)), known, shown, bootstrap)
    write_table(function_text.table(numbers, known, shown), csv)
    write_provenance(provenance, {"study": study, "bootstrap": bootstrap}, [*metrics, *cases])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.metrics,
            snakemake.input.cases,
            snakemake.output.csv,
            snakemake.output.provenance,
            snakemake.params.study,
            snakemake.params.bootstrap,
        )
