"""From the table of cases and the quality decisions to split.csv: the part of each case in each fold."""

import logging
from typing import Any

from medley import splits
from medley.cases import read_cases, read_kept, read_without_overridden
from medley.log import job


def main(cases_file: str, quality_file: str, specification: dict[str, Any], split_file: str) -> None:
    """Split the cases that have a mask and were not dropped; ``keep_test`` keeps for testing what only rules drop."""
    every = read_kept(cases_file, quality_file)
    if "keep_test" in specification:
        usable = read_without_overridden(cases_file, quality_file)
        every |= {name: case for name, case in usable.items() if case.part == splits.OFFICIAL_TEST}
    kept = [case for case in every.values() if case.mask]
    logging.info("%d of %d cases are kept and have a mask", len(kept), len(read_cases(cases_file)))
    assignments = splits.split_cases(kept, specification)
    logging.info("%d of these are in no part", len(kept) - len({row.case for row in assignments}))
    splits.write(split_file, assignments)


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.cases,
            snakemake.input.quality,
            snakemake.params.specification,
            snakemake.output.split,
        )
