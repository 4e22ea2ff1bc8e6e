"""The array store: one dataset under one recipe, made for fast random access.

A folder with ``index.json`` and, per case, ``{case}.image.npy`` (float32; channels, slices, rows, columns)
and ``{case}.mask.npy`` (uint8; slices, rows, columns). Uncompressed and in C order, so that a slice or a
patch is read from a memory map without touching the rest of the file.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medley.errors import InputError
from medley.files import read_json, write_json
from medley.labels import Values

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.uint8]


def write_case(folder: Path, case: str, image: Floats, mask: Mask) -> str:
    """Write one case's arrays and return the SHA-256 of their content."""
    image, mask = np.ascontiguousarray(image, dtype=np.float32), np.ascontiguousarray(mask, dtype=np.uint8)
    np.save(folder / f"{case}.image.npy", image, allow_pickle=False)
    np.save(folder / f"{case}.mask.npy", mask, allow_pickle=False)
    digest = hashlib.sha256(repr((image.shape, mask.shape)).encode())
    digest.update(image.data)
    digest.update(mask.data)
    return digest.hexdigest()


def write_index(
    folder: Path, recipe: Mapping[str, Any], labels: Values, cases: Mapping[str, Mapping[str, Any]]
) -> None:
    """Write ``index.json``: the recipe, the dataset's labels (name → mask values) and, per case, native
    shape and spacing, window, foreground counts and digest.
    """
    write_json(folder / "index.json", {"recipe": recipe, "labels": labels, "cases": cases})


def read_index(folder: Path) -> dict[str, Any]:
    """Return ``index.json``. Raises InputError when the folder has none."""
    try:
        index: dict[str, Any] = read_json(folder / "index.json")
    except FileNotFoundError:
        raise InputError(f"{folder}: no index.json, so no array store; run `snakemake preprocess`") from None
    return index


def open_image(folder: Path, case: str) -> Floats:
    """Return a case's image (channels, slices, rows, columns) as a read-only memory map."""
    image: Floats = np.load(folder / f"{case}.image.npy", mmap_mode="r", allow_pickle=False)
    return image


def open_mask(folder: Path, case: str) -> Mask:
    """Return a case's mask (slices, rows, columns) as a read-only memory map."""
    mask: Mask = np.load(folder / f"{case}.mask.npy", mmap_mode="r", allow_pickle=False)
    return mask
