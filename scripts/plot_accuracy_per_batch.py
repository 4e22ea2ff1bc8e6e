"""Plot the accuracy of each test batch: ensembles, their members, and the all-background prediction."""

from collections.abc import Sequence
from typing import Any

from medley.figures import accuracy_per_batch, style
from medley.log import job
from medley.provenance import write_provenance
from medley.results.read import read_batches, read_published
from medley.results.study import Study


def main(batches: Sequence[str], published: str, png: str, provenance: str, study: dict[str, Any]) -> None:
    """Write the figure to ``png`` and beside it as .pdf, its provenance to ``provenance``."""
    shown = Study(**study)
    said = read_published(published, shown.name, "accuracy")
    with style.paper():
        style.save(accuracy_per_batch.draw(read_batches(batches), said, shown), png)
    write_provenance(provenance, {"study": study}, [*batches, published])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.batches,
            snakemake.input.published,
            snakemake.output.png,
            snakemake.output.provenance,
            snakemake.params.study,
        )
