"""Reading compressed NIfTI volumes, against nibabel: a cardiac case's image and mask, and one of a CT's size."""

import tempfile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from scipy import ndimage

from medley import nifti
from tests.benchmarks.phantoms import ct
from tests.benchmarks.timing import compare

REAL = Path(__file__).parents[3] / "shared" / "real" / "ACDC" / "training" / "patient001"
TIMES = 20  # that the small volumes are read


def run() -> list[dict[str, Any]]:
    """Return one row for each volume."""
    with tempfile.TemporaryDirectory() as folder:
        image, mask = (REAL / f"patient001_frame01{ending}.nii.gz" for ending in ("", "_gt"))
        source, large = "of ACDC", Path(folder) / "ct.nii.gz"
        if not image.is_file():
            image, mask, source = Path(folder) / "image.nii.gz", Path(folder) / "mask.nii.gz", "made up"
            grey = ct((10, 256, 216), seed=0)
            save(image, grey)
            save(mask, (ndimage.gaussian_filter(grey.astype(np.float32), (0, 5, 5)) > 80).astype(np.uint8))
        save(large, ct((90, 512, 512), seed=0))
        return [
            row(f"reading a small .nii.gz, {TIMES} times", [image] * TIMES, source, None),
            row(f"reading that and its mask, {TIMES} times", [image, mask] * TIMES, source, 4),
            row("reading a .nii.gz of a CT's size", [large], "made up", 1.7),
        ]


def save(path: Path, volume: np.ndarray) -> None:
    """Write a volume (slices, rows, columns) as nibabel does, in the file's order: columns first."""
    nibabel.save(nibabel.Nifti1Image(volume.T, np.diag([0.8, 0.8, 2.5, 1])), path)


def row(name: str, paths: list[Path], source: str, goal: float | None) -> dict[str, Any]:
    """Compare values, then speed."""

    def ours() -> None:
        for path in paths:
            nifti.read(path)

    def theirs() -> None:
        for path in paths:
            np.asarray(nibabel.load(path).dataobj)

    for path in set(paths):
        np.testing.assert_array_equal(nifti.read(path).voxels, np.asarray(nibabel.load(path).dataobj))
    voxels, size = nifti.read(paths[0]).voxels, paths[0].stat().st_size
    note = f"{source}, {voxels.dtype}, {size / 1e6:.1f} MB, {size / voxels.nbytes:.0%} of its voxels"
    return compare(name, ours, theirs, goal, note)
