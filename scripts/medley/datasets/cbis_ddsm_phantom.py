"""Phantoms in the common form of CBIS-DDSM: its two tables in ``csv/`` and pictures in ``jpeg/``.

As in the source, some rows name crop and mask the wrong way round, some pairs lie in two series, and names of files
say nothing; two patients in three have JPEGs, masks with grey edges among them, the third has PNGs. A patient has
one view or two of a breast, some have two abnormalities in each. The last view of the last training patient stands
in the table, but has no files. Films are about a fifth of the real ones' rows and columns.
"""

import csv
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from medley.datasets import mammogram_phantom
from medley.datasets.cbis_ddsm_tables import (
    CROP,
    CSV,
    GRAVEST_FIRST,
    IMAGE,
    KIND,
    MASK,
    NUMBER,
    PATHOLOGY,
    PATIENT,
    SIDE,
    TABLES,
    VIEW,
)
from medley.datasets.drawing import Field

ABOUT = ("breast_density", "mass shape", "mass margins", "assessment", "subtlety")  # which nothing reads
HEADER = (PATIENT, ABOUT[0], SIDE, VIEW, NUMBER, KIND, *ABOUT[1:4], PATHOLOGY, ABOUT[4], IMAGE, CROP, MASK)
SIZES = ((1000, 600), (1080, 640), (920, 520), (960, 660))  # rows, columns; by view
FILM_HEIGHT = 240.0  # mm
MALIGNANT, BENIGN, WITHOUT_CALLBACK = GRAVEST_FIRST
PATHOLOGIES = (MALIGNANT, BENIGN, MALIGNANT, BENIGN, WITHOUT_CALLBACK)  # by patient; a second mass is benign
LEAST_TEST_PATIENTS = 4
SWAPPED, APART, OF = 3, 5, 7  # of every seven abnormalities, counted from 0, the ones with these oddities
AROUND = (0.15, 0.45)  # of a mask's box, by which a crop is wider at each side
QUALITY = 92  # of JPEGs
UID = "1.3.6.1.4.1.9590.100.1.2."

Grey = npt.NDArray[np.uint8]


@dataclasses.dataclass(frozen=True)
class _Patient:
    """Who a patient is, and what is odd about the files."""

    name: str
    prefix: str  # of the names of cases
    side: str
    views: tuple[str, ...]
    pathologies: tuple[str, ...]  # of the abnormalities in every view
    ending: str
    last_view_lacks_files: bool


