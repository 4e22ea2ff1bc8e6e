"""Tabulate encoders under one loss as reported: published beside reproduced, inside beside outside."""

import functools

from medley.log import job
from medley.tables.grid_slice import ENCODERS
from medley.tables.grid_slice_files import tabulate

main = functools.partial(tabulate, ENCODERS)

if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.metrics,
            snakemake.input.cases,
            snakemake.input.quality,
            snakemake.input.published,
            snakemake.output.csv,
            snakemake.output.provenance,
            snakemake.params.study,
            snakemake.params.bootstrap,
        )
