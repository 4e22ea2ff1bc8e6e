"""ACDC: cine MRI of 150 patients with expert masks of both ventricles (MICCAI 2017).

Layout of the folder::

    training/patient001/Info.cfg                        ED, ES (frame numbers), Group, Height, NbFrame, Weight
    training/patient001/patient001_frame01.nii.gz       the image at end diastole (ED) …
    training/patient001/patient001_frame01_gt.nii.gz    … and its mask
    training/patient001/patient001_frame12.nii.gz       the same at end systole (ES)
    training/patient001/patient001_frame12_gt.nii.gz
    testing/patient101/…

``patientXXX`` may also lie directly in the folder; parts, patients and the 4D files may be absent.
The files' first, second and third axes are rows, columns and slices. Spacing is pixdim: the affine
of every file says 1 mm.

Licence: CC BY-NC-SA 4.0, citation mandatory:
O. Bernard, A. Lalande, C. Zotti, F. Cervenansky, et al. "Deep Learning Techniques for Automatic MRI
Cardiac Multi-structures Segmentation and Diagnosis: Is the Problem Solved?", IEEE Transactions on
Medical Imaging 37(11), 2514-2525, 2018. https://doi.org/10.1109/TMI.2018.2837502
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medley import datasets, nifti
from medley.cases import Case
from medley.errors import InputError

LABELS: dict[str, tuple[int, ...]] = {"RV": (1,), "MYO": (2,), "LV": (3,)}
GROUPS = ("DCM", "HCM", "MINF", "NOR", "RV")
PHASES = ("ED", "ES")
PATIENT = re.compile(r"patient(\d{3,})")
LAST_TRAINING_PATIENT = 100


def index(folder: Path) -> list[Case]:
    """Return the ED and ES case of every patient in ``folder``, having read every file once.

    Raises InputError for a missing folder, image, mask or ``Info.cfg``, for files that cannot be
    read or contradict each other, and for mask values that are no label.
    """
    folder = Path(folder)
    patients = _patients(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; put ACDC there or correct the dataset's source in config.yaml")
    if not patients:
        raise InputError(f"{folder}: no patientXXX folders, neither there nor in training/ or testing/; is this ACDC?")
    return [case for path, part in patients for case in _patient_cases(path, part)]


def read_image(case: Case) -> npt.NDArray[np.float32]:
    """Return the image as float32 of shape (1, slices, rows, columns)."""
    voxels = nifti.read(case.image).voxels
    return np.ascontiguousarray(voxels.transpose(2, 0, 1), dtype=np.float32)[None]


def read_mask(case: Case) -> npt.NDArray[np.uint8]:
    """Return the mask as uint8 of shape (slices, rows, columns), values as in LABELS."""
    voxels = nifti.read(case.mask).voxels
    return np.ascontiguousarray(voxels.transpose(2, 0, 1), dtype=np.uint8)


def make_phantom(folder: Path, patients: int, scale: float, seed: int) -> None:
    """Write made-up patients in this layout; see ``acdc_phantom``."""
    datasets.reader("acdc_phantom").make_phantom(folder, patients, scale, seed)


def download(folder: Path) -> None:
    """Fetch what ``index`` reads from the public collection; see ``acdc_download``."""
    datasets.reader("acdc_download").download(folder)


def _patients(folder: Path) -> list[tuple[Path, str]]:
    """Return the patients' folders and parts, sorted by part and name."""
    found = []
    for part in ("training", "testing"):
        found += [(path, part) for path in _patient_folders(folder / part)]
    for path in _patient_folders(folder):
        number = int(path.name.removeprefix("patient"))
        found.append((path, "training" if number <= LAST_TRAINING_PATIENT else "testing"))
    places: dict[str, Path] = {}
    for path, _ in found:
        if path.name in places:
            raise InputError(f"{path}: this patient also lies in {places[path.name].parent}; remove one of the two")
        places[path.name] = path
    return found


