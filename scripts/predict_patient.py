"""Predict one patient from the files in a folder: masks, volumes and overlays, and the seconds that they took."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medley import datasets, patient, predict_image
from medley.figures import patient as overlay
from medley.figures import style
from medley.files import whole_folder, write_json
from medley.labels import select
from medley.log import job
from medley.predict import Predictor
from medley.results.study import Study


def main(folder: Path, networks: dict[str, Sequence[str]], output: Path, task: dict[str, Any]) -> None:
    """Write the folder ``output`` about the patient in ``folder``; ``networks`` has the models of each dataset."""
    member, study, seconds = task["member"], Study(**task["study"]), {}
    rows: list[dict[str, Any]] = []
    found = patient.cases_in(folder, task["readers"])
    with whole_folder(output) as part, style.paper():
        for dataset, cases in found.items():
            reader = datasets.reader(task["readers"][dataset])
            started = time.monotonic()
            models = [Path(model) for model in networks[dataset]]
            channels = reader.read_image(cases[0]).shape[0]
            predictors = [Predictor(member, channels, model, task["threads"]) for model in models]
            seconds[f"loading {dataset}"] = time.monotonic() - started
            for case in cases:
                started = time.monotonic()
                image = reader.read_image(case)
                values = predict_image.predict_image(predictors, image, case.spacing, task["recipe"])
                mask = predict_image.label_map(values, member, reader.LABELS)
                patient.write_mask(part / f"{case.case}_prediction.nii.gz", case, mask)
                rows += patient.volumes(case, mask, member["labels"], reader.LABELS)
                predicted = {label: select(mask, reader.LABELS[label]) for label in member["labels"]}
                title = f"{case.case} as {task['name']} predicts it (mean of {len(models)} networks)"
                picture = overlay.draw(image[0], predicted, case.spacing, title, study)
                picture.savefig(part / f"{case.case}.png", metadata={"Software": None})
                seconds[case.case] = time.monotonic() - started
        patient.write_volumes(part / "volumes.csv", rows)
        cost = {"member": task["name"], "device": str(predictors[0].device), "networks": len(models)}
        write_json(part / "prediction.json", cost | {"seconds": seconds, "total_seconds": sum(seconds.values())})


if "snakemake" in globals():
    with job(snakemake.log[0]):
        own = snakemake.params.folder or patient.first_tested(snakemake.input.cases, snakemake.input.split)
        models = {dataset: snakemake.input[dataset] for dataset in snakemake.params.task["readers"]}
        main(Path(own), models, Path(snakemake.output.folder), snakemake.params.task)
