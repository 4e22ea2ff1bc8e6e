"""ISIC 2018 task 1: dermoscopy of skin lesions with masks of the lesion.

Layout of the folder; the archives of the challenge may each be unpacked into a folder of its own name::

    ISIC2018_Task1-2_Training_Input/ISIC_0000000.jpg                    2,594 images and masks
    ISIC2018_Task1_Training_GroundTruth/ISIC_0000000_segmentation.png
    ISIC2018_Task1-2_Validation_Input/…                                 100
    ISIC2018_Task1_Validation_GroundTruth/…
    ISIC2018_Task1-2_Test_Input/…                                       1,000
    ISIC2018_Task1_Test_GroundTruth/…
    lesions.csv                                                         columns image, lesion

Parts may be absent. ``lesions.csv`` is not the challenge's: several images may show one lesion, which the ISIC
Archive (https://www.isic-archive.com) names in its metadata. Where it is there the lesion is the patient, whose
images stay in one part of a split; without it, and for images that it leaves out, each image is its own. The
challenge's validation part is called ``validation``. A pixel's size is not known and counts as 1 mm: distances are
in pixels.

Licence: CC0. To be cited:
N. Codella, V. Rotemberg, P. Tschandl, et al. "Skin Lesion Analysis Toward Melanoma Detection 2018: A Challenge
Hosted by the International Skin Imaging Collaboration (ISIC)", 2019. https://arxiv.org/abs/1902.03368
P. Tschandl, C. Rosendahl, H. Kittler. "The HAM10000 dataset, a large collection of multi-source dermatoscopic images
of common pigmented skin lesions", Scientific Data 5, 180161, 2018. https://doi.org/10.1038/sdata.2018.161
"""

import csv
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from medley import datasets
from medley.cases import Case
from medley.datasets import pictures
from medley.errors import InputError

LABELS: dict[str, tuple[int, ...]] = {"lesion": (1,)}
PARTS = {"training": "Training", "validation": "Validation", "testing": "Test"}
NAME = re.compile(r"ISIC_\d{7}")
MASK_SUFFIX = "_segmentation"
TABLE, COLUMNS = "lesions.csv", {"image", "lesion"}


def index(folder: Path) -> list[Case]:
    """Return the case of every image in ``folder``, having read every image's header and every mask.

    Raises InputError for a folder without images, a file that is called otherwise, two of one name, an image in two
    parts, a mask without its image, and a ``lesions.csv`` that is no such table. What is wrong in a picture is left
    to the inspection.
    """
    folder = Path(folder)
    lesions = _lesions(folder / TABLE)
    cases: dict[str, Case] = {}
    for part in PARTS:
        images = _named(_place(folder, images_folder(part)), "")
        masks = _named(_place(folder, masks_folder(part)), MASK_SUFFIX)
        if lacking := sorted(masks.keys() - images.keys()):
            what = f"{masks[lacking[0]]}: there is no image {lacking[0]} in {images_folder(part)}"
            raise InputError(f"{what} (masks like it: {len(lacking)}); add the images, or move the masks elsewhere")
        if twice := sorted(images.keys() & cases.keys()):
            raise InputError(f"{images[twice[0]]}: is also {cases[twice[0]].image}; remove one of the two")
        cases |= {
            name: _case(name, path, masks.get(name), part, lesions.get(name, name)) for name, path in images.items()
        }
    if not cases:
        what = "no such folder" if not folder.is_dir() else f"no images in {images_folder('training')} or another part"
        raise InputError(f"{folder}: {what}; put ISIC 2018 there, or correct the dataset's source in config.yaml")
    return list(cases.values())


def read_image(case: Case) -> npt.NDArray[np.float32]:
    """Return the image as float32 of shape (3, 1, rows, columns): red, green, blue, 0 to 255."""
    return pictures.read(case.image, channels=3)


def read_mask(case: Case) -> npt.NDArray[np.uint8]:
    """Return the mask as uint8 of shape (1, rows, columns): 1 in the lesion."""
    return pictures.read_mask(case.mask, case.shape[:2])


def between(case: Case) -> float:
    """Return the share of the mask's pixels that are neither black nor white."""
    return pictures.is_between(case.mask)


def make_phantom(folder: Path, patients: int, scale: float, seed: int) -> None:
    """Write made-up patients in this layout; see ``isic2018_phantom``."""
    datasets.reader("isic2018_phantom").make_phantom(folder, patients, scale, seed)


def download(folder: Path) -> None:
    """Fetch the challenge's archives and unpack them; see ``isic2018_download``."""
    datasets.reader("isic2018_download").download(folder)


def images_folder(part: str) -> str:
    """Return the challenge's name for the folder of a part's images."""
    return f"ISIC2018_Task1-2_{PARTS[part]}_Input"


def masks_folder(part: str) -> str:
    """Return the challenge's name for the folder of a part's masks."""
    return f"ISIC2018_Task1_{PARTS[part]}_GroundTruth"


def _place(folder: Path, name: str) -> Path:
    """Return where a folder of the challenge lies: where its archive is unpacked beside itself, one level deeper."""
    unpacked = folder / name / name
    return unpacked if unpacked.is_dir() else folder / name


def _named(folder: Path, suffix: str) -> dict[str, Path]:
    """Return the pictures in ``folder`` by their image, sorted; none where there is no such folder."""
    found = {}
    for stem, path in pictures.files(folder).items() if folder.is_dir() else ():
        name = stem.removesuffix(suffix)
        if not NAME.fullmatch(name) or stem != f"{name}{suffix}":
            what = f"{path}: is not called as ISIC_0000000{suffix}{path.suffix} is"
            raise InputError(f"{what}; rename it or move it elsewhere")
        found[name] = path
    return found


def _case(name: str, image: Path, mask: Path | None, part: str, lesion: str) -> Case:
    """Return the case of one image, having read its header and its mask."""
    case = Case(
        case=name,
        patient=lesion,
        image=str(image),
        mask=str(mask or ""),
        shape=pictures.shape(image),
        spacing=(1.0, 1.0, 1.0),
        part=part,
    )
    return pictures.labelled(case, "lesion", read_mask)


def _lesions(table: Path) -> dict[str, str]:
    """Return the lesion of each image in ``table``; nothing where there is no such file."""
    if not table.is_file():
        return {}
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream)
            if not set(rows.fieldnames or ()) >= COLUMNS:
                found = ",".join(rows.fieldnames or ())[:60]
                raise InputError(f"{table}: the first line is {found!r}; name the columns image and lesion")
            lesions: dict[str, str] = {}
            for row in rows:
                if not row["image"] or not row["lesion"]:
                    raise InputError(
                        f"{table}: line {rows.line_num} lacks an image or a lesion; add it or remove the row"
                    )
                if lesions.setdefault(row["image"], row["lesion"]) != row["lesion"]:
                    what = f"{table}: line {rows.line_num}: {row['image']} also shows {lesions[row['image']]}"
                    raise InputError(f"{what}; remove the wrong row")
            return lesions
    except UnicodeDecodeError:
        raise InputError(f"{table}: is no text in UTF-8; save it as such") from None
