"""CBIS-DDSM, the cropped region around one mass: one case an abnormality, as reported.

The files hold the region's picture, but its mask only on the grid of the whole mammogram. It is cut to where the
crop lies in the mammogram: of the places where crop and the mask's bounding box hold one another, the one at which
the pixels are the same up to brightness, contrast and what JPEG changes. Files, names and units: ``cbis_ddsm``.
"""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from medley.cases import Case
from medley.datasets import cbis_ddsm
from medley.datasets.cbis_ddsm_tables import abnormalities
from medley.errors import InputError

LABELS: dict[str, tuple[int, ...]] = {"mass": (1,)}
between, make_phantom, download = cbis_ddsm.between, cbis_ddsm.make_phantom, cbis_ddsm.download

BESIDE = 8  # pixels by which crop and bounding box may miss holding one another
SAME = 0.95  # least correlation of the crop with the mammogram where it was cut out


def index(folder: Path) -> list[Case]:
    """Return the case of every abnormality, called as ``Mass-Test_P_00066_LEFT_CC_1``.

    Raises InputError for tables that are missing or wrong, and where no row has its picture.
    """
    return cbis_ddsm.cases(abnormalities(Path(folder)), lambda row: cbis_ddsm.crop_and_mask(row)[0])


def read_image(case: Case) -> npt.NDArray[np.float32]:
    """Return the cropped region as float32 of shape (1, 1, rows, columns), 0 to 255.

    Raises InputError where it is missing or damaged, or cannot be told from its mask.
    """
    [row] = cbis_ddsm.rows_of(case)
    return cbis_ddsm.read(cbis_ddsm.crop_and_mask(row)[0])


def read_mask(case: Case) -> npt.NDArray[np.uint8]:
    """Return the abnormality's mask in the cropped region, as uint8 of shape (1, rows, columns).

    Raises InputError where a picture is missing or damaged, or the mammogram does not show the crop;
    MismatchError where the mask's size is not the mammogram's.
    """
    [row] = cbis_ddsm.rows_of(case)
    crop_file, mask_file = cbis_ddsm.crop_and_mask(row)
    whole_file = cbis_ddsm.mammogram(row)
    mask = cbis_ddsm.read_mask(mask_file, cbis_ddsm.size(whole_file))[0]
    crop = cbis_ddsm.read(crop_file)[0, 0]
    rows, columns = crop.shape
    if not mask.any():  # empty wherever it is cut: the inspection says so
        return np.zeros((1, rows, columns), dtype=np.uint8)
    place = find_crop(crop, cbis_ddsm.read(whole_file)[0, 0], mask)
    if place is None:
        what = f"{crop_file}: is not to be found in {whole_file} around the mask {mask_file}"
        raise InputError(f"{what}; put the source's own pictures there")
    top, left = place
    cut: npt.NDArray[np.uint8] = mask[None, top : top + rows, left : left + columns].copy()
    return cut


def find_crop(
    crop: npt.NDArray[np.float32], whole: npt.NDArray[np.float32], mask: npt.NDArray[np.uint8]
) -> tuple[int, int] | None:
    """Return row and column in ``whole`` at which ``crop`` was cut out; None where nothing like it is there.

    All are of shape (rows, columns); ``mask`` is not empty and of the size of ``whole``. Only places are tried at
    which the crop holds the mask's bounding box, or that holds the crop, give or take BESIDE pixels. What decides is
    the correlation of the pixels, which is to be SAME at least.
    """
    starts, stops = [], []
    for axis, size in enumerate(crop.shape):
        drawn = np.flatnonzero(mask.any(axis=1 - axis))
        first, last = sorted((int(drawn[0]), int(drawn[-1]) + 1 - size))
        starts.append(max(0, first - BESIDE))
        stops.append(min(whole.shape[axis], last + BESIDE + size))
    near = np.ascontiguousarray(whole[starts[0] : stops[0], starts[1] : stops[1]])
    if near.shape[0] < crop.shape[0] or near.shape[1] < crop.shape[1]:
        return None
    _, _, _, (column, row) = cv2.minMaxLoc(cv2.matchTemplate(near, crop, cv2.TM_CCOEFF_NORMED))
    found = near[row : row + crop.shape[0], column : column + crop.shape[1]]
    return (starts[0] + row, starts[1] + column) if _correlation(crop, found) >= SAME else None


def _correlation(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """Return Pearson's correlation; 0 where either is of one grey and there is none (OpenCV has 1 there)."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
