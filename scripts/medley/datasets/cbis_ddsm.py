"""CBIS-DDSM, masses in scanned film mammograms (TCIA): the tables and files that its three readers share.

``cbis_ddsm_region`` reads the cropped regions, ``cbis_ddsm_whole`` the mammograms with one abnormality each,
``cbis_ddsm_united`` the mammograms with all abnormalities of a view. The folder is the original one::

    mass_case_description_train_set.csv        and …_test_set.csv; either may be absent, as may CBIS-DDSM/ as a level
    CBIS-DDSM/Mass-Training_P_00001_LEFT_CC/…/*.dcm      below it, at any depth: the mammogram
    CBIS-DDSM/Mass-Training_P_00001_LEFT_CC_1/…/*.dcm    cropped region and ROI mask, in one series or in two

or the common one in JPEG or PNG, where a path ``case/study/series/file`` of the tables stands for ``jpeg/series/``::

    csv/mass_case_description_train_set.csv
    jpeg/1.3.6.1.4.1.9590.100.1.2.342386194811267636608694132590482924515/*.jpg

Which of two pictures is the mask does not follow from names: users of the data say that the tables swap crop and
mask in part of the rows, and in most rows both lie in one series. The mask has the mammogram's size; where that does
not decide, the mask is the one that is black and white.

Tried on real files: the tables (1,318 and 378 rows, ends of line inside quoted paths, 92 and 11 pairs in two series,
no patient in both). Our reading of public descriptions, not tried: layout and bits of the pictures, the swapped
pairs, and that a crop is cut, without scaling, from the mammogram around its mask. Some masks are reported to have
another size than their mammogram (https://github.com/fjeg/ddsm_tools/issues/5): the inspection drops these cases.

Pictures have no known size in mm (films were scanned by machines of several resolutions), so that a pixel counts as
1 mm: distances are in pixels.

Licence: CC BY 3.0, with citation of R. S. Lee, F. Gimenez, A. Hoogi, et al. "A curated mammography data set for use
in computer-aided detection and diagnosis research", Scientific Data 4, 170177, 2017.
https://doi.org/10.1038/sdata.2017.177 and https://doi.org/10.7937/K9/TCIA.2016.7O02S9CY
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from medley import datasets
from medley.cases import Case
from medley.datasets import dicom, pictures
from medley.datasets.cbis_ddsm_tables import CSV, Abnormality, read_table
from medley.errors import InputError

LABEL = "mass"  # which the readers give its value
JPEG, ORIGINAL, DICOM = "jpeg", "CBIS-DDSM", ".dcm"
BLACK_AND_WHITE = 0.5  # share of other greys in a mask, at most; a crop has hardly anything else


def cases(rows: Iterable[Abnormality], image_of: Callable[[Abnormality], Path]) -> list[Case]:
    """Return the case of every row; ``image_of`` finds its picture, of which the header is read.

    ``Case.mask`` is the table: which pictures a mask is made of stands there. Where a picture is missing or its
    header is damaged, the shape is unknown and reading tells why: the inspection will drop the case. Raises
    InputError where that is so for all.
    """
    found, problems = [], []
    for row in rows:
        try:
            image = image_of(row)
            shape = (*size(image), 1)
        except InputError as error:
            problems.append(error)
            image, shape = _folders(row, row.image)[0], pictures.UNKNOWN
        found.append(_case(row, image, shape))
    if len(problems) == len(found):
        what = f"{problems[0]}; none of the {len(found)} cases in the tables has its picture"
        raise InputError(f"{what}: is this the folder of CBIS-DDSM?")
    return found


def read_mammogram(case: Case) -> npt.NDArray[np.float32]:
    """Return the whole mammogram as float32 of shape (1, 1, rows, columns), 0 to 255.

    Raises InputError where it is missing or damaged.
    """
    return read(mammogram(rows_of(case)[0]))


def read_masks(case: Case) -> npt.NDArray[np.uint8]:
    """Return the masks of all abnormalities of a case in one, as uint8 of shape (1, rows, columns).

    Raises InputError where one is missing or damaged, MismatchError where its size is not the mammogram's.
    """
    united = np.zeros((1, *case.shape[:2]), dtype=np.uint8)
    for row in rows_of(case):
        united |= read_mask(crop_and_mask(row)[1], case.shape[:2])
    return united


def between(case: Case) -> float:
    """Return the share of the mask's pixels that are neither black nor white; of several masks the largest share."""
    return max(_between(crop_and_mask(row)[1]) for row in rows_of(case))


