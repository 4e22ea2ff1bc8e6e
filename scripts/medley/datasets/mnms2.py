"""M&Ms-2: cine MRI of 360 subjects in two views, by scanners of three vendors, with masks of both ventricles (2021).

Layout of the folder::

    dataset_information.csv                     SUBJECT_CODE, DISEASE, VENDOR, SCANNER, FIELD
    dataset/001/001_SA_ED.nii.gz                the short-axis stack at end diastole (ED) …
    dataset/001/001_SA_ED_gt.nii.gz             … and its mask
    dataset/001/001_SA_ES.nii.gz                the same at end systole (ES)
    dataset/001/001_SA_ES_gt.nii.gz
    dataset/001/001_SA_CINE.nii.gz              the whole heartbeat (4D); no case, see ``read_cine``
    dataset/001/001_LA_ED.nii.gz                the same for the long-axis four-chamber slice
    …

All of it may lie one folder deeper, in ``MnM2/``, and the subjects directly in the folder. A view's files may be
absent: each of the two readers, ``mnms2_sa`` and ``mnms2_la``, lists what there is of its view. Without the table
vendor and pathology are unknown, and all the rest works.

The official parts follow from the subject's number, as the challenge gave them out: the table has no column for
them. They are 1-160 training, 161-200 validation, 201-360 testing. The pathologies are the table's diseases in lower
case: nor (healthy), lv (dilated left ventricle), hcm (hypertrophic), arr (congenital arrhythmogenesis), fall
(tetralogy of Fallot), cia (interatrial communication) and, not in the training part, rv (dilated right ventricle)
and tri (tricuspid regurgitation).

The files' first, second and third axes are rows, columns and slices; masks are stored as float64. Affines are truly
oblique: the two views cross each other in the scanner's axes. The third spacing of the single LA slice, 1 mm, is not
its thickness.

Licence: for non-commercial research, citation mandatory:
C. Martín-Isla, V. M. Campello, C. Izquierdo, K. Kushibar, et al. "Deep Learning Segmentation of the Right Ventricle
in Cardiac MRI: The M&Ms Challenge", IEEE Journal of Biomedical and Health Informatics 27(7), 3302-3313, 2023.
https://doi.org/10.1109/JBHI.2023.3267857
"""

import dataclasses
import logging
import re
import zlib
from collections.abc import Mapping
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError

from medley import datasets, nifti, orientation
from medley.cases import Case
from medley.datasets import mnms2_table
from medley.errors import InputError, MismatchError

PHASES = ("ED", "ES")
SUBJECT = re.compile(r"\d{3}")
LAST_TRAINING_SUBJECT, LAST_VALIDATION_SUBJECT = 160, 200

Labels = Mapping[str, tuple[int, ...]]


def index(folder: Path, view: str, labels: Labels) -> list[Case]:
    """Return the ED and ES case of every subject in ``folder`` that has them in ``view`` (SA or LA).

    Subjects without the view or a phase, and cases without a mask, are counted in the log. Every file of the view is
    read once. Raises InputError for a missing folder, for files that cannot be read, for mask values that are none of
    ``labels``, for a mask without its image, and for a subject that the table lacks.
    """
    folder = Path(folder)
    subjects, table = _subjects(folder)
    if not subjects:
        nothing = "no subjects' images (001/001_SA_ED.nii.gz), neither there nor in dataset/ or MnM2/dataset/"
        problem = nothing if folder.is_dir() else "no such folder"
        raise InputError(f"{folder}: {problem}; put M&Ms-2 there or correct the dataset's source in config.yaml")
    described = mnms2_table.read(table) if table.is_file() else None
    if described is None:
        logging.warning("%s: no such file: vendor and pathology of all subjects are unknown", table)
    found: list[Case] = []
    for subject in subjects:
        cases = subject_cases(subject, view, labels)
        vendor, pathology = _described(subject, table, described) if described is not None else ("", "")
        found += [dataclasses.replace(case, part=_part(subject), vendor=vendor, pathology=pathology) for case in cases]
    _log_absent(folder, view, subjects, found)
    if not found:
        raise InputError(f"{folder}: no subject has images of view {view} (001_{view}_ED.nii.gz); is this M&Ms-2?")
    return found


