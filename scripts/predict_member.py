"""Predict a fold's validation cases and all test cases by the member trained on it."""

import logging
from pathlib import Path
from typing import Any

from medley import probabilities, splits, store
from medley.files import whole_folder, write_json
from medley.log import job
from medley.predict import Predictor, predict_cases

PARTS = {"validation": "out_of_fold", "test": "test"}


def main(
    arrays: Path, split: str, model: Path, folder: Path, cost: Path, member: dict[str, Any], fold: int, threads: int
) -> None:
    """Write the probabilities of ``fold``'s validation and test cases into ``folder``, the cost into ``cost``."""
    parts = splits.read(split)[fold]
    entries = {case: probabilities.Entry(fold, name) for part, name in PARTS.items() for case in parts.get(part, [])}
    cases = sorted(entries)
    channels = store.open_image(arrays, cases[0]).shape[0]
    predictor = Predictor(member, channels, model, threads)
    with whole_folder(folder) as part:
        for number, (case, values) in enumerate(predict_cases(predictor, arrays, cases), start=1):
            probabilities.write_case(part, case, values, member["head"])
            if number % 10 == 0 or number == len(cases):
                logging.info("%d of %d cases", number, len(cases))
        probabilities.write_contents(part, probabilities.Contents(member["head"], tuple(member["labels"]), entries))
    write_json(cost, predictor.cost())


if "snakemake" in globals():
    with job(snakemake.log[0]):
        main(
            Path(snakemake.input.arrays),
            snakemake.input.split,
            Path(snakemake.input.model),
            Path(snakemake.output.probabilities),
            Path(snakemake.output.cost),
            snakemake.params.task["member"],
            int(snakemake.wildcards.fold),
            snakemake.params.task["threads"],
        )
