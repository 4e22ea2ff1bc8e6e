"""Chest X-rays of two hospitals with masks of the lungs: Shenzhen to train, Montgomery County to test.

Layout of the folder, that of the public collection of both (masks of either hospital with or without ``_mask``)::

    CXR_png/CHNCXR_0001_0.png     Shenzhen; 0 is a normal chest, 1 one with tuberculosis
    CXR_png/MCUCXR_0001_0.png     Montgomery
    masks/CHNCXR_0001_0_mask.png
    masks/MCUCXR_0001_0.png

or that of the sources themselves: the archives of the National Library of Medicine (NLM), which hold no masks of
Shenzhen, and the folder of these::

    ChinaSet_AllFiles/CXR_png/CHNCXR_0001_0.png
    mask/CHNCXR_0001_0_mask.png
    MontgomerySet/CXR_png/MCUCXR_0001_0.png
    MontgomerySet/ManualMask/leftMask/MCUCXR_0001_0.png     united with …
    MontgomerySet/ManualMask/rightMask/MCUCXR_0001_0.png

These folders may lie up to three levels deep; hospitals and pictures may be absent. A case is one picture, of a
patient of its own. A picture without a mask has none in the table: 96 of Shenzhen's 662. Sizes in mm are not
known (the collection's copies are resized), so that a pixel counts as 1 mm: distances are in pixels.

Licences: images of NLM for research, with citation of S. Jaeger, S. Candemir, S. Antani, et al. "Two public chest
X-ray datasets for computer-aided screening of pulmonary diseases", Quantitative Imaging in Medicine and Surgery
4(6), 475-477, 2014. https://doi.org/10.3978/j.issn.2223-4292.2014.11.20
Masks of Shenzhen: CC BY-NC-SA 4.0, with citation of S. Stirenko, Y. Kochura, O. Alienin, et al. "Chest X-Ray
Analysis of Tuberculosis by Deep Learning with Segmentation and Augmentation", ELNANO, 422-428, 2018.
https://arxiv.org/abs/1803.01199
"""

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from medley import datasets
from medley.cases import Case
from medley.datasets import pictures
from medley.errors import InputError

LABELS: dict[str, tuple[int, ...]] = {"lung": (1,)}
PARTS = {"CHNCXR": "training", "MCUCXR": "testing"}
FINDINGS = {"0": "normal", "1": "tuberculosis"}
NAME = re.compile(r"(?P<hospital>CHNCXR|MCUCXR)_\d{4}_(?P<finding>[01])")
EXAMPLE = "CHNCXR_0001_0.png"

IMAGES = ("CXR_png",)
MASKS = ("masks", "mask")
LEFT, RIGHT = "leftMask", "rightMask"
MASK_SUFFIX = "_mask"
LEVELS = 4  # the folder itself and three below it


def index(folder: Path) -> list[Case]:
    """Return the case of every picture in ``folder``, having read every picture's header and every mask.

    Raises InputError for a folder without pictures, a file that is called otherwise, two of one name, a mask without
    its picture and a left mask without the right one. What is wrong in a file is left to the inspection.
    """
    folder = Path(folder)
    images = _named(folder, IMAGES)
    if not images:
        what = "no such folder" if not folder.is_dir() else f"no pictures in {IMAGES[0]}/, there or below"
        raise InputError(
            f"{folder}: {what}; put the chest X-rays there, or correct the dataset's source in config.yaml"
        )
    masks = _masks(folder)
    if lacking := sorted(masks.keys() - images.keys()):
        what = f"{masks[lacking[0]]}: there is no picture {lacking[0]} in {IMAGES[0]}/ (masks like it: {len(lacking)})"
        raise InputError(f"{what}; add the pictures, or move the masks elsewhere")
    return [_case(name, path, masks.get(name)) for name, path in images.items()]


def read_image(case: Case) -> npt.NDArray[np.float32]:
    """Return the picture as float32 of shape (1, 1, rows, columns), 0 to 255."""
    return pictures.read(case.image, channels=1)


def read_mask(case: Case) -> npt.NDArray[np.uint8]:
    """Return the mask of both lungs as uint8 of shape (1, rows, columns): 1 in a lung."""
    mask: npt.NDArray[np.uint8] = np.maximum.reduce([pictures.read_mask(path, case.shape[:2]) for path in _files(case)])
    return mask


def between(case: Case) -> float:
    """Return the share of pixels that are neither black nor white in the mask, or in the worse one of its halves."""
    return max(pictures.is_between(path) for path in _files(case))


def make_phantom(folder: Path, patients: int, scale: float, seed: int) -> None:
    """Write made-up patients in this layout; see ``chest_xray_phantom``."""
    datasets.reader("chest_xray_phantom").make_phantom(folder, patients, scale, seed)


def download(folder: Path) -> None:
    """Fetch the archives of NLM and unpack the masks beside them; see ``chest_xray_download``."""
    datasets.reader("chest_xray_download").download(folder)


def _named(folder: Path, kinds: tuple[str, ...]) -> dict[str, Path]:
    """Return the files in the folders called as in ``kinds`` by the picture that they belong to, sorted."""
    found: dict[str, Path] = {}
    places = [place for kind in kinds for level in range(LEVELS) for place in folder.glob("*/" * level + kind)]
    for place in sorted(places):
        for stem, path in pictures.files(place).items():
            name = stem.removesuffix(MASK_SUFFIX)
            if not NAME.fullmatch(name):
                raise InputError(f"{path}: is not called as {EXAMPLE} is; rename it or move it elsewhere")
            if name in found:
                raise InputError(f"{path}: {found[name]} is of the same picture, {name}; remove one of the two")
            found[name] = path
    return dict(sorted(found.items()))


def _masks(folder: Path) -> dict[str, Path]:
    """Return the masks by their picture; of a mask in two halves the left one."""
    masks, left, right = (_named(folder, kinds) for kinds in (MASKS, (LEFT,), (RIGHT,)))
    for halves, others, kind in ((left, right, RIGHT), (right, left, LEFT)):
        for name, path in halves.items():
            if name not in others or others[name].parent.parent != path.parent.parent:
                raise InputError(f"{path}: has no other half in {kind}/ beside {path.parent.name}/; add or remove one")
    if twice := sorted(masks.keys() & left.keys()):
        raise InputError(f"{left[twice[0]]}: {masks[twice[0]]} is of the same picture; remove one of the two")
    return {**masks, **left}


def _files(case: Case) -> list[Path]:
    """Return the files of a case's mask: one, or its left and right half, whose endings may differ."""
    mask = Path(case.mask)
    if mask.parent.name != LEFT:
        return [mask]
    return [mask, pictures.files(mask.parent.with_name(RIGHT))[mask.stem]]


def _case(name: str, image: Path, mask: Path | None) -> Case:
    """Return the case of one picture, having read its header and its mask."""
    says = NAME.fullmatch(name)
    assert says
    case = Case(
        case=name,
        patient=name,
        image=str(image),
        mask=str(mask or ""),
        shape=pictures.shape(image),
        spacing=(1.0, 1.0, 1.0),
        part=PARTS[says["hospital"]],
        pathology=FINDINGS[says["finding"]],
    )
    return pictures.labelled(case, "lung", read_mask)
