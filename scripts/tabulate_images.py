"""Tabulate the Dice of the single images that the authors show, beside ours."""

from collections.abc import Sequence
from typing import Any

from medley.log import job
from medley.provenance import write_provenance
from medley.results.read import read_metrics, read_published
from medley.results.study import Study
from medley.tables import images, images_text
from medley.tables.write import write_table


def main(metrics: Sequence[str], published: str, csv: str, provenance: str, study: dict[str, Any]) -> None:
    """Write the table to ``csv`` and beside it, its provenance to ``provenance``."""
    of = Study(**study)
    numbers = images.numbers(read_metrics(metrics, ("dice",)), read_published(published, of.name, "images"), of)
    write_table(images_text.table(numbers, of), csv)
    write_provenance(provenance, {"study": study}, [*metrics, published])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.metrics,
            snakemake.input.published,
            snakemake.output.csv,
            snakemake.output.provenance,
            snakemake.params.study,
        )
