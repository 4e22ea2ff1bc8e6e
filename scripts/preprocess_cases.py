"""Bring every case of a dataset onto a recipe's grid: the arrays that networks are trained on."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from medley import preprocess, store
from medley.cases import read_usable
from medley.datasets import reader
from medley.errors import InputError
from medley.files import whole_folder
from medley.log import job

# What samplers and domain losses may ask of a case; the table of cases is no input of a training.
KNOWN = ("patient", "phase", "view", "vendor", "pathology")


def main(cases_file: str, quality_file: str, output: str, reader_name: str, recipe: Mapping[str, Any]) -> None:
    """Write the array store ``output`` for the cases in ``cases_file`` that can be read, in a split or not."""
    cases = read_usable(cases_file, quality_file)
    source = reader(reader_name)
    entries = {}
    with whole_folder(output) as folder:
        for number, case in enumerate(cases.values(), start=1):
            raw = source.read_image(case)
            box = {"box": preprocess.nonzero_box(raw)} if "crop" in recipe else {}
            grid = preprocess.geometry(case.shape, case.spacing, recipe, **box)
            truth = source.read_mask(case) if case.mask else np.zeros(grid.native, dtype=np.uint8)
            try:
                image, mask = preprocess.preprocess(raw, truth, grid, recipe)
            except InputError as error:
                raise InputError(f"{case.image}: {error}") from None
            entries[case.case] = {
                **{key: getattr(case, key) for key in KNOWN},
                **box,
                "shape": case.shape,
                "spacing": case.spacing,
                "foreground": int(np.count_nonzero(truth)),
                "foreground_outside": int(np.count_nonzero(truth[~grid.inside()])),
                "sha256": store.write_case(folder, case.case, image, mask),
            }
            if number % 20 == 0 or number == len(cases):
                logging.info("%d of %d cases", number, len(cases))
        store.write_index(folder, recipe, source.LABELS, entries)
    lost, whole = (sum(entry[key] for entry in entries.values()) for key in ("foreground_outside", "foreground"))
    logging.info("%.2f %% of the true foreground lies outside the recipe's window", 100 * lost / max(whole, 1))


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            snakemake.input.cases,
            snakemake.input.quality,
            snakemake.output.arrays,
            snakemake.params.reader,
            snakemake.params.recipe,
        )
