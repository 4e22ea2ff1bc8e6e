"""Pictures in the everyday formats (PNG, JPEG, TIFF, BMP): what readers of such datasets share.

A picture's grey or colour values are 0 to 255 in memory, whatever its file holds. What would silently come out
as something else (a mask whose picture is turned by its EXIF, a transparent pixel, inks for colours) is refused.
Pillow's own limit to a picture's size, 179 million pixels, is several times what a mammogram has: it stays.
"""

import contextlib
import dataclasses
import io
import os
import struct
import zlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from medley.cases import Case
from medley.errors import InputError, MismatchError

Grey = npt.NDArray[np.float32]
Mask = npt.NDArray[np.uint8]

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
AGAIN = "fetch or copy it again"
AS_RGB = "save it as RGB or grey of 8 bits a channel"
UNKNOWN = (1, 1, 1)  # the shape of a picture whose header cannot be read

WHITE = 255
NEAR = 10  # grey values from black or white that a JPEG may add
MOST_COLOUR = 64  # difference of the channels that a grey JPEG does not reach
SIXTEEN_BIT_GREY = frozenset({"I;16", "I;16B", "I;16L", "I;16N"})
READABLE = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", *SIXTEEN_BIT_GREY})
PNG = b"\x89PNG\r\n\x1a\n"
PNG_DEPTH = 24  # the byte that holds the bits a channel
DAMAGED = (OSError, SyntaxError, ValueError, TypeError, struct.error, zlib.error, Image.DecompressionBombError)


def size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Return rows and columns, read from the header alone.

    Raises InputError for a file that is missing, empty or no picture.
    """
    with _told(path), Image.open(path) as picture:
        return picture.height, picture.width


def shape(path: str | os.PathLike[str]) -> tuple[int, int, int]:
    """Return rows, columns and 1 slice; UNKNOWN for a header that cannot be read, which the inspection will judge."""
    try:
        return (*size(path), 1)
    except InputError:
        return UNKNOWN


def read(path: str | os.PathLike[str], channels: int | None = None) -> Grey:
    """Return a picture as float32 of shape (channels, 1, rows, columns) with values from 0 to 255.

    There are 3 channels for colours and 1 for grey; where ``channels`` says which, grey is repeated, and colours
    become their luminance (ITU-R BT.601, exact where the three are equal). Grey of 16 bits is divided by 257.

    Raises InputError for what ``size`` refuses, and for pixels that are damaged or cut short, inks (CMYK), colour
    of 16 bits, transparency, and a picture that its EXIF turns.
    """
    picture = _decode(path)
    kinds = {1: "L", 3: "RGB"}
    if picture.mode in SIXTEEN_BIT_GREY:
        pixels = (np.asarray(picture).astype(np.float32) / np.float32(257))[..., None].repeat(channels or 1, axis=2)
    else:
        kind = kinds[channels] if channels else "L" if _is_grey(picture) else "RGB"
        pixels = np.asarray(picture.convert(kind), dtype=np.float32)
    return np.ascontiguousarray(np.atleast_3d(pixels).transpose(2, 0, 1))[:, None]


def read_mask(path: str | os.PathLike[str], size: tuple[int, int]) -> Mask:
    """Return a mask as uint8 of shape (1, rows, columns): 1 where its picture is brighter than half of white.

    What counts is the grey that a viewer shows, not the index in a palette. Raises InputError as ``read`` does, and
    for a mask in colours or one so dark that nothing would be left of it; MismatchError for one that is not of
    ``size`` (rows, columns), the size of its image.
    """
    grey = _mask_grey(path)
    if grey.shape != size:
        found, wanted = (" x ".join(str(count) for count in each) for each in (grey.shape, size))
        what = f"{path}: has {found} rows and columns, but its image has {wanted}"
        raise MismatchError(f"{what}; put the image's own mask there")
    mask = (grey > WHITE // 2).view(np.uint8)
    if grey.any() and not mask.any():
        what = f"{path}: its brightest value is {grey.max()}, so that no pixel is above half of {WHITE}"
        raise InputError(f"{what}; save the mask as 0 and {WHITE}")
    return mask[None]


def is_between(path: str | os.PathLike[str]) -> float:
    """Return the share of a mask's pixels that are neither nearly black nor nearly white (within NEAR of 0, 255).

    Raises InputError as ``read_mask`` does.
    """
    grey = _mask_grey(path)
    return np.count_nonzero((grey > NEAR) & (grey < WHITE - NEAR)) / grey.size


def labelled(case: Case, label: str, read_mask: Callable[[Case], Mask]) -> Case:
    """Return ``case`` with ``label`` where its mask has any pixel; a mask that cannot be read shows none."""
    try:
        present = bool(case.mask) and bool(read_mask(case).any())
    except InputError:  # for the inspection to tell
        present = False
    return dataclasses.replace(case, labels=(label,) if present else ())


def files(folder: Path, endings: Collection[str] = ENDINGS) -> dict[str, Path]:
    """Return the files in ``folder`` with one of ``endings`` (``.png``; in any case) by their stem, sorted.

    Hidden files are left out, which file managers leave. Raises InputError for a folder that is missing,
    and for two files of one stem.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; put the pictures there, or correct the dataset's source")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.suffix.lower() not in endings or not path.is_file():
            continue
        if path.stem in found:
            raise InputError(f"{path}: {found[path.stem].name} beside it has the same name; remove one of the two")
        found[path.stem] = path
    return found


