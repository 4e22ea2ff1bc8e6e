"""Plot how often each member of a grid has which rank when patients and trainings are drawn again."""

from collections.abc import Sequence
from typing import Any

from medley.figures import ranking, style
from medley.log import job
from medley.provenance import write_provenance
from medley.results.read import read_metrics
from medley.results.study import Study


def main(metrics: Sequence[str], png: str, provenance: str, study: dict[str, Any], bootstrap: int) -> None:
    """Write the figure to ``png`` and beside it as .pdf, its provenance to ``provenance``."""
    shown = Study(**study)
    found = ranking.stability(read_metrics(metrics, ("dice",)), shown, bootstrap)
    with style.paper():
        style.save(ranking.draw(found, shown), png)
    write_provenance(provenance, {"study": study, "bootstrap": bootstrap}, metrics)


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.metrics,
            snakemake.output.png,
            snakemake.output.provenance,
            snakemake.params.study,
            snakemake.params.bootstrap,
        )
