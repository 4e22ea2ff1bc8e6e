"""Single grey pictures in DICOM, read as ``pictures`` reads everyday formats: values from 0 to 255 in memory.

A picture whose brightest value stands for black (MONOCHROME1) is turned by ITK as it reads, so that dense tissue
is bright in both kinds.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK

from medley.errors import InputError, MismatchError

ITK: Any = SimpleITK  # has no types of its own

AGAIN = "fetch or copy it again"
BITS_STORED = "0028|0101"
WHITE = 255
NEAR = 10  # grey values from black or white, as in ``pictures``


def size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Return rows and columns, read from the header alone. Raises InputError for what is no single grey picture."""
    columns, rows, *_ = _opened(path).GetSize()
    return rows, columns


def read(path: str | os.PathLike[str]) -> npt.NDArray[np.float32]:
    """Return a picture as float32 of shape (1, 1, rows, columns), 0 to 255: 16 bits are divided by 257.

    Raises InputError for a file that is missing, damaged, or no single grey picture of whole numbers.
    """
    reader = _opened(path)
    most = 2 ** int(reader.GetMetaData(BITS_STORED)) - 1
    return _pixels(path, reader).astype(np.float32)[None] / np.float32(most / WHITE)


def read_mask(path: str | os.PathLike[str], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return a mask as uint8 of shape (1, rows, columns): 1 where a pixel is above half of the brightest one.

    So 0 and 1, 0 and 255, and 0 and 65535 all come out right. Raises InputError as ``read`` does; MismatchError for
    a mask that is not of ``size`` (rows, columns), the size of its image.
    """
    pixels = _pixels(path, _opened(path))
    if pixels.shape[1:] != size:
        found, wanted = (" x ".join(str(count) for count in each) for each in (pixels.shape[1:], size))
        what = f"{path}: has {found} rows and columns, but its image has {wanted}"
        raise MismatchError(f"{what}; put the image's own mask there")
    mask: npt.NDArray[np.uint8] = (pixels > pixels.max() // 2).astype(np.uint8)
    return mask


def is_between(path: str | os.PathLike[str]) -> float:
    """Return the share of a mask's pixels that are neither nearly black nor nearly white.

    Nearly is within NEAR of WHITE parts of the brightest pixel. Raises InputError as ``read`` does.
    """
    pixels = _pixels(path, _opened(path))
    most = int(pixels.max())
    near = most * NEAR / WHITE
    return float(np.mean((pixels > near) & (pixels < most - near)))


def _opened(path: str | os.PathLike[str]) -> Any:
    """Return a reader that has read the header."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; {AGAIN}")
    reader = ITK.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        raise InputError(f"{path}: is no DICOM file, or its header is damaged; {AGAIN}") from None
    whole_numbers = reader.GetPixelID() in (ITK.sitkUInt8, ITK.sitkUInt16)
    if not whole_numbers or reader.GetSize()[2:] not in ((), (1,)):
        what = f"{path}: is not one picture of 8- or 16-bit grey without sign"
        raise InputError(f"{what}; put the source's own file there")
    return reader


def _pixels(path: str | os.PathLike[str], reader: Any) -> npt.NDArray[np.uint8 | np.uint16]:
    """Return the pixels as the file holds them, of shape (1, rows, columns)."""
    try:
        pixels: npt.NDArray[np.uint8 | np.uint16] = ITK.GetArrayFromImage(reader.Execute())
    except RuntimeError:
        raise InputError(f"{path}: is damaged or cut short; {AGAIN}") from None
    return pixels.reshape(-1, *pixels.shape[-2:])
