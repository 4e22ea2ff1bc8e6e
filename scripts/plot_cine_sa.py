"""Plot a test patient's heartbeat in short-axis slices with the prediction's outlines, on paper and as animation."""

from medley.figures.cine_files import plot as main
from medley.log import job

if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            {name: snakemake.input[name] for name in ("model", "split", "cases")},
            snakemake.output.png,
            snakemake.output.gif,
            snakemake.output.provenance,
            snakemake.params.task,
        )
