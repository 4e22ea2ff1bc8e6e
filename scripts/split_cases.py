"""From the table of cases and the quality decisions to split.csv: the part of each case in each fold."""

import csv
import logging
from pathlib import Path
from typing import Any

from medley import splits
from medley.cases import read_cases
from medley.log import job


def main(cases_file: str, quality_file: str, specification: dict[str, Any], split_file: str) -> None:
    """Split the cases that have a mask and were not dropped."""
    with Path(quality_file).open(encoding="utf-8", newline="") as stream:
        dropped = {row["case"] for row in csv.DictReader(stream) if row["decision"] == "drop"}
    cases = read_cases(cases_file).values()
    kept = [case for case in cases if case.mask and case.case not in dropped]
    logging.info("%d cases: %d dropped, %d kept with a mask", len(cases), len(dropped), len(kept))
    splits.write(split_file, splits.split_cases(kept, specification))


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.cases,
            snakemake.input.quality,
            snakemake.params.specification,
            snakemake.output.split,
        )
