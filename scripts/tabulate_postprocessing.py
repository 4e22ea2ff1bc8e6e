"""Tabulate which corrections of predictions are kept out of fold, what each gains, and their effect on test cases."""

from collections.abc import Sequence
from typing import Any

from medley.log import job
from medley.provenance import write_provenance
from medley.results.cases import MEASURED
from medley.results.choices import read_choices
from medley.results.read import read_case_tables, read_metrics
from medley.results.study import Study
from medley.tables import postprocessing, postprocessing_text
from medley.tables.write import write_table


def main(
    runs: Sequence[str],
    metrics: Sequence[str],
    cases: Sequence[str],
    csv: str,
    provenance: str,
    study: dict[str, Any],
    bootstrap: int,
) -> None:
    """Write the table to ``csv`` and beside it, its provenance to ``provenance``.

    ``runs`` are the files run.json of the ensembles, ``metrics`` those of them and of their members.
    """
    shown = Study(**study)
    measured, known = read_metrics(metrics, MEASURED), read_case_tables(cases)
    numbers = postprocessing.numbers(read_choices(runs), measured, known, shown, bootstrap)
    write_table(postprocessing_text.table(numbers, shown), csv)
    write_provenance(provenance, {"study": study, "bootstrap": bootstrap}, [*runs, *metrics, *cases])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.runs,
            snakemake.input.metrics,
            snakemake.input.cases,
            snakemake.output.csv,
            snakemake.output.provenance,
            snakemake.params.study,
            snakemake.params.bootstrap,
        )