def subject_cases(folder: Path, view: str, labels: Labels) -> list[Case]:
    """Return the cases of the one subject in ``folder``, whatever its name, without part, vendor and pathology.

    Where there is no mask the case has none. Raises InputError as ``index`` does for files.
    """
    cases = []
    for phase in PHASES:
        image, mask = (folder / f"{folder.name}_{view}_{phase}{suffix}.nii.gz" for suffix in ("", "_gt"))
        if image.is_file():
            cases.append(_case(folder.name, view, phase, image, mask, labels))
        elif mask.is_file():
            raise InputError(f"{mask}: its image {image.name} is missing; add it, or move the mask elsewhere")
    return cases


def read_image(case: Case) -> npt.NDArray[np.float32]:
    """Return the image as float32 of shape (1, slices, rows, columns).

    Raises InputError for voxels that are not finite and for a header that contradicts itself.
    """
    voxels = nifti.read(case.image).voxels
    _refuse_contradiction(case.image)
    return np.ascontiguousarray(voxels.transpose(2, 0, 1), dtype=np.float32)[None]


def read_mask(case: Case) -> npt.NDArray[np.uint8]:
    """Return the mask as uint8 of shape (slices, rows, columns), values as in the reader's LABELS.

    Raises InputError for a header that contradicts itself, MismatchError where the mask lies on another grid than
    its image.
    """
    voxels = nifti.read(case.mask).voxels
    _refuse_contradiction(case.mask)
    if difference := orientation.other_grid(case.mask, case.image):
        raise MismatchError(f"{case.mask}: {difference}; put the mask of {Path(case.image).name} there")
    return np.ascontiguousarray(voxels.transpose(2, 0, 1), dtype=np.uint8)


def cine_file(case: Case) -> Path:
    """Return the file of the heartbeat that ``case`` is one phase of, there or not."""
    return Path(case.image).with_name(f"{case.patient}_{case.view}_CINE.nii.gz")


def read_cine(case: Case) -> npt.NDArray[np.float32]:
    """Return the heartbeat that ``case`` is one phase of, as float32 of shape (frames, slices, rows, columns).

    It stands in ``{subject}_{view}_CINE.nii.gz`` beside the image. Raises InputError where that is missing, cannot
    be read, is no 4D volume or has another grid than the case.
    """
    path = cine_file(case)
    if not path.is_file():
        raise InputError(f"{path}: no such file; add the heartbeat of {case.patient}, or choose another case")
    try:
        voxels = np.asarray(nibabel.load(path).dataobj)  # type: ignore[attr-defined]
    except (OSError, EOFError, ValueError, zlib.error, ImageFileError) as error:
        raise InputError(f"{path}: cannot be read ({error}); fetch or copy it again") from None
    if voxels.ndim != 4 or voxels.shape[:3] != case.shape:
        expected = f"{case.shape} and frames"
        raise InputError(f"{path}: has shape {voxels.shape}, not {expected}; put the heartbeat of {case.case} there")
    return np.ascontiguousarray(voxels.transpose(3, 2, 0, 1), dtype=np.float32)


def make_phantom(folder: Path, patients: int, scale: float, seed: int) -> None:
    """Write made-up subjects in this layout; see ``mnms2_phantom``."""
    datasets.reader("mnms2_phantom").make_phantom(folder, patients, scale, seed)


def download(folder: Path) -> None:
    """Say how to fetch M&Ms-2 by hand; see ``mnms2_download``."""
    datasets.reader("mnms2_download").download(folder)