def make_phantom(folder: Path, patients: int, scale: float, seed: int) -> None:
    """Write made-up patients in this layout; see ``cbis_ddsm_phantom``."""
    datasets.reader("cbis_ddsm_phantom").make_phantom(folder, patients, scale, seed)


def download(folder: Path) -> None:
    """Say how to get CBIS-DDSM, unless it is there; see ``cbis_ddsm_download``."""
    datasets.reader("cbis_ddsm_download").download(folder)


def rows_of(case: Case) -> list[Abnormality]:
    """Return the row of an abnormality, or those of a mammogram. Raises InputError where there is none."""
    found = [row for row in read_table(Path(case.mask)) if case.case in (row.name, row.mammogram)]
    if not found:
        raise InputError(f"{case.mask}: has no row about {case.case}; list the cases again")
    return found


def mammogram(row: Abnormality) -> Path:
    """Return the file of the whole mammogram. Raises InputError where there is not exactly one."""
    return _pictures(row, row.image)[0]


def crop_and_mask(row: Abnormality) -> tuple[Path, Path]:
    """Return the files of cropped region and ROI mask, told apart by what they hold.

    Raises InputError where there are not two, or both or neither can be the mask.
    """
    pair = _pictures(row, row.crop, row.mask)
    whole = size(mammogram(row))
    masks = [path for path in pair if size(path) == whole and _between(path) < BLACK_AND_WHITE]
    if len(masks) != 1:
        masks = [path for path in pair if _between(path) < BLACK_AND_WHITE]
    if len(masks) != 1:
        which = "both" if masks else "neither"
        what = f"{pair[0]} and {pair[1]}: {which} can be the ROI mask of {_where(row)}"
        raise InputError(f"{what}; fetch or copy them again")
    return next(path for path in pair if path != masks[0]), masks[0]


def size(path: Path) -> tuple[int, int]:
    """Return rows and columns of a picture, read from the header alone."""
    return dicom.size(path) if _is_dicom(path) else pictures.size(path)


def read(path: Path) -> npt.NDArray[np.float32]:
    """Return a grey picture as float32 of shape (1, 1, rows, columns), 0 to 255."""
    return dicom.read(path) if _is_dicom(path) else pictures.read(path, channels=1)


def read_mask(path: Path, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return a mask as uint8 of shape (1, rows, columns). Raises MismatchError where it is not of ``size``."""
    return dicom.read_mask(path, size) if _is_dicom(path) else pictures.read_mask(path, size)


def _between(path: Path) -> float:
    """Return the share of a picture's pixels that are neither black nor white."""
    return dicom.is_between(path) if _is_dicom(path) else pictures.is_between(path)


def _is_dicom(path: Path) -> bool:
    return path.suffix.lower() == DICOM


def _case(row: Abnormality, image: Path, shape: tuple[int, int, int]) -> Case:
    return Case(
        case=row.name,
        patient=row.patient,
        image=str(image),
        mask=str(row.table),
        shape=shape,
        spacing=(1.0, 1.0, 1.0),
        part=row.part,
        view=row.view,
        pathology=row.pathology.lower(),
        labels=(LABEL,),
    )


def _pictures(row: Abnormality, *paths: str) -> list[Path]:
    """Return the files that the table's ``paths`` stand for, in the order of their own names."""
    folders = _folders(row, *paths)
    found = [path for folder in folders for path in _pictures_in(folder)]
    if not found:
        raise InputError(f"{folders[0]}: holds no picture, but {_where(row)} names {len(paths)}; put it there")
    if len(found) != len(paths):
        what = f"{folders[0]}: holds {len(found)} picture(s), but {_where(row)} names {len(paths)}"
        raise InputError(f"{what}; add what is missing, or move elsewhere what is another's")
    return found


def _folders(row: Abnormality, *paths: str) -> list[Path]:
    """Return the folders in which the pictures lie that the table's ``paths`` name."""
    place = row.table.parent
    root = place.parent if place.name == CSV else place
    if (root / JPEG).is_dir():
        return sorted({root / JPEG / path.split("/")[2] for path in paths})
    base = root / ORIGINAL if (root / ORIGINAL).is_dir() else root
    return sorted({base / path.split("/")[0] for path in paths})


def _pictures_in(folder: Path) -> list[Path]:
    if folder.parent.name == JPEG:
        return list(pictures.files(folder).values()) if folder.is_dir() else []
    return sorted(path for path in folder.rglob(f"*{DICOM}") if not path.name.startswith("."))


def _where(row: Abnormality) -> str:
    return f"line {row.line} of {row.table} ({row.name})"
