"""Plot one case of every vendor before and after preprocessing."""

from collections.abc import Sequence
from typing import Any

from medley import datasets
from medley.cases import read_kept
from medley.figures import preprocessing, style
from medley.log import job
from medley.provenance import write_provenance
from medley.results.read import dataset_of
from medley.results.study import Study


def main(cases: Sequence[str], quality: Sequence[str], png: str, provenance: str, task: dict[str, Any]) -> None:
    """Write the figure to ``png`` and beside it as .pdf, its provenance to ``provenance``.

    ``quality`` are the files quality.csv in the order of ``cases``; ``task`` has the ``study``, the ``readers`` of its
    datasets, and a ``member`` with its ``recipe``.
    """
    found: dict[str, list[preprocessing.Steps]] = {}
    inspected = {dataset_of(table): (table, rows) for table, rows in zip(cases, quality, strict=True)}
    for dataset, name in task["readers"].items():
        reader = datasets.reader(name)
        chosen = preprocessing.choose(read_kept(*inspected[dataset]).values())
        own = [preprocessing.steps(case, reader.read_image(case), task["recipe"]) for case in chosen]
        found[chosen[0].view] = own
    with style.paper():
        style.save(preprocessing.draw(found, task["member"]["recipe"], Study(**task["study"])), png)
    write_provenance(provenance, task, [*cases, *quality])


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.cases,
            snakemake.input.quality,
            snakemake.output.png,
            snakemake.output.provenance,
            snakemake.params.task,
        )
