"""Device, precision, memory layout and determinism.

They follow from the processor's flags and the GPU, never from a clock.

bfloat16 with channels-last trains 1.6 to 3.6 times faster than float32 on a processor that multiplies
bfloat16 (``make bench ONLY=training``); on one that does not, and for float32, the plain layout is faster.
"""

import contextlib
import dataclasses
import os
from pathlib import Path

import torch

from medley.errors import InputError

BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}
DRIVER = Path("/proc/driver/nvidia/version")
NO_GPU = {"", "-1", "NoDevFiles"}  # values of CUDA_VISIBLE_DEVICES that give a job none


@dataclasses.dataclass(frozen=True)
class Precision:
    """How a network is trained on this machine."""

    device: torch.device
    compute: torch.dtype  # of the network's forward pass; weights and loss stay float32
    layout: torch.memory_format

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """Return the context in which the network runs forward."""
        if self.compute == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self.compute)

    def scaler(self) -> torch.amp.GradScaler:
        """Return the gradient scaler: at work for float16, which underflows, and idle otherwise."""
        return torch.amp.GradScaler(self.device.type, enabled=self.compute == torch.float16)

    def names(self) -> dict[str, str]:
        """Return device, precision and memory format as run.json records them."""
        gpu = self.device.type == "cuda"
        return {
            "device": torch.cuda.get_device_name(self.device) if gpu else "cpu",
            "precision": str(self.compute).removeprefix("torch."),
            "memory_format": str(self.layout).removeprefix("torch."),
        }


def choose(volumes: bool = False) -> Precision:
    """Return bfloat16 where GPU or processor has it, float16 on other GPUs, float32 on other processors.

    ``volumes`` says that images have slices beside rows and columns: then the layout is theirs.
    Raises InputError in a job that was given a GPU which torch cannot use: it would hold it and train on the processor.
    """
    layout = torch.channels_last_3d if volumes else torch.channels_last
    if torch.cuda.is_available():
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        compute = torch.bfloat16 if native else torch.float16
        return Precision(torch.device("cuda"), compute, layout)
    if DRIVER.exists() and os.environ.get("CUDA_VISIBLE_DEVICES", "") not in NO_GPU:
        raise InputError(
            f"this job has GPU {os.environ['CUDA_VISIBLE_DEVICES']}, which torch {torch.__version__} cannot use: "
            "`make doctor` on this node says why (with an older driver: make env TORCH_INDEX=URL)"
        )
    if BFLOAT16_FLAGS & processor_flags():
        return Precision(torch.device("cpu"), torch.bfloat16, layout)
    return Precision(torch.device("cpu"), torch.float32, torch.contiguous_format)


def processor_flags() -> set[str]:
    """Return the processor's feature flags as Linux lists them; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return set(next((line.split(":", 1)[1] for line in lines if line.startswith("flags")), "").split())


def make_deterministic(seed: int, threads: int) -> None:
    """Seed torch, fix its threads and ask for deterministic kernels.

    Some GPU kernels (bilinear upsampling backward) have no deterministic form: they only warn.
    """
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    torch.manual_seed(seed)