def _decode(path: str | os.PathLike[str]) -> Image.Image:
    """Return a picture with its pixels, having refused every kind that would be read wrongly."""
    with _told(path):
        content = Path(path).read_bytes()
        if content.startswith(PNG):  # unlike decoding, this holds every part to its checksum
            with Image.open(io.BytesIO(content)) as checked:
                checked.verify()
        picture = Image.open(io.BytesIO(content))
        orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
        picture.load()
    if picture.mode == "CMYK":
        raise InputError(f"{path}: holds inks (CMYK), not colours; {AS_RGB}")
    if picture.mode not in READABLE:
        raise InputError(f"{path}: holds pixels of kind {picture.mode}; {AS_RGB}")
    if content.startswith(PNG) and content[PNG_DEPTH] == 16 and picture.mode not in SIXTEEN_BIT_GREY:
        raise InputError(f"{path}: has 16 bits a colour channel; {AS_RGB}")
    if orientation > 1:
        what = f"{path}: its EXIF says that it is shown turned or mirrored (orientation {orientation})"
        raise InputError(f"{what}, so that image and mask may not fit; save it upright")
    if _is_transparent(picture):
        raise InputError(f"{path}: is transparent in part; {AS_RGB}")
    picture.info.pop("transparency", None)  # of no pixel, but Pillow would warn of it
    return picture


def _is_transparent(picture: Image.Image) -> bool:
    """Return whether any pixel is not opaque. Of 16-bit grey the format knows one transparent value: it is ignored."""
    if picture.mode in SIXTEEN_BIT_GREY or not picture.has_transparency_data:
        return False
    return bool(picture.convert("RGBA").getchannel("A").getextrema() != (WHITE, WHITE))


def _is_grey(picture: Image.Image) -> bool:
    """Return whether a picture of 8 bits is one of grey values: by its kind, and a palette by its colours."""
    if picture.mode not in ("P", "PA"):
        return picture.mode in ("1", "L", "LA")
    colours: Any = np.reshape(picture.getpalette() or [], (-1, 3))
    return bool((colours == colours[:, :1]).all())


def _mask_grey(path: str | os.PathLike[str]) -> Mask:
    """Return a mask's grey values, 0 to 255, as uint8 of shape (rows, columns)."""
    picture = _decode(path)
    if picture.mode in SIXTEEN_BIT_GREY:
        return (np.asarray(picture) >> 8).astype(np.uint8)
    if not _is_grey(picture) and np.ptp(np.asarray(picture.convert("RGB")), axis=2).max() > MOST_COLOUR:
        raise InputError(f"{path}: is a mask in colours; save it as 0 (black) and {WHITE} (white)")
    return np.asarray(picture.convert("L"))


@contextlib.contextmanager
def _told(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what Pillow raises for a file that it cannot read into an InputError."""
    try:
        yield
    except DAMAGED as error:
        raise InputError(f"{path}: {_reason(Path(path), error)}") from None


def _reason(path: Path, error: Exception) -> str:
    """Return what is wrong with a file that cannot be read, and what to do."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"cannot be read ({error.strerror}); {AGAIN}"
    if isinstance(error, Image.DecompressionBombError):
        return f"has more pixels than any picture of a patient ({error}); put the right file there"
    if not path.stat().st_size:
        return f"is empty; {AGAIN}"
    if isinstance(error, UnidentifiedImageError):
        return f"is no picture, or its header is damaged; {AGAIN}"
    return f"is damaged or cut short ({error}); {AGAIN}"
