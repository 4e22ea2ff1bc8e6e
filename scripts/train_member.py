"""Train one member on one fold with one seed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from medley import adversary, augmentations, patches, splits, state, store, train
from medley.files import sha256
from medley.labels import with_regions
from medley.log import job
from medley.task import Task


def main(
    arrays: Path,
    split: str,
    folder: Path,
    fold: int,
    regions: Mapping[str, Sequence[str]],
    code: str,
    weights: str | None,
    task: dict[str, Any],
) -> None:
    """Train ``task`` (member, seed, threads) on the cases of ``fold`` and write the model into ``folder``."""
    index, member = store.read_index(arrays), task["member"]
    values = with_regions(index["labels"], regions)
    parts = {part: splits.read(split)[fold][part] for part in ("train", "validation")}
    changes = {"train": augmentations.build(member["augmentation"])} if "augmentation" in member else {}
    held = [
        patches.build(member, part == "train", arrays, cases, values, changes.get(part))
        for part, cases in parts.items()
    ]
    if "adversary" in member:
        task["domains"] = adversary.numbered({case: index["cases"][case]["vendor"] for case in parts["train"]})
    mark = state.fingerprint(
        {
            "task": task,
            "values": {label: values[label] for label in member["labels"]},
            "data": {part: {case: index["cases"][case]["sha256"] for case in cases} for part, cases in parts.items()},
            "weights": weights and sha256(weights),
            "code": code,
        }
    )
    train.train(Task(values=values, weights=weights, **task), *held, mark, folder)


if "snakemake" in globals():
    task = snakemake.params.task
    with job(snakemake.log[0]):
        main(
            Path(snakemake.input.arrays),
            snakemake.input.split,
            Path(snakemake.output.model).parent,
            int(snakemake.wildcards.fold),
            task["regions"],
            task["code"],
            snakemake.input.get("weights"),
            {"member": task["member"], "seed": int(snakemake.wildcards.seed), "threads": task["threads"]},
        )
