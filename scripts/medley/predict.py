"""Prediction of cases by a trained member: class probabilities on the native grid."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file

from medley import models, preprocess, process, store

Floats = npt.NDArray[np.float32]


class Predictor:
    """A trained network that predicts whole cases. It computes in float32 on every machine."""

    def __init__(self, member: dict[str, Any], channels: int, model: Path, threads: int) -> None:
        """Load the weights in ``model`` (safetensors) for images of ``channels`` channels."""
        torch.set_num_threads(threads)
        torch.backends.cudnn.allow_tf32 = False
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.member = member
        network = models.build(member, channels, weights=None)
        network.load_state_dict(load_file(model))
        self.network = network.to(self.device).eval()
        self.images, self.seconds = 0, 0.0

    @torch.inference_mode()
    def predict(self, image: Floats) -> Floats:
        """Return probabilities (classes, slices, rows, columns) of an image (channels, slices, rows, columns)."""
        started = time.monotonic()
        slices = torch.from_numpy(np.array(np.moveaxis(image, 1, 0), order="C"))
        logits = [
            self.network(batch.to(self.device)).float().cpu() for batch in torch.split(slices, self.member["batch"])
        ]
        every = torch.cat(logits)
        probabilities = every.softmax(1) if self.member["head"] == "softmax" else every.sigmoid()
        self.images += len(slices)
        self.seconds += time.monotonic() - started
        return np.ascontiguousarray(np.moveaxis(probabilities.numpy(), 0, 1))

    def outside(self) -> list[float]:
        """Return the probabilities where the recipe's window does not reach: background."""
        labels = [0.0] * len(self.member["labels"])
        return [1.0, *labels] if self.member["head"] == "softmax" else labels

    def cost(self) -> dict[str, Any]:
        """Return what prediction.json holds; seconds are those of the network alone, without reading and writing."""
        gpu = torch.cuda.is_available()
        return {
            "images": self.images,
            "seconds": self.seconds,
            "images_per_second": self.images / self.seconds if self.seconds else None,
            "queue_seconds": process.slurm_wait_seconds(),
            "peak_memory_mb": process.peak_memory_mb(),
            "peak_gpu_memory_mb": torch.cuda.max_memory_allocated() / 2**20 if gpu else None,
            "device": torch.cuda.get_device_name() if gpu else "cpu",
        }


def predict_cases(predictor: Predictor, arrays: Path, cases: Sequence[str]) -> Iterator[tuple[str, Floats]]:
    """Yield each case with its probabilities (classes, slices, rows, columns) on the native grid."""
    index = store.read_index(arrays)
    for case in cases:
        entry = index["cases"][case]
        grid = preprocess.geometry(entry["shape"], entry["spacing"], index["recipe"])
        probabilities = predictor.predict(store.open_image(arrays, case))
        yield case, grid.undo(probabilities, predictor.outside())
