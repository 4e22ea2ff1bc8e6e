"""Plot how many slices of each combination of organs are in each part of the splits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from medley import splits
from medley.cases import read_cases
from medley.figures import combinations, style
from medley.log import job
from medley.provenance import write_provenance
from medley.results.read import dataset_of
from medley.results.study import Study


def main(
    split_files: Sequence[str],
    cases: Sequence[str],
    png: str,
    provenance: str,
    study: dict[str, Any],
    protocols: Mapping[str, str],
) -> None:
    """Write the figure of fold 0 to ``png`` and beside it as .pdf, its provenance to ``provenance``.

    ``protocols`` holds the split of each protocol.
    """
    tables = {dataset_of(path): read_cases(path) for path in cases}
    counts = {}
    for path in split_files:
        dataset, split = Path(path).parts[-3:-1]
        counts[dataset, split] = combinations.count(tables[dataset], splits.read(path)[0])
    with style.paper():
        style.save(combinations.draw(counts, protocols, Study(**study)), png)
    write_provenance(provenance, {"study": study, "protocols": protocols}, [*split_files, *cases])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.splits,
            snakemake.input.cases,
            snakemake.output.png,
            snakemake.output.provenance,
            snakemake.params.study,
            snakemake.params.protocols,
        )
