"""From the table of cases and the quality decisions to split.csv: the part of each case in each fold."""

import logging
from typing import Any

from medley import splits
from medley.cases import dropped, dropped_for_good, read_inspected
from medley.log import job


def main(cases_file: str, quality_file: str, specification: dict[str, Any], split_file: str) -> None:
    """Split the cases that have a mask and were not dropped; ``keep_test`` keeps for testing what only rules drop."""
    every, rows = read_inspected(cases_file, quality_file)
    gone = dropped(rows)
    if "keep_test" in specification:
        testing = {name for name, case in every.items() if case.part == splits.OFFICIAL_TEST}
        gone = (gone - testing) | dropped_for_good(rows)
    kept = [case for name, case in every.items() if name not in gone and case.mask]
    logging.info("%d of %d cases are kept and have a mask", len(kept), len(every))
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