def make_phantom(folder: Path, patients: int, scale: float, seed: int) -> None:
    """Write ``patients`` training patients and a third as many test patients, at least 4, into ``folder``.

    ``scale`` multiplies rows and columns. A patient's pictures depend on ``seed`` and its own number only, but for
    which views the last training patient has.
    """
    (folder / CSV).mkdir(parents=True)
    first, counts = 0, (patients, max(LEAST_TEST_PATIENTS, patients // 3))
    for (table, (prefix, part)), count in zip(TABLES.items(), counts, strict=True):
        rows: list[list[str]] = []
        for index in range(first, first + count):
            last = part == "training" and index == first + count - 1
            patient = _patient(index, prefix, last)
            rows += _write_patient(folder / "jpeg", patient, index, scale, np.random.default_rng([seed, index]))
        with (folder / CSV / table).open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([HEADER, *rows])
        first += count


def _patient(index: int, prefix: str, lacks_files: bool) -> _Patient:
    pathology = PATHOLOGIES[index % len(PATHOLOGIES)]
    return _Patient(
        name=f"P_{index + 1:05d}",
        prefix=prefix,
        side=("LEFT", "RIGHT")[index // 2 % 2],
        views=("MLO",) if index % 4 == 3 and not lacks_files else ("CC", "MLO"),
        pathologies=(pathology, BENIGN) if index % 4 == 1 else (pathology,),
        ending=".png" if index % 3 == 2 else ".jpg",
        last_view_lacks_files=lacks_files,
    )


def _write_patient(
    jpeg: Path, patient: _Patient, index: int, scale: float, rng: np.random.Generator
) -> Iterator[list[str]]:
    """Write a patient's pictures; yield the table's rows about them."""
    breast = mammogram_phantom.draw_breast(tuple(each == MALIGNANT for each in patient.pathologies), rng)
    for number, view in enumerate(patient.views):
        rows, columns = SIZES[(index + number) % len(SIZES)]
        size = round(rows * scale), round(columns * scale)
        film, masks = mammogram_phantom.render(breast, patient.side, view, size, FILM_HEIGHT / size[0], rng)
        whole = _eight_bits(film)
        case = f"{patient.prefix}_{patient.name}_{patient.side}_{view}"
        has_files = not (patient.last_view_lacks_files and number == len(patient.views) - 1)
        whole_path = _path(case, rng)
        if has_files:
            _write(jpeg, whole_path, f"1-{rng.integers(1000):03d}{patient.ending}", whole)
        for which, (pathology, mask) in enumerate(zip(patient.pathologies, masks, strict=True), start=1):
            oddity = (2 * index + number + which) % OF
            crop_path = _path(f"{case}_{which}", rng)
            mask_path = _path(f"{case}_{which}", rng) if oddity == APART else crop_path.replace("000000", "000001")
            pair = [(crop_path, _cut(whole, mask, rng)), (mask_path, _eight_bits(mask))]
            if has_files:
                for place, (path, picture) in enumerate(pair[::-1] if rng.random() < 0.5 else pair, start=1):
                    _write(jpeg, path, f"{place}-{rng.integers(1000):03d}{patient.ending}", picture)
            if oddity == SWAPPED:
                crop_path, mask_path = mask_path, crop_path
            yield _row(patient, breast, view, which, pathology, (whole_path, crop_path, mask_path))


def _row(
    patient: _Patient,
    breast: mammogram_phantom.Breast,
    view: str,
    which: int,
    pathology: str,
    paths: tuple[str, str, str],
) -> list[str]:
    """Return a row of the table; as in the source, its last path ends with an end of line."""
    mass = breast.masses[which - 1]
    density = 1 + int(4 * breast.density)
    shape, margins = ("IRREGULAR", "ILL_DEFINED") if pathology == MALIGNANT else ("OVAL", "CIRCUMSCRIBED")
    assessment = {MALIGNANT: 5, BENIGN: 3, WITHOUT_CALLBACK: 2}[pathology]
    subtlety = 1 + int(np.clip(mass.contrast / 0.05, 0, 4))
    whole, crop, mask = paths
    about = [
        patient.name,
        density,
        patient.side,
        view,
        which,
        "mass",
        shape,
        "SPICULATED" if mass.spicules else margins,
    ]
    return [str(value) for value in (*about, assessment, pathology, subtlety, whole, crop, f"{mask}\n")]


def _path(case: str, rng: np.random.Generator) -> str:
    """Return a path as the tables have them, with made-up numbers of study and series."""
    study, series = (UID + "".join(str(digit) for digit in rng.integers(1, 10, 38)) for _ in range(2))
    return f"{case}/{study}/{series}/000000.dcm"


def _write(jpeg: Path, path: str, name: str, picture: Grey) -> None:
    """Write a picture into the folder of its series; ``quality`` says nothing to PNGs."""
    series = jpeg / path.split("/")[2]
    series.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(series / name, quality=QUALITY)


def _cut(whole: Grey, mask: npt.NDArray[np.bool_], rng: np.random.Generator) -> Grey:
    """Return the region around a mask."""
    slices = []
    for axis, size in enumerate(mask.shape):
        drawn = np.flatnonzero(mask.any(axis=1 - axis))
        first, last = drawn[0], drawn[-1] + 1
        wider = rng.uniform(*AROUND, 2) * (last - first)
        slices.append(slice(max(0, first - round(wider[0])), min(size, last + round(wider[1]))))
    return whole[slices[0], slices[1]]


def _eight_bits(image: Field | npt.NDArray[np.bool_]) -> Grey:
    grey: Grey = np.rint(image * np.float32(255)).astype(np.uint8)
    return grey
