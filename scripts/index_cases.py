"""List a dataset's cases: from the source's own files to cases.csv."""

import logging
from pathlib import Path

from medley.cases import write_cases
from medley.datasets import reader
from medley.log import job


def main(reader_name: str, folder: str, cases_file: str) -> None:
    """Write the table of the cases in ``folder``, having read every file."""
    cases = reader(reader_name).index(Path(folder))
    write_cases(cases_file, cases)
    logging.info("%d cases of %d patients", len(cases), len({case.patient for case in cases}))


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(snakemake.params.reader, snakemake.params.folder, snakemake.output.cases)
