"""What a finished training leaves: the kept weights, its history, and the record of the run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from medley.epochs import Row
from medley.files import whole_file, write_json


def write(folder: Path, kept: Mapping[str, torch.Tensor], history: Sequence[Row], record: Mapping[str, Any]) -> None:
    """Write ``model.safetensors``, ``history.csv`` and ``run.json`` into ``folder``, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / "model.safetensors") as part:
        # As bytes, since save_file on a full disk fails with an error that does not say so.
        part.write_bytes(save({name: value.contiguous() for name, value in sorted(kept.items())}))
    lines = [",".join(history[0]), *(",".join(f"{value:.9g}" for value in row.values()) for row in history)]
    with whole_file(folder / "history.csv") as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_json(folder / "run.json", record)
