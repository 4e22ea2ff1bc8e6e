"""Plot how volumes, ejection fractions and myocardial mass by one predictor differ from the true ones."""

from collections.abc import Sequence
from typing import Any

from medley.figures import bland_altman, style
from medley.log import job
from medley.provenance import write_provenance
from medley.results.function import DIFFERENCE, VOLUME
from medley.results.read import read_case_tables, read_metrics
from medley.results.study import Study


def main(
    metrics: Sequence[str], cases: Sequence[str], png: str, provenance: str, study: dict[str, Any], bootstrap: int
) -> None:
    """Write the figure to ``png`` and beside it as .pdf, its provenance to ``provenance``."""
    shown = Study(**study)
    found = bland_altman.panels(read_metrics(metrics, (VOLUME, DIFFERENCE)), read_case_tables(cases), shown, bootstrap)
    with style.paper():
        style.save(bland_altman.draw(*found, shown), png)
    write_provenance(provenance, {"study": study, "bootstrap": bootstrap}, [*metrics, *cases])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.metrics,
            snakemake.input.cases,
            snakemake.output.png,
            snakemake.output.provenance,
            snakemake.params.study,
            snakemake.params.bootstrap,
        )
