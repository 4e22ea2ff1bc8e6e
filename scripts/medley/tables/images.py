"""The images table: the single images that the authors show, their Dice beside ours.

They name architecture and encoder, not the loss: beside each published number stand our members of all losses.
"""

from typing import Any

import pandas as pd

from medley.errors import InputError
from medley.results.authors import published_as
from medley.results.factorial import PATIENT, dice_by_case, shown_grid
from medley.results.study import Study

ABSENT, MADE_UP = "not a test image here", "phantoms"
NUMBERS = ("published", "dice")
TEXTS = ("dataset", "image", "predictor", "member", "loss", "note")
COLUMNS = (*TEXTS[:3], "published", *TEXTS[3:5], "dice", "seeds", TEXTS[5])
TYPES = {**dict.fromkeys(TEXTS, "str"), **dict.fromkeys(NUMBERS, "float64"), "seeds": "Int64"}


def numbers(metrics: pd.DataFrame, published: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return one row per dataset, published image and predictor (``unet_resnet50``), and member of it, one a loss.

    ``metrics`` and ``published`` are rows of these files. ``dice`` is the mean over seeds, none with a note: of an
    image that is not among the dataset's test images, and of phantoms, whatever these are called. A predictor
    without members has one row. Raises InputError where the authors show no image of any of the datasets.
    """
    seeds = metrics["seed"].nunique()
    rows: list[dict[str, Any]] = []
    for dataset in study.datasets:
        cases = dice_by_case(metrics, study, dataset).droplevel(PATIENT)
        for said in published.to_dict("records"):
            theirs, _, image = said["subset"].partition("/")
            if theirs != published_as(dataset):
                continue
            note = MADE_UP if dataset in study.phantoms else "" if image in cases.index else ABSENT
            about = {"dataset": dataset, "image": image, "predictor": said["predictor"], "published": said["value"]}
            about |= {"seeds": seeds, "note": note}
            rows += [
                about | {"member": member, "loss": loss, "dice": float("nan") if note else cases.loc[image, member]}
                for member, loss in _members(study, said["predictor"]).items()
            ] or [about]
    if not rows:
        raise InputError(
            f"studies.{study.name}: published.csv has no single image of its datasets; take images out of tables"
        )
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(TYPES)


def _members(study: Study, predictor: str) -> dict[str, str]:
    """Return the members of the grid that differ from a published predictor in having a loss, and that loss."""
    start = f"{predictor}_"
    return {name: name.removeprefix(start) for name in shown_grid(study) if name.startswith(start)}
