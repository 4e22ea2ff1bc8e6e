"""Training on a GPU, fed from the array store, against the same training fed from memory."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medley import samples, store, train
from tests.benchmarks.timing import compare

NAME = "training of FPN ResNet-34, batch 32, on a GPU"
GOAL = 0.95
SHAPE, CASES, SLICES, BATCH = (192, 256), 64, 10, 32  # rows and columns; slices of a case
PASSES = 100  # more epochs than are timed
MEMBER = {
    "architecture": "FPN",
    "encoder": "resnet34",
    "weights": None,
    "width": 1,
    "labels": ["heart"],
    "head": "softmax",
    "recipe": "minmax_pad",
    "loss": "dice",
    "optimiser": "adam",
    "lr": 1e-4,
    "schedule": "constant",
    "batch": BATCH,
    "epochs": PASSES,
    "keep": "last",
}


class Held(samples.Slices):
    """Slices that read one batch of each size, and give it again and again."""

    def batch(self, chosen: Any, key: Any = None) -> Any:
        """Return images and targets of as many samples as are chosen."""
        if not hasattr(self, "held"):
            self.held: dict[int, Any] = {}
        if len(chosen) not in self.held:
            self.held[len(chosen)] = super().batch(chosen)
        return self.held[len(chosen)]


def run() -> list[dict[str, Any]]:
    """Return one row: an epoch and its validation, timed where there is a GPU."""
    if torch.cuda.is_available():
        return [row(SLICES)]
    nothing = dict.fromkeys(("ours", "theirs", "ratio", "peak_memory_mb"))
    return [{"name": NAME, **nothing, "goal": GOAL, "note": "not measured: no GPU here"}]


def row(slices: int) -> dict[str, Any]:
    """Compare an epoch over cases of ``slices`` slices, read from a store or held in memory."""
    generator = np.random.default_rng(0)
    cases = [f"case{number:03d}" for number in range(CASES)]
    task = train.Task(member=MEMBER, values={"heart": (1,)}, seed=0, threads=torch.get_num_threads(), weights=None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case in cases:
            image = generator.random((1, slices, *SHAPE), dtype=np.float32)
            store.write_case(folder, case, image, (image[0] > 0.5).astype(np.uint8))

        def training(kind: type[samples.Slices]) -> train.Run:
            parts = (cases[:-8], cases[-8:])
            of_training, of_validation = (kind(folder, part, ["heart"], task.values, "softmax") for part in parts)
            return train.Run(task, of_training, of_validation, "", folder / kind.__name__)

        ours, theirs = training(samples.Slices), training(Held)
        note = f"epochs of {len(ours.training)} slices, {len(ours.validation)} more to validate"
        return compare(NAME, ours.one_epoch, theirs.one_epoch, GOAL, note)
