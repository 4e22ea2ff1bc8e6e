"""The state of a training, from which it goes on after it was killed.

Snakemake deletes the declared outputs of a failed job, so the state lies in a folder of its own beside
them. One file an epoch, the last two kept, each with the checksum of its bytes and a fingerprint of what
the training depends on: a torn file is passed over, a state of another training is not used.
"""

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import torch

from medley.errors import InputError
from medley.files import read_json, sha256, whole_file, write_json

KEPT = 2


def fingerprint(parts: dict[str, Any]) -> str:
    """Return the SHA-256 of ``parts`` (anything JSON can hold)."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def save(folder: Path, mark: str, epoch: int, state: dict[str, Any], more: dict[str, Any]) -> None:
    """Write the state after ``epoch`` under the fingerprint ``mark``, then remove all but the last two.

    ``more`` stands in the state's label: the precision, and what ``medley.status`` reads without torch.
    """
    file = folder / f"epoch-{epoch:05d}.pt"
    with whole_file(file) as part:
        torch.save(state, part)
        digest = sha256(part)
    write_json(file.with_suffix(".json"), {"fingerprint": mark, "sha256": digest, **more})
    keep(folder, KEPT)


def keep(folder: Path, count: int) -> None:
    """Remove all states in ``folder`` but the last ``count``."""
    for old in sorted(folder.glob("epoch-*.pt"))[:-count]:
        old.with_suffix(".json").unlink(missing_ok=True)
        old.unlink()


def load(folder: Path, mark: str, precision: str) -> dict[str, Any] | None:
    """Return the newest whole state with the fingerprint ``mark``; without one, remove all states and return None.

    Only tensors and plain values are read back (``weights_only``): no code from a file runs.
    Raises InputError for a state of another ``precision``: it took hours on another kind of machine, perhaps.
    A file that cannot be read for another reason than damage (OSError) is no reason to begin again either.
    """
    for file in sorted(folder.glob("epoch-*.pt"), reverse=True):
        try:
            label = read_json(file.with_suffix(".json"))
            if label["sha256"] != sha256(file):
                raise ValueError("its checksum differs")
        except (FileNotFoundError, ValueError, KeyError) as error:
            logging.warning("%s is not whole (%s): the state before it is used", file, error)
            continue
        if label["fingerprint"] != mark:
            logging.info("%s is of another training (parameters, data or code changed): fresh start", file)
            break
        if label["precision"] != precision:
            raise InputError(
                f"{file}: trained in {label['precision']}, and this machine computes in {precision}: take a machine "
                f"like the first (on a cluster name the kind of GPU, gpu_model), or remove {folder} to begin again"
            )
        state: dict[str, Any] = torch.load(file, weights_only=True, map_location="cpu")
        return state
    for old in folder.glob("epoch-*"):
        old.unlink()
    return None


def is_answered(folder: Path, mark: str) -> bool:
    """Return whether the outputs in ``folder`` are those of the training with the fingerprint ``mark``."""
    outputs = [folder / name for name in ("model.safetensors", "history.csv", "run.json")]
    if not all(path.exists() for path in outputs) or read_json(outputs[-1])["fingerprint"] != mark:
        return False
    logging.info("%s: this training is done, by the job that worked on it before", folder)
    return True
