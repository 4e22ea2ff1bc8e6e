"""The machine: memory, disk, write access, SLURM, processor and GPU."""

import dataclasses
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from medley.doctor import Finding

TRAINING = 2  # GB of memory of one training at full size (docs/results/acdc/cost.md)
WRITTEN = ("results", "data", ".snakemake")
# The oldest Linux driver of a CUDA release (docs.nvidia.com/deploy/cuda-compatibility).
OLDEST_DRIVER = {12: 525, 13: 580}
PROBE = """
import json
from medley import precision
flags = sorted(precision.BFLOAT16_FLAGS & precision.processor_flags())
print(json.dumps({**precision.choose().names(), "flags": flags}))
"""
PATIENCE = 180  # seconds for loading torch from a slow network file system


@dataclasses.dataclass(frozen=True)
class Card:
    """A GPU as nvidia-smi lists it."""

    name: str
    memory: str
    driver: str


def memory() -> Finding:
    """Say how much memory is free."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return Finding("note", "memory", "unknown here")
    kilobytes = {line.partition(":")[0]: int(line.split()[1]) for line in lines}
    free, total = (kilobytes[key] * 1024 / 1e9 for key in ("MemAvailable", "MemTotal"))
    text = f"{free:.0f} of {total:.0f} GB free; a training at full size takes {TRAINING} GB"
    if free < TRAINING:
        return Finding("note", "memory", text, "make room, or train elsewhere")
    return Finding("ok", "memory", text)


def disk(root: Path, needed: Mapping[str, float]) -> Iterator[Finding]:
    """Say, for each disk that the folders of ``needed`` (GB, about) lie on, whether there is room for them."""
    disks: dict[int, list[str]] = {}
    for name in needed:
        disks.setdefault(_there(root / name).stat().st_dev, []).append(name)
    for names in disks.values():
        free = shutil.disk_usage(_there(root / names[0])).free / 1e9
        parts = ", ".join(f"{name}/ {needed[name]:.0f}" if needed[name] >= 1 else f"{name}/ under 1" for name in names)
        text = f"{free:.0f} GB free; a run takes about (GB): {parts}"
        if free < sum(needed[name] for name in names):
            yield Finding("problem", "disk", text, f"make room, or let {names[0]} be a link to a larger disk")
        else:
            yield Finding("ok", "disk", text)


def write_access(root: Path) -> Finding:
    """Say whether what a run writes to can be written to."""
    for name in WRITTEN:
        folder = root / name
        if folder.is_symlink() and not folder.exists():
            return Finding("problem", "write access", f"{name} is a link to {folder.readlink()}, which is not there")
        try:
            with tempfile.TemporaryFile(dir=_there(folder)):
                pass
        except OSError as error:
            advice = "change its permissions, or work in a copy of your own"
            return Finding("problem", "write access", f"{_there(folder)}: {error.strerror}", advice)
    return Finding("ok", "write access", ", ".join(f"{name}/" for name in WRITTEN))


def slurm() -> Finding:
    """Say whether SLURM's commands are there."""
    missing = [name for name in ("sbatch", "squeue", "scancel") if not shutil.which(name)]
    if not missing:
        return Finding("ok", "SLURM", "its commands are here: snakemake --profile slurm all")
    return Finding("note", "SLURM", f"no {', '.join(missing)} here: run without --profile slurm")


def probe(root: Path) -> subprocess.Popen[str]:
    """Start asking torch, which takes seconds to load, what it would train with."""
    command = [str(root / ".venv" / "bin" / "python"), "-c", PROBE]
    environment = {**os.environ, "PYTHONPATH": str(root / "scripts")}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)


def processor_and_gpu(asked: subprocess.Popen[str] | None, cuda: int | None) -> Iterator[Finding]:
    """Say what trains here, from what ``probe`` started (None where there is no environment).

    ``cuda`` is the release that torch is built for.
    """
    cores = len(os.sched_getaffinity(0))
    answer, error = _answer(asked) if asked else (None, "")
    if error:
        yield Finding("problem", "torch", f"cannot be loaded: {error}", "rm -r .venv; make env")
    if answer is None:
        yield Finding("note", "processor", f"{cores} cores; its precision is known after `make env`")
    elif answer["flags"]:
        yield Finding("ok", "processor", f"{cores} cores, bfloat16 ({', '.join(answer['flags'])})")
    else:
        yield Finding("ok", "processor", f"{cores} cores, float32 (bfloat16 would need avx512_bf16 or amx_bf16)")
    yield gpu(cards(), answer, cuda)


def gpu(found: list[Card] | str, answer: Mapping[str, Any] | None, cuda: int | None) -> Finding:
    """Say whether torch can use the GPUs that nvidia-smi ``found``; a text is why it failed.

    ``answer`` is the probe's, None where there is none.
    """
    device = answer["device"] if answer else None
    if isinstance(found, str):
        return Finding("note", "GPU", f"nvidia-smi fails: {found}", "ask who looks after this machine")
    if not found:
        text = f"{device}, {answer['precision']}" if answer and device != "cpu" else "none here: the processor trains"
        return Finding("note" if device in (None, "cpu") else "ok", "GPU", text)
    card = found[0]
    count = f"{len(found)} × " if len(found) > 1 else ""
    text = f"{count}{card.name}, {card.memory}, driver {card.driver}"
    driver, oldest = int(card.driver.partition(".")[0]), OLDEST_DRIVER.get(cuda or 0, 0)
    if driver < oldest:
        text += f": too old for torch's CUDA {cuda}, which needs {oldest} or newer; the processor trains instead"
        served = [release for release, first in OLDEST_DRIVER.items() if first <= driver]
        if not served:
            return Finding("note", "GPU", text, "ask for a newer driver")
        advice = f"make env TORCH_INDEX=URL, the URL of torch's packages for CUDA {max(served)} (see pytorch.org)"
        return Finding("note", "GPU", text, advice)
    if answer is None:
        return Finding("note", "GPU", f"{text}; torch is not there yet to use it", "make env")
    if device == "cpu":
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        why = f" (CUDA_VISIBLE_DEVICES={hidden})" if hidden is not None else ""
        advice = "unset CUDA_VISIBLE_DEVICES" if hidden is not None else "python -c 'import torch; torch.cuda.init()'"
        return Finding("note", "GPU", f"{text}; torch does not see it{why}: the processor trains instead", advice)
    return Finding("ok", "GPU", f"{text}, {answer['precision'] if answer else ''}")


def cards() -> list[Card] | str:
    """Return the GPUs that nvidia-smi lists, none where it is missing, or what it says when it fails."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        return []
    except subprocess.TimeoutExpired:
        return "it does not answer"
    if done.returncode:
        return (done.stdout + done.stderr).strip().splitlines()[-1]
    return [Card(*line.split(", ")) for line in done.stdout.strip().splitlines()]


def _answer(asked: subprocess.Popen[str]) -> tuple[dict[str, Any] | None, str]:
    """Return the probe's answer, or None and what went wrong."""
    try:
        output, errors = asked.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        asked.kill()
        return None, f"not within {PATIENCE} seconds"
    if asked.returncode:
        return None, errors.strip().splitlines()[-1] if errors.strip() else f"exit status {asked.returncode}"
    answer: dict[str, Any] = json.loads(output.splitlines()[-1])
    return answer, ""


def _there(path: Path) -> Path:
    """Return ``path`` or the nearest folder above it that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())
