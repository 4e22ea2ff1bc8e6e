"""From a trained network and a test patient's heartbeat to the figure and animation of ``cine``."""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from medley import datasets, splits
from medley.cases import read_cases
from medley.figures import animation, cine, style
from medley.figures.patient import colours_of
from medley.labels import select
from medley.predict import Predictor
from medley.predict_image import label_map, predict_image
from medley.provenance import write_provenance
from medley.results.read import training_of
from medley.results.study import Study


def plot(inputs: dict[str, str], png: str, gif: str, provenance: str, task: dict[str, Any]) -> None:
    """Write some frames to ``png`` and beside it as .pdf, all of them to ``gif``.

    ``inputs`` are ``model`` (safetensors), ``split`` and ``cases``; ``task`` has the resolved ``member``, its
    ``recipe``, the ``readers`` of the datasets, ``study`` and ``threads``.
    """
    training, member, study = training_of(inputs["model"]), task["member"], Study(**task["study"])
    reader, table = datasets.reader(task["readers"][training.dataset]), read_cases(inputs["cases"])
    case = cine.choose(table, splits.read(inputs["split"])[training.fold]["test"], reader.cine_file)
    whole = reader.read_cine(case)
    frames = cine.every(len(whole))
    beat, masks = whole[frames], []
    predictor = Predictor(member, 1, Path(inputs["model"]), task["threads"])
    for number, image in enumerate(beat, start=1):
        values = predict_image([predictor], image[None], case.spacing, task["recipe"])
        masks.append(label_map(values, member, reader.LABELS))
        logging.info("%d of %d frames", number, len(beat))
    predicted = {label: select(np.stack(masks), reader.LABELS[label]) for label in member["labels"]}
    shown = cine.cut(beat, predicted, frames, reader.read_mask(case) > 0, case.spacing)
    title = f"heartbeat of test patient {case.patient} ({case.view}), prediction of {training.member}"
    with style.paper():
        strip = cine.strip(shown, f"{title} (fold {training.fold}, seed {training.seed})", study)
        style.save(strip, png)
        animation.save(
            cine.animate(shown, title, study), gif, cine.BEAT // len(frames), colours_of(shown.masks).values()
        )
    write_provenance(provenance, task, [inputs["model"], inputs["split"], inputs["cases"]])
