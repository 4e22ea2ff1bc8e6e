"""Phantoms in ACDC's layout: the same files, names, header quirks and voxel types."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medley import nifti
from medley.datasets import heart_patient, heart_phantom
from medley.datasets.drawing import Field
from medley.datasets.heart_patient import Generator

GROUPS = ("NOR", "DCM", "HCM", "MINF", "RV")
FIRST_TEST_PATIENT = 101
AFFINE = np.diag([-1.0, -1.0, 1.0, 1.0])  # as in ACDC: it knows nothing of the spacing
DTYPES = (np.float32, np.int16, np.float32, np.int16, np.float32, np.uint8)  # ACDC's mixture, by patient


def make_phantom(folder: Path, patients: int, scale: float, seed: int) -> None:
    """Write ``patients`` phantoms into ``folder``; the last quarter of them into ``testing/``.

    ``scale`` multiplies rows and columns. A patient depends on ``seed`` and its own number only.
    """
    testing = patients // 4
    training = patients - testing
    first_test = max(FIRST_TEST_PATIENT, training + 1)
    for index in range(patients):
        if index < training:
            part, number = "training", index + 1
        else:
            part, number = "testing", first_test + index - training
        name = f"patient{number:03d}"
        rng = np.random.default_rng([seed, index])
        _write_patient(folder / part / name, index, scale, rng)


def _write_patient(folder: Path, index: int, scale: float, rng: Generator) -> None:
    """Write ``Info.cfg`` and both frames with their masks."""
    group = GROUPS[index % len(GROUPS)]
    patient = heart_patient.draw_patient(rng, group, scale)
    dtype = DTYPES[index % len(DTYPES)]
    brightest = rng.uniform(400, 1000) if dtype == np.int16 else 255
    diastole = 4 if index % 10 == 9 else 1  # patient090 of ACDC begins late, too
    systole = diastole + int(rng.integers(7, 13))
    folder.mkdir(parents=True)
    factor = None
    for frame, in_systole in ((diastole, False), (systole, True)):
        image, mask = heart_phantom.render(patient, in_systole, rng)
        stem = f"{folder.name}_frame{frame:02d}"
        factor = factor or brightest / image.max()
        stored = _stored(np.minimum(image * factor, brightest), dtype)
        nifti.write(folder / f"{stem}.nii.gz", stored, patient.spacing, AFFINE)
        nifti.write(folder / f"{stem}_gt.nii.gz", _file_axes(mask), patient.spacing, AFFINE)
    height, weight = rng.normal(170, 9), rng.normal(76, 13)
    info = f"ED: {diastole}\nES: {systole}\nGroup: {group}\nHeight: {height:.1f}\nNbFrame: 30\nWeight: {weight:.1f}\n"
    (folder / "Info.cfg").write_text(info, encoding="utf-8")


def _stored(image: Field, dtype: type[np.number[Any]]) -> npt.NDArray[Any]:
    """Return the image in the file's axes, rounded where the type has no fractions."""
    voxels = _file_axes(image)
    return (np.rint(voxels) if np.issubdtype(dtype, np.integer) else voxels).astype(dtype)


def _file_axes(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return (slices, rows, columns) as the file's (rows, columns, slices)."""
    return array.transpose(1, 2, 0)
