"""Save the effective configuration of a run beside its results."""

from typing import Any

from medley.config import write
from medley.log import job


def main(output: str, config: dict[str, Any]) -> None:
    """Write the resolved configuration as YAML."""
    write(output, config)


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(snakemake.output.config, snakemake.params.config)
