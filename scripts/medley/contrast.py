"""Local contrast of grey images, raised the way it is done to colour pictures."""

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

TILES = (8, 8)
TOP = 255  # of 8 bits
LIGHTNESS, GREEN = 0, 1  # channels


def equalise(image: Floats, limit: float) -> Floats:
    """Return ``image`` (…, rows, columns) after CLAHE on 8×8 tiles of each slice; values are in [0, 1].

    CLAHE is histogram equalisation with a bounded rise in contrast, here ``limit`` times at most (Zuiderveld 1994,
    Graphics Gems IV). A slice is taken as a picture of 8 bits with three equal channels, of which it equalises the
    lightness, as ``albumentations.CLAHE(clip_limit=(limit, limit))`` does; the grey values themselves would come out
    up to 17 of 255 levels apart from that. OpenCV's way back from lightness rounds the three channels one by one, so
    that they differ by one level at most; returned is green, the nearest to exact. Values outside [0, 1] are cut.
    """
    clahe = cv2.createCLAHE(clipLimit=limit, tileGridSize=TILES)
    result = np.empty_like(image)
    for place in np.ndindex(image.shape[:-2]):
        grey = np.rint(np.clip(image[place], 0, 1) * TOP).astype(np.uint8)
        colours = cv2.cvtColor(cv2.merge([grey] * 3), cv2.COLOR_RGB2LAB)
        colours[..., LIGHTNESS] = clahe.apply(colours[..., LIGHTNESS])
        result[place] = cv2.cvtColor(colours, cv2.COLOR_LAB2RGB)[..., GREEN] / np.float32(TOP)
    return result
