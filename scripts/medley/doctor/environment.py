"""The environment: Python, and whether the packages are the ones of the lock file."""

import importlib.metadata
import platform
import re
import sys
from pathlib import Path

from medley.doctor import Finding

LOCK = "envs/requirements.txt"
OLDEST, NEWEST = (3, 11), (3, 13)
SHOWN = ("torch", "torchvision", "segmentation-models-pytorch")
GIGABYTES = 7  # of .venv


def python() -> Finding:
    """Say whether this Python is one that Medley runs with."""
    version = platform.python_version()
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return Finding("ok", "Python", version)
    return Finding("problem", "Python", f"{version}; Medley needs 3.11, 3.12 or 3.13", "make env PYTHON=python3.12")


def packages(root: Path) -> Finding:
    """Say whether what is installed in ``root``/.venv is what the lock file pins."""
    if not (root / ".venv" / "bin" / "python").exists():
        return Finding("problem", "packages", "there is no .venv yet", "make env")
    try:
        installed_lock = (root / ".venv" / "requirements.txt").read_bytes()
    except FileNotFoundError:
        return Finding("problem", "packages", "their installation did not finish", "make env")
    if installed_lock != (root / LOCK).read_bytes():
        return Finding("problem", "packages", f"{LOCK} has changed since they were installed", "make env")
    installed = versions(root)
    pinned = pins(root)
    others = [
        f"{name} {installed.get(name, 'missing')} instead of {pinned[name]}"
        for name in sorted(pinned.keys() & {*installed, *SHOWN})
        if installed.get(name, "").partition("+")[0] != pinned[name]
    ]
    if others:
        advice = "rm -r .venv; make env"
        return Finding("problem", "packages", f"not those of {LOCK}: {', '.join(others)}", advice)
    shown = ", ".join(f"{name} {installed[name]}" for name in SHOWN)
    index = torch_index(root)
    return Finding("ok", "packages", f"as pinned: {shown}" + (f"; torch from {index}" if index else ""))


def pins(root: Path) -> dict[str, str]:
    """Return the version of each package in the lock file."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", (root / LOCK).read_text(encoding="utf-8"), re.MULTILINE))


def versions(root: Path) -> dict[str, str]:
    """Return the version of each package in .venv."""
    folders = [str(path) for path in (root / ".venv").glob("lib/python3*/site-packages")]
    found = importlib.metadata.distributions(path=folders)
    return {re.sub("[-_.]+", "-", one.metadata["Name"]).lower(): one.version for one in found}


def torch_index(root: Path) -> str:
    """Return the index that torch was taken from, empty for the default one (`make env TORCH_INDEX=URL`)."""
    record = root / ".venv" / "torch-index"
    return record.read_text(encoding="utf-8").strip() if record.exists() else ""


def torch_cuda(root: Path) -> int | None:
    """Return the CUDA release that torch is built for, or will be with the default build; None without CUDA."""
    for path in (root / ".venv").glob("lib/python3*/site-packages/torch/version.py"):
        built = re.search(r"^cuda\b.*'(\d+)\.", path.read_text(encoding="utf-8"), re.MULTILINE)
        return int(built[1]) if built else None
    locked = re.search(r"^nvidia-cudnn-cu(\d+)==", (root / LOCK).read_text(encoding="utf-8"), re.MULTILINE)
    return int(locked[1]) if locked else None
