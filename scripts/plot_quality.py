"""Plot how many cases of each official part the inspection drops, by rule, and how many remain."""

from collections.abc import Sequence
from typing import Any

from medley.figures import quality, style
from medley.log import job
from medley.provenance import write_provenance
from medley.results.quality_counts import counts
from medley.results.read import read_inspections
from medley.results.study import Study


def main(cases: Sequence[str], findings: Sequence[str], png: str, provenance: str, study: dict[str, Any]) -> None:
    """Write the figure to ``png`` and beside it as .pdf, its provenance to ``provenance``.

    ``findings`` are the files quality.csv, in the order of ``cases``.
    """
    found = {dataset: counts(*inspected) for dataset, inspected in read_inspections(cases, findings).items()}
    with style.paper():
        style.save(quality.draw(found, Study(**study)), png)
    write_provenance(provenance, {"study": study}, [*cases, *findings])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.cases,
            snakemake.input.quality,
            snakemake.output.png,
            snakemake.output.provenance,
            snakemake.params.study,
        )
