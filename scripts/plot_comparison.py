"""Plot Dice on test and validation cases beside what was published, from the table audited."""

from typing import Any

import pandas as pd

from medley.figures import comparison, style
from medley.log import job
from medley.provenance import write_provenance
from medley.results.read import read_csv, read_published
from medley.results.study import Study


def main(audited: str, published: str, png: str, provenance: str, study: dict[str, Any]) -> None:
    """Write the figure to ``png`` and beside it as .pdf, its provenance to ``provenance``."""
    shown = Study(**study)
    said = pd.concat([read_published(published, shown.name, table) for table in comparison.TABLES])
    points = comparison.points(read_csv(audited, floats=comparison.DICE), said, shown)
    with style.paper():
        style.save(comparison.draw(points, shown), png)
    write_provenance(provenance, {"study": study}, [audited, published])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.audited,
            snakemake.input.published,
            snakemake.output.png,
            snakemake.output.provenance,
            snakemake.params.study,
        )
