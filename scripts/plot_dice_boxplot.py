"""Plot the Dice of every case per predictor and label."""

from collections.abc import Sequence
from typing import Any

from medley.figures import dice_boxplot, style
from medley.log import job
from medley.provenance import write_provenance
from medley.results.cases import per_case
from medley.results.read import read_metrics, read_phases
from medley.results.study import Study


def main(metrics: Sequence[str], cases: Sequence[str], png: str, provenance: str, study: dict[str, Any]) -> None:
    """Write the figure to ``png`` and beside it as .pdf, its provenance to ``provenance``."""
    with style.paper():
        every = per_case(read_metrics(metrics), read_phases(cases))
        style.save(dice_boxplot.draw(every, Study(**study)), png)
    write_provenance(provenance, {"study": study}, [*metrics, *cases])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.metrics,
            snakemake.input.cases,
            snakemake.output.png,
            snakemake.output.provenance,
            snakemake.params.study,
        )
