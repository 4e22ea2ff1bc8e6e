"""What tables and figures read: metrics, cases and splits, records of trainings, published numbers."""

import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from medley import splits, store
from medley.cases import Case, read_cases, read_inspected
from medley.errors import InputError
from medley.files import read_json
from medley.plan import Training

File = str | os.PathLike[str]


def training_of(path: File) -> Training:
    """Return the training that a file in ``{dataset}/{split}/members/{member}/fold-{fold}/seed-{seed}/`` is of.

    Raises InputError when the path has another form.
    """
    try:
        dataset, split, kind, member, fold, seed = Path(path).parts[-7:-1]
        if kind == "members" and fold.startswith("fold-") and seed.startswith("seed-"):
            return Training(dataset, split, member, int(fold[5:]), int(seed[5:]))
    except ValueError:
        pass
    raise InputError(f"{path}: not in a training's folder (dataset/split/members/member/fold-0/seed-0)")


def read_records(paths: Iterable[File]) -> dict[Training, Any]:
    """Return the JSON files ``paths`` (run.json, prediction.json) by training, sorted."""
    records = {training_of(path): read_json(path) for path in paths}
    return dict(sorted(records.items()))


def read_csv(path: File, floats: Sequence[str] = ("value",), integers: Sequence[str] = ()) -> pd.DataFrame:
    """Return a CSV file with ``floats`` and ``integers`` (may be empty) as numbers, all else as text."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    for column in floats:
        frame[column] = pd.to_numeric(frame[column])
    for column in integers:
        frame[column] = pd.to_numeric(frame[column]).astype("Int64")
    return frame


def read_metrics(paths: Iterable[File], metrics: Collection[str] | None = None) -> pd.DataFrame:
    """Return the rows of the ``metrics.csv`` files ``paths``, all or those of ``metrics``."""
    frames = (read_csv(path, integers=("fold", "seed")) for path in paths)
    kept = (frame if metrics is None else frame[frame["metric"].isin(metrics)] for frame in frames)
    return pd.concat(kept, ignore_index=True)


def read_batches(paths: Iterable[File]) -> pd.DataFrame:
    """Return all rows of the ``batches.csv`` files ``paths``."""
    frames = [read_csv(path, integers=("seed", "batch", "slices")) for path in paths]
    return pd.concat(frames, ignore_index=True)


def read_published(path: File, study: str, table: str) -> pd.DataFrame:
    """Return what the authors of ``study`` printed in ``table``; empty where they printed nothing."""
    frame = read_csv(path)
    return frame[(frame["study"] == study) & (frame["table"] == table)].reset_index(drop=True)


def read_case_tables(paths: Iterable[File]) -> dict[str, dict[str, Case]]:
    """Return dataset → name → case of the ``cases.csv`` files ``paths``."""
    return {dataset_of(path): read_cases(path) for path in paths}


def read_inspections(
    cases: Sequence[File], quality: Sequence[File]
) -> dict[str, tuple[dict[str, Case], list[dict[str, str]]]]:
    """Return dataset → cases and rows of quality.csv (see ``cases.read_inspected``).

    ``quality`` are the files of the datasets in the order of ``cases``.
    """
    return {dataset_of(path): read_inspected(path, rows) for path, rows in zip(cases, quality, strict=True)}


def read_phases(paths: Iterable[File]) -> dict[str, dict[str, str]]:
    """Return dataset → case → phase of the ``cases.csv`` files ``paths``."""
    tables = read_case_tables(paths)
    return {dataset: {name: case.phase for name, case in cases.items()} for dataset, cases in tables.items()}


def read_splits(paths: Iterable[File]) -> dict[tuple[str, str], dict[int, dict[str, list[str]]]]:
    """Return (dataset, split) → fold → part → cases of the files ``{dataset}/{split}/split.csv`` in ``paths``."""
    return {(path.parts[-3], path.parts[-2]): splits.read(path) for path in map(Path, paths)}


def read_stores(folders: Iterable[File]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return (dataset, recipe) → index of the array stores ``folders`` (see ``medley.store``)."""
    return {(dataset_of(folder), folder.name): store.read_index(folder) for folder in map(Path, folders)}


def read_histories(paths: Iterable[File]) -> dict[Training, pd.DataFrame]:
    """Return the ``history.csv`` files ``paths`` by training, sorted."""
    columns = ("epoch", "train_loss", "validation_loss")
    histories = {training_of(path): read_csv(path, floats=columns) for path in paths}
    return dict(sorted(histories.items()))


def published_value(published: pd.DataFrame, predictor: str, metric: str) -> float:
    """Return the published ``metric`` of ``predictor``, not a number where there is none.

    Raises InputError when there are several.
    """
    found = _published(published, predictor, metric)
    return float(found["value"].iloc[0]) if len(found) else float("nan")


def published_subset(published: pd.DataFrame, predictor: str, metric: str) -> str:
    """Return the subset (``val``, ``test``) that ``published_value`` is of, empty where there is no value."""
    found = _published(published, predictor, metric)
    return str(found["subset"].iloc[0]) if len(found) else ""


def predictor_of(folder: File) -> tuple[str, str]:
    """Return dataset and predictor of ``{dataset}/{split}/{kind}/{predictor}/seed-{seed}/{file}``."""
    dataset, _, _, predictor, _, _ = Path(folder).parts[-6:]
    return dataset, predictor


def dataset_of(path: File) -> str:
    """Return the dataset of a file somewhere below ``datasets/{dataset}/``."""
    parts = Path(path).parts
    return parts[parts.index("datasets") + 1]


def _published(published: pd.DataFrame, predictor: str, metric: str) -> pd.DataFrame:
    found = published[(published["predictor"] == predictor) & (published["metric"] == metric)]
    if len(found) > 1:
        raise InputError(f"published.csv: {len(found)} values of {metric} for {predictor}; the table takes one")
    return found
