"""Inspect every case: from cases.csv and the raw files to quality.csv and its contact sheet."""

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from medley import contact_sheet, quality, quality_overrides
from medley.cases import read_cases, read_kept
from medley.datasets import reader
from medley.log import job
from medley.splits import OFFICIAL_TRAINING


def main(
    cases_file: str,
    reader_name: str,
    quality_file: str,
    sheet_file: str,
    decisions: Mapping[str, str | Mapping[str, Any]] | None = None,
    overrides_file: str | None = None,
) -> None:
    """Write what the rules found and a person decided, and a picture of it.

    ``decisions`` are those of the dataset, in place of some rules' own.
    """
    cases = read_cases(cases_file)
    source = reader(reader_name)
    overrides = quality_overrides.read(overrides_file, cases) if overrides_file else []
    findings = quality.in_order([*quality.inspect(cases, source, decisions), *overrides])
    quality.write(quality_file, findings)
    contact_sheet.draw(sheet_file, cases, findings, source)
    for (rule, decision), number in sorted(Counter((f.rule, f.decision) for f in findings).items()):
        logging.info("%s: %d of %d cases, %s", rule, number, len(cases), decision)
    kept = read_kept(cases_file, quality_file)
    logging.info("%d of %d cases remain", len(kept), len(cases))
    # What a recipe's `spacing` may be chosen by: the official training part, so that nothing is learnt from testing.
    training = [case.spacing for case in kept.values() if case.part == OFFICIAL_TRAINING]
    if training:
        rows, columns, slices = np.median(training, axis=0)
        logging.info(
            "median spacing of %d training cases: rows %.4g, columns %.4g, slices %.4g mm",
            *(len(training), rows, columns, slices),
        )


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.cases,
            snakemake.params.reader,
            snakemake.output.quality,
            snakemake.output.sheet,
            snakemake.params.decisions,
            snakemake.input.get("overrides"),
        )
