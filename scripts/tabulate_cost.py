"""Tabulate what each member's trainings and predictions cost."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medley.files import read_json
from medley.log import job
from medley.provenance import write_provenance
from medley.results.read import read_records
from medley.results.study import Study
from medley.tables import cost
from medley.tables.write import write_table


def main(
    runs: Sequence[str],
    predictions: Sequence[str],
    csv: str,
    provenance: str,
    study: dict[str, Any],
    members: Sequence[str],
    patients: Sequence[str] = (),
) -> None:
    """Write the table to ``csv`` and beside it, its provenance to ``provenance``.

    ``members`` are also those not run, ``patients`` the folders of patients that were predicted from files.
    """
    shown = Study(**study)
    numbers = cost.numbers(read_records(runs), read_records(predictions), members, shown)
    predicted = [Path(folder) / "prediction.json" for folder in patients]
    write_table(cost.table(numbers, shown, map(read_json, predicted)), csv)
    write_provenance(provenance, {"study": study, "members": list(members)}, [*runs, *predictions, *predicted])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.runs,
            snakemake.input.predictions,
            snakemake.output.csv,
            snakemake.output.provenance,
            snakemake.params.study,
            snakemake.params.members,
            snakemake.input.patients,
        )
