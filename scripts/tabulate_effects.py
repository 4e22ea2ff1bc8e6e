"""Tabulate what each choice of the grid brings: main effects with intervals, and a sentence on each factor."""

from collections.abc import Sequence
from typing import Any

from medley.log import job
from medley.provenance import write_provenance
from medley.results.read import read_metrics
from medley.results.study import Study
from medley.tables import effects, effects_text
from medley.tables.write import write_table


def main(metrics: Sequence[str], csv: str, provenance: str, study: dict[str, Any], bootstrap: int) -> None:
    """Write the table to ``csv`` and beside it, its provenance to ``provenance``."""
    of = Study(**study)
    numbers = effects.numbers(read_metrics(metrics, ("dice",)), of, bootstrap)
    write_table(effects_text.table(numbers, of), csv)
    write_provenance(provenance, {"study": study, "bootstrap": bootstrap}, metrics)


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.metrics,
            snakemake.output.csv,
            snakemake.output.provenance,
            snakemake.params.study,
            snakemake.params.bootstrap,
        )
