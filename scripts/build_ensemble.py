"""Build an ensemble from the stored probabilities of its members."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medley import ensembles
from medley.cases import read_cases
from medley.datasets import reader
from medley.files import write_json
from medley.labels import select, with_regions
from medley.log import job


def main(
    members: Mapping[str, Path],
    cases_file: str,
    target: Path,
    run: str,
    ensemble: Mapping[str, Any],
    reader_name: str,
    regions: Mapping[str, Sequence[str]],
) -> None:
    """Write the probabilities of ``ensemble`` into the folder ``target`` and what it is into ``run``."""
    cases = read_cases(cases_file)
    source = reader(reader_name)
    values = with_regions(source.LABELS, regions)

    def truth(case: str) -> npt.NDArray[np.bool_]:
        mask = source.read_mask(cases[case])
        return np.stack([select(mask, values[label]) for label in ensemble["labels"]])

    fitted = ensembles.build(ensemble["kind"], members, ensemble["weights"], truth, target, ensemble.get("k"))
    named = {key: ensemble[key] for key in ("kind", "members", "weights", "built_without", "labels")}
    write_json(run, {"chosen": None, **named, **fitted})


if "snakemake" in globals():
    with job(snakemake.log[0]):
        chosen = snakemake.params.ensemble
        main(
            dict(zip(chosen["members"], map(Path, snakemake.input.members), strict=True)),
            snakemake.input.cases,
            Path(snakemake.output.probabilities),
            snakemake.output.run,
            chosen,
            snakemake.params.reader,
            snakemake.params.regions,
        )
