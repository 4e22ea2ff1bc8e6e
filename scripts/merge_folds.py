"""Merge the probabilities of a member's folds: out-of-fold cases, and the mean of the test cases."""

from pathlib import Path

from medley.log import job
from medley.merge import merge

if "snakemake" in globals():
    with job(snakemake.log[0]):
        merge([Path(folder) for folder in snakemake.input.folds], Path(snakemake.output.probabilities))
