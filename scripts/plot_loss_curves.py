"""Plot training and validation loss of each member."""

from collections.abc import Sequence
from typing import Any

from medley.figures import loss_curves, style
from medley.log import job
from medley.provenance import write_provenance
from medley.results.read import read_histories, read_published, read_records
from medley.results.study import Study


def main(
    histories: Sequence[str],
    runs: Sequence[str],
    published: str,
    png: str,
    provenance: str,
    study: dict[str, Any],
) -> None:
    """Write the figure to ``png`` and beside it as .pdf, its provenance to ``provenance``."""
    shown = Study(**study)
    said = read_published(published, shown.name, "training")
    with style.paper():
        style.save(loss_curves.draw(read_histories(histories), read_records(runs), said, shown), png)
    write_provenance(provenance, {"study": study}, [*histories, *runs, published])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.histories,
            snakemake.input.runs,
            snakemake.input.published,
            snakemake.output.png,
            snakemake.output.provenance,
            snakemake.params.study,
        )