def _subjects(folder: Path) -> tuple[list[Path], Path]:
    """Return the subjects' folders in ``folder``, sorted, and where their table should be."""
    for top in (folder / "MnM2", folder):
        for place in (top / "dataset", top):
            if subjects := _subject_folders(place):
                return subjects, top / mnms2_table.NAME
    return [], folder / mnms2_table.NAME


def _subject_folders(folder: Path) -> list[Path]:
    """Return the subjects' folders in ``folder``. A misspelt one is an error: its subject would be lost."""
    paths = sorted(path for path in folder.glob("[!.]*") if path.is_dir() and any(path.glob("*_[SL]A_E[DS].nii.gz")))
    for path in paths:
        number = int(path.name) if SUBJECT.fullmatch(path.name) else 0
        if not 1 <= number <= mnms2_table.LAST_SUBJECT:
            expected = f"three digits from 001 to {mnms2_table.LAST_SUBJECT}"
            raise InputError(f"{path}: is not called {expected} as M&Ms-2's subjects; rename it or move it elsewhere")
    return paths


def _part(subject: Path) -> str:
    """Return the official part of a subject."""
    number = int(subject.name)
    if number <= LAST_TRAINING_SUBJECT:
        return "training"
    return "validation" if number <= LAST_VALIDATION_SUBJECT else "testing"


def _described(subject: Path, table: Path, described: Mapping[str, mnms2_table.Subject]) -> tuple[str, str]:
    """Return vendor and pathology of a subject."""
    if subject.name not in described:
        what = f"{subject}: {table} has no row for this subject, so its vendor is unknown"
        raise InputError(f"{what}; add the row, or move the folder elsewhere")
    return described[subject.name].vendor, described[subject.name].pathology


def _case(subject: str, view: str, phase: str, image_file: Path, mask_file: Path, labels: Labels) -> Case:
    """Return the case of one view and phase, having read its image and, where there is one, its mask."""
    image = nifti.read(image_file, finite=False)  # NaN voxels are judged by the inspection
    rows, columns, slices = image.voxels.shape
    return Case(
        case=f"{subject}_{view}_{phase}",
        patient=subject,
        image=str(image_file),
        mask=str(mask_file) if mask_file.is_file() else "",
        shape=(rows, columns, slices),
        spacing=image.spacing,
        phase=phase,
        view=view,
        labels=_labels_present(mask_file, labels) if mask_file.is_file() else (),
    )


def _labels_present(path: Path, labels: Labels) -> tuple[str, ...]:
    """Return the labels that stand in the mask ``path``, having checked that nothing else does."""
    present = [float(value) for value in np.unique(nifti.read(path).voxels)]
    known = {0, *(value for label in labels.values() for value in label)}
    if unknown := [f"{value:g}" for value in present if value not in known]:
        values = ", ".join(unknown[:5])
        raise InputError(
            f"{path}: values {values} are no labels of M&Ms-2, which are {sorted(known)}; correct the mask"
        )
    return tuple(label for label, meant in labels.items() if set(meant) & set(present))


def _refuse_contradiction(path: str) -> None:
    if problem := orientation.contradiction(path):
        raise InputError(f"{path}: {problem}; mend the header, or remove the case")


def _log_absent(folder: Path, view: str, subjects: list[Path], cases: list[Case]) -> None:
    """Count what a run does without: it would go unseen in the table of cases."""
    for phase in PHASES:
        there = {case.patient for case in cases if case.phase == phase}
        if absent := [subject.name for subject in subjects if subject.name not in there]:
            words = "%s: %d of %d subjects have no image of view %s and phase %s, so no case: %s"
            logging.warning(words, folder, len(absent), len(subjects), view, phase, ", ".join(absent))
    if unjudged := [case.case for case in cases if not case.mask]:
        words = "%s: %d of %d cases have no mask, so nothing is learnt from them: %s"
        logging.warning(words, folder, len(unjudged), len(cases), ", ".join(unjudged))
