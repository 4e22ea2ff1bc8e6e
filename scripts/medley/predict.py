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
        logits = self._in_windows(image) if "patch" in self.member else self._of_slices(image)
        probabilities = logits.softmax(0) if self.member["head"] == "softmax" else logits.sigmoid()
        self.images += image.shape[1]
        self.seconds += time.monotonic() - started
        return np.ascontiguousarray(probabilities.numpy())

    def _of_slices(self, image: Floats) -> torch.Tensor:
        """Return logits (classes, slices, rows, columns) of whole slices, a batch at a time."""
        slices = torch.from_numpy(np.array(np.moveaxis(image, 1, 0), order="C"))
        batches = torch.split(slices, self.member["batch"])
        return torch.cat([self.network(batch.to(self.device)).float().cpu() for batch in batches]).movedim(0, 1)

    def _in_windows(self, image: Floats) -> torch.Tensor:
        """Return logits (classes, slices, rows, columns) from a window of the patch's size that slides over the image.

        Windows overlap by half and count less toward their border (a Gaussian, as in nnU-Net). What they reach
        beyond the image is 0, as in training.
        """
        from monai.inferers.utils import sliding_window_inference  # takes seconds, which members without patches save

        rows, columns, *slices = self.member["patch"]
        whole = torch.from_numpy(np.array(image, order="C"))
        # Slices of a flat patch are so many images; a volume is one.
        images = whole[None] if slices else whole.movedim(1, 0)
        logits = sliding_window_inference(
            images.to(self.device),
            roi_size=(*slices, rows, columns),
            sw_batch_size=self.member["batch"],
            predictor=self.network,
            overlap=0.5,
            mode="gaussian",
        )
        assert isinstance(logits, torch.Tensor)
        logits = logits.float().cpu()
        return logits[0] if slices else logits.movedim(1, 0)

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
        grid = preprocess.geometry(entry["shape"], entry["spacing"], index["recipe"], entry.get("box"))
        probabilities = predictor.predict(store.open_image(arrays, case))
        yield case, grid.undo(probabilities, predictor.outside())
