"""Plot how many patients of each pathology and vendor are in each official part."""

from collections.abc import Sequence
from typing import Any

from medley.figures import counts, style
from medley.log import job
from medley.provenance import write_provenance
from medley.results.read import read_case_tables
from medley.results.study import Study


def main(cases: Sequence[str], png: str, provenance: str, study: dict[str, Any]) -> None:
    """Write the figure to ``png`` and beside it as .pdf, its provenance to ``provenance``."""
    counted = {dataset: counts.count(own.values()) for dataset, own in read_case_tables(cases).items()}
    with style.paper():
        style.save(counts.draw(counted, Study(**study)), png)
    write_provenance(provenance, {"study": study}, cases)


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.cases,
            snakemake.output.png,
            snakemake.output.provenance,
            snakemake.params.study,
        )