def _patient_folders(folder: Path) -> list[Path]:
    """Return the patients' folders in ``folder``. A misspelt one is an error: its patient would be lost."""
    paths = sorted(path for path in folder.glob("[Pp]atient*") if path.is_dir())
    for path in paths:
        if not PATIENT.fullmatch(path.name):
            raise InputError(f"{path}: is not called patientXXX (three digits); rename it or move it elsewhere")
    return paths


def _patient_cases(folder: Path, part: str) -> list[Case]:
    """Return a patient's two cases."""
    info = _info(folder / "Info.cfg")
    cases = [_case(folder, part, phase, info) for phase in PHASES]
    _refuse_other_masks(folder, cases)
    return cases


def _info(path: Path) -> dict[str, str]:
    """Return the entries of ``Info.cfg``, having checked ED, ES and Group."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; it names the ED and ES frames and the group; add it, or remove {path.parent}"
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no text in UTF-8; save it as such, or put the patient's own there") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); make it readable") from None
    entries: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = (part.strip() for part in line.partition(":"))
        if key in (*PHASES, "Group") and entries.get(key, value) != value:
            raise InputError(f"{path}: {key} is both {entries[key]} and {value}; remove the wrong line")
        entries[key] = value
    for phase in PHASES:
        if not entries.get(phase, "").isdecimal():
            found = f"says '{phase}: {entries[phase]}'" if phase in entries else f"has no line {phase}"
            raise InputError(f"{path}: {found}; write '{phase}: ' and the number of the frame")
    if int(entries["ED"]) == int(entries["ES"]):
        raise InputError(f"{path}: ED and ES are the same frame, {entries['ED']}; correct one of them")
    if entries.get("Group") not in GROUPS:
        found = f"says 'Group: {entries['Group']}'" if "Group" in entries else "has no line Group"
        raise InputError(f"{path}: {found}; write one of {', '.join(GROUPS)}")
    return entries


def _refuse_other_masks(folder: Path, cases: list[Case]) -> None:
    """Raise InputError for the mask of a frame that is neither ED nor ES: it would be lost."""
    for path in sorted(folder.glob("*_gt.nii*")):
        if str(path) not in [case.mask for case in cases]:
            what = f"{path}: its frame is neither the ED nor the ES of {folder / 'Info.cfg'}"
            raise InputError(f"{what}; correct that file, or move the mask elsewhere")


def _case(folder: Path, part: str, phase: str, info: dict[str, str]) -> Case:
    """Return the case of one phase, having read image and mask."""
    name = f"{folder.name}_frame{int(info[phase]):02d}"
    image_path, mask_path = folder / f"{name}.nii.gz", folder / f"{name}_gt.nii.gz"
    if not image_path.is_file():
        raise InputError(
            f"{image_path}: no such file, but {folder / 'Info.cfg'} says {phase}: {info[phase]}; "
            "add the frame or correct that line"
        )
    if not mask_path.is_file():
        raise InputError(f"{mask_path}: no such file, but the frame needs its mask; add it, or remove {folder}")
    image = nifti.read(image_path, finite=False)  # NaN voxels are judged by the inspection
    mask = nifti.read(mask_path)
    if difference := nifti.other_grid(mask, image):
        raise InputError(f"{mask_path}: {difference}; put the mask of {image_path.name} there, or remove {folder}")
    rows, columns, slices = image.voxels.shape
    return Case(
        case=name,
        patient=folder.name,
        image=str(image_path),
        mask=str(mask_path),
        shape=(rows, columns, slices),
        spacing=image.spacing,
        part=part,
        phase=phase,
        pathology=info["Group"],
        labels=_labels_present(mask_path, mask.voxels),
    )


def _labels_present(path: Path, mask: npt.NDArray[Any]) -> tuple[str, ...]:
    """Return the labels that stand in ``mask``, having checked that nothing else does."""
    present = [float(value) for value in np.unique(mask)]
    known = {0, *(value for label in LABELS.values() for value in label)}
    unknown = [f"{value:g}" for value in present if value not in known]
    if unknown:
        values = ", ".join(unknown[:5])
        raise InputError(f"{path}: values {values} are no labels of ACDC, which are {sorted(known)}; correct the mask")
    return tuple(label for label, meant in LABELS.items() if set(meant) & set(present))
