"""The 18 real slices at hand, in the layout that the gi_tract reader reads.

They are not the competition's own files: somebody has scaled them to 512 x 512 pixels and 8 bit, and their masks
to coloured pictures (red: stomach, green: small bowel, yellow: large bowel; so no two overlap). What is lost
stays lost: the 16-bit PNG here hold the same 256 grey values, and a pixel's size, which nobody has noted, is
taken from the commonest scans, 266 pixels of 1.5 mm.

``PYTHONPATH=scripts python -m tests.real_slices ../shared/real/UW-Madison/mini_test_512 data/gi_tract_slices``
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from medley import rle

PIXEL = 266 * 1.5 / 512  # mm
COLOURS = {"large_bowel": (True, True), "small_bowel": (False, True), "stomach": (True, False)}  # red, green


def convert(source: Path, folder: Path) -> None:
    """Write the slices in ``source`` (images/, masks/) into ``folder`` as train.csv and train/."""
    rows = ["id,class,segmentation"]
    for path in sorted((source / "images").glob("*.png")):
        case, day, _, number = path.stem.split("_")
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.uint16)
        coloured = cv2.imread(str(source / "masks" / path.name), cv2.IMREAD_COLOR_RGB)[..., :2] > 127
        scans = folder / "train" / case / f"{case}_{day}" / "scans"
        scans.mkdir(parents=True, exist_ok=True)
        size = f"{grey.shape[1]}_{grey.shape[0]}_{PIXEL:.2f}_{PIXEL:.2f}"
        cv2.imwrite(str(scans / f"slice_{number}_{size}.png"), grey)
        rows += [f"{path.stem},{organ},{rle.encode((coloured == of).all(axis=-1))}" for organ, of in COLOURS.items()]
    (folder / "train.csv").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    convert(*map(Path, sys.argv[1:]))
