"""Plot prediction beside truth of one test patient, in both phases and all views."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medley.figures import predictions, style
from medley.log import job
from medley.provenance import write_provenance
from medley.results.read import read_metrics
from medley.results.study import Study


def main(
    metrics: Sequence[str],
    cases: Sequence[str],
    probabilities: Sequence[str],
    png: str,
    provenance: str,
    study: dict[str, Any],
    sources: dict[str, dict[str, Any]],
) -> None:
    """Write the figure to ``png`` and beside it as .pdf, its provenance to ``provenance``.

    ``sources`` has each dataset's ``reader`` and ``regions``, ``probabilities`` are folders of one predictor.
    """
    shown = Study(**study)
    found = predictions.predictions(read_metrics(metrics), cases, probabilities, shown, sources)
    with style.paper():
        style.save(predictions.draw(found, shown), png)
    contents = [Path(folder) / "labels.json" for folder in probabilities]
    write_provenance(provenance, {"study": study, "sources": sources}, [*metrics, *cases, *contents])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.metrics,
            snakemake.input.cases,
            snakemake.input.probabilities,
            snakemake.output.png,
            snakemake.output.provenance,
            snakemake.params.study,
            snakemake.params.sources,
        )
