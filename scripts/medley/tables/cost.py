"""The cost table: what each member's trainings and predictions took, as they ran."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from medley.plan import Training
from medley.results.study import Study
from medley.tables.write import MISSING, Table, View, count, notes_of, number, records, title

NUMBERS = (
    "train_seconds",
    "validation_seconds",
    "train_images_per_second",
    "predict_seconds",
    "gpu_hours",
    "queue_seconds",
    "predict_images_per_second",
    "train_memory_mb",
    "train_gpu_memory_mb",
    "predict_memory_mb",
)
COUNTS = ("parameters", "trainings", "folds", "seeds", "attempts")
TEXTS = ("epochs", "best_epochs", "device", "precision")
PLACE = ("dataset", "split", "member")
COLUMNS = (*PLACE, *COUNTS, *NUMBERS, *TEXTS, "note")
TYPES = {
    **dict.fromkeys((*PLACE, *TEXTS, "note"), "str"),
    **dict.fromkeys(NUMBERS, "float64"),
    **dict.fromkeys(COUNTS, "Int64"),
}


def numbers(
    runs: Mapping[Training, Mapping[str, Any]],
    predictions: Mapping[Training, Mapping[str, Any]],
    members: Sequence[str],
    study: Study,
) -> pd.DataFrame:
    """Return one row per dataset, split and member: seconds summed over folds and averaged over seeds.

    ``runs`` and ``predictions`` are run.json and prediction.json of each training, ``members`` the names
    of all members, also of those that are not run: these have a row that says so, once per dataset.
    """
    rows: list[dict[str, Any]] = []
    for dataset in study.datasets:
        for split in sorted({training.split for training in runs if training.dataset == dataset}):
            for member in members:
                own = [run for run in runs if run[:3] == (dataset, split, member)]
                if own:
                    row = _cost([runs[training] for training in own], [predictions[training] for training in own])
                    row |= {"folds": len({run.fold for run in own}), "seeds": len({run.seed for run in own})}
                    row |= {key: row[key] / row["seeds"] for key in NUMBERS if key.endswith(("_seconds", "_hours"))}
                    rows.append({"dataset": dataset, "split": split, "member": member} | row)
        missing = [member for member in members if member in study.not_run]
        rows += [{"dataset": dataset, "member": name, "note": f"not run: {study.not_run[name]}"} for name in missing]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(TYPES)


def table(frame: pd.DataFrame, study: Study, patients: Iterable[Mapping[str, Any]] = ()) -> Table:
    """Return what is printed of ``frame`` (see ``numbers``).

    ``patients`` are the prediction.json of patients that were predicted from files, each in its note.
    """
    view = View.over_datasets("", pd.DataFrame([_cells(row) for row in records(frame)]), text=2)
    return Table(
        title("cost of each member, as run", study),
        frame,
        (view,),
        (*NOTES, *map(_patient, patients), *notes_of(study)),
    )


def _cost(runs: Sequence[Mapping[str, Any]], predictions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the totals of one member's trainings (``runs``) and ``predictions`` on one split."""
    train, predict = _total(runs, "train_seconds"), _total(predictions, "seconds")
    return {
        "parameters": runs[0]["parameters"],
        "trainings": len(runs),
        "attempts": _total(runs, "attempts"),
        "train_seconds": train,
        "validation_seconds": _total(runs, "validation_seconds"),
        "train_images_per_second": _rate(sum(run["images_per_second"] * run["train_seconds"] for run in runs), train),
        "predict_seconds": predict,
        "gpu_hours": _gpu_hours(runs, predictions),
        "queue_seconds": _total(runs, "queue_seconds") + _total(predictions, "queue_seconds"),
        "predict_images_per_second": _rate(_total(predictions, "images"), predict),
        "train_memory_mb": _peak(run["peak_memory_mb"] for run in runs),
        "train_gpu_memory_mb": _peak(run["peak_gpu_memory_mb"] for run in runs),
        "predict_memory_mb": _peak(prediction["peak_memory_mb"] for prediction in predictions),
        "epochs": _listed(sorted({run["epochs"] for run in runs})),
        "best_epochs": _listed(run["best_epoch"] for run in runs),
        "device": "; ".join(sorted({run["device"] for run in runs})),
        "precision": _listed(sorted({run["precision"] for run in runs})),
    }


def _patient(record: Mapping[str, Any]) -> str:
    """Return in words what the prediction of one patient took."""
    images = sum(not name.startswith("loading") for name in record["seconds"])
    by = f"{record['member']} (mean of {record['networks']} networks a view, on {record['device']})"
    return (
        f"One new patient, by {by}: {record['total_seconds']:.1f} s for {images} images, from the files to masks, "
        "volumes and overlays, networks loaded on the way; without the start of the job."
    )


def _gpu_hours(runs: Sequence[Mapping[str, Any]], predictions: Sequence[Mapping[str, Any]]) -> float:
    """Return the hours of those trainings and predictions that ran on a GPU."""
    trained = sum(run["train_seconds"] + run["validation_seconds"] for run in runs if run["device"] != "cpu")
    return float(trained + sum(each["seconds"] for each in predictions if each["device"] != "cpu")) / 3600


def _total(jobs: Sequence[Mapping[str, Any]], key: str) -> float:
    return float(sum(job[key] for job in jobs))


def _rate(images: float, seconds: float) -> float | None:
    return images / seconds if seconds else None


def _peak(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value), default=None)  # no GPU: null or 0


def _listed(values: Iterable[Any]) -> str:
    return " ".join(str(value) for value in values)


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "dataset": row["dataset"],
        "member": row["member"],
        "split": row["split"] or MISSING,
        "parameters": row["note"] or count(row["parameters"]),
        "trainings": count(row["trainings"]),
        "training (s)": number(row["train_seconds"], 1),
        "training (images/s)": number(row["train_images_per_second"], 1),
        "prediction (images/s)": number(row["predict_images_per_second"], 1),
        "GPU (h)": number(row["gpu_hours"], 2),
        "in the queue (min)": number(row["queue_seconds"] / 60, 1),
        "peak memory, process (MB)": count(row["train_memory_mb"]),
        "peak memory, GPU (MB)": count(row["train_gpu_memory_mb"]),
        "epochs": row["epochs"] or MISSING,
        "kept epochs": row["best_epochs"] or MISSING,
        "device": row["device"] or MISSING,
        "precision": row["precision"] or MISSING,
    }


NOTES = (
    "Training seconds: a clock in the training, around its epochs without validation; summed over attempts and folds, "
    "averaged over seeds. Training images/s: 2D slices over these seconds.",
    "Prediction images/s: 2D slices over the seconds of the network alone, without reading and writing, in float32.",
    "GPU hours: training, validation and prediction on a GPU, without the start of jobs; summed as training seconds. "
    "In the queue: from a job's submission to its start as SLURM tells them, 0 without SLURM; an attempt that ended "
    "before its first epoch is not counted.",
    "Peak memory: the largest of a member's trainings; of the process its resident set as the system counts it, of the "
    "GPU what PyTorch allocated.",
    "Kept epochs: one a training, in the order of folds, then seeds.",
    "No number is from the benchmark files: those time whole jobs from outside, and hold the last attempt only.",
)
