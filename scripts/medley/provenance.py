"""Where a result comes from: code, configuration, data and library versions, written beside it."""

import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from medley.files import sha256, write_json

PROJECT = Path(__file__).parents[2]
UNKNOWN = "unknown"
PACKAGES = (
    "matplotlib", "nibabel", "numpy", "pandas", "safetensors", "scikit-learn", "scipy",
    "segmentation-models-pytorch", "snakemake", "torch",
)  # fmt: skip

Paths = Sequence[str | os.PathLike[str]]


def provenance(config: Mapping[str, Any], inputs: Paths) -> dict[str, Any]:
    """Return commit, whether the tree was changed since, digests of configuration and data, versions.

    ``configuration`` is the SHA-256 of ``config`` as JSON with sorted keys; ``data`` the one of the
    bytes of ``inputs`` (files, or folders with all files in them) in the order of their paths.
    """
    commit, changed = _commit(PROJECT)
    return {
        "commit": commit,
        "changed": changed,
        "configuration": hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest(),
        "data": data_digest(inputs),
        "versions": versions(),
    }


def write_provenance(path: str | os.PathLike[str], config: Mapping[str, Any], inputs: Paths) -> None:
    """Write ``provenance(config, inputs)`` as JSON."""
    write_json(path, provenance(config, inputs))


def data_digest(inputs: Paths) -> str:
    """Return one SHA-256 over the bytes of ``inputs``, whatever order they are given in."""
    files = sorted({file for path in map(Path, inputs) for file in (path.rglob("*") if path.is_dir() else [path])})
    digest = hashlib.sha256()
    for file in files:
        if file.is_file():
            digest.update(bytes.fromhex(sha256(file)))
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of Python and of the installed libraries that results depend on."""
    installed = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # a compute node's environment need not have all of them
    return installed


@functools.cache
def _commit(project: Path) -> tuple[str, bool | None]:
    """Return the commit of ``project`` and whether tracked files differ from it.

    ``("unknown", None)`` without git, or outside a repository.
    """
    try:
        commit = _git(project, "rev-parse", "HEAD")
        changed = _git(project, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN, None
    return commit, bool(changed)


def _git(project: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(project), *arguments], capture_output=True, check=True, text=True)
    return done.stdout.strip()
