"""NIfTI-1 files: a fast reader that trusts the header's ``pixdim``, and a small writer.

nibabel parses the header; the voxels are decompressed by isal, since opening a small compressed
volume through nibabel costs several times more than decoding it.
Format: https://nifti.nimh.nih.gov/nifti-1
"""

import gzip
import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import nibabel
import numpy as np
import numpy.typing as npt
from isal import igzip_lib
from nibabel.affines import apply_affine, voxel_sizes

from medley.errors import InputError
from medley.files import whole_file

HEADER_BYTES = 348
VOXELS_OFFSET = 352  # of single-file NIfTI-1 without extensions
GZIP_MAGIC = b"\x1f\x8b"
MOST_DEFLATED = 1032  # times that deflate can make data smaller
AGAIN = "fetch or copy it again"
CORNERS_APART = 0.1  # voxels that the corners of a mask may lie from its image's: rounding


class Volume(NamedTuple):
    """Voxels in the file's own axis order, the spacing of these axes in mm, and where they lie.

    ``affine`` (4, 4) takes voxel indices to the scanner's axes, as the header states it; None where
    it states none.
    """

    voxels: npt.NDArray[Any]
    spacing: tuple[float, float, float]
    affine: npt.NDArray[np.float64] | None


def read(path: str | os.PathLike[str], finite: bool = True) -> Volume:
    """Return the volume in ``path`` (``.nii`` or ``.nii.gz``).

    The voxels keep the file's dtype, or become float32 where the header scales them; they may be
    read-only. The spacing is ``pixdim``, whatever the affine says: ACDC's affines say 1 mm.

    Raises InputError for a missing, empty, truncated or overlong file, one that is no NIfTI-1,
    not three axes, a spacing that is not positive and, if ``finite``, for NaN or infinite voxels.
    """
    content = _content(Path(path))
    header = _header(path, content)
    shape = header.get_data_shape()
    if len(shape) != 3:
        raise InputError(f"{path}: has {len(shape)} axes {shape}; expected rows, columns, slices: one volume a file")
    if 0 in shape:
        raise InputError(f"{path}: the header says shape {shape}, a volume without voxels; {AGAIN}")
    spacing = _spacing(path, header)
    voxels = _scaled(header, _voxels(path, content, header, shape))
    if finite and not np.isfinite(voxels).all():
        bad = int(np.count_nonzero(~np.isfinite(voxels)))
        raise InputError(f"{path}: {bad} of {voxels.size} voxels are NaN or infinite; mend the file or remove the case")
    return Volume(voxels, spacing, _affine(header))


def other_grid(mask: Volume, image: Volume) -> str:
    """Return in words how the grid of ``mask`` differs from that of its ``image``; nothing where it does not.

    Compared are shape, spacing and, where both headers state one, the affine: a mask that was
    flipped or shifted has the same shape.
    """
    if mask.voxels.shape != image.voxels.shape:
        return f"shape {mask.voxels.shape}, but its image has {image.voxels.shape}"
    if not np.allclose(mask.spacing, image.spacing, rtol=1e-3):
        return f"spacing {mask.spacing} mm, but its image has {image.spacing} mm"
    if mask.affine is None or image.affine is None:
        return ""
    corners = list(itertools.product(*((0, size - 1) for size in mask.voxels.shape)))
    apart = np.abs(apply_affine(mask.affine, corners) - apply_affine(image.affine, corners)).max()
    if apart > CORNERS_APART * voxel_sizes(image.affine).min():
        return f"by the affines it lies up to {apart:.3g} mm from its image: it is flipped, turned or shifted"
    return ""


def write(
    path: str | os.PathLike[str],
    voxels: npt.NDArray[Any],
    spacing: Sequence[float],
    affine: npt.NDArray[np.float64],
) -> None:
    """Write a 3D array as ``.nii.gz`` with ``spacing`` (mm) in pixdim and ``affine`` as sform.

    The two may contradict each other, as they do in ACDC. The same input gives the same bytes.
    """
    header = nibabel.Nifti1Header()
    header.set_data_dtype(voxels.dtype)
    header.set_data_shape(voxels.shape)
    header.set_sform(affine, code="aligned")
    header["pixdim"][1:4] = spacing
    header["vox_offset"] = VOXELS_OFFSET
    header["scl_slope"] = header["scl_inter"] = np.nan  # unscaled
    padding = bytes(VOXELS_OFFSET - HEADER_BYTES)  # no extensions
    content = bytes(header.binaryblock) + padding + voxels.tobytes(order="F")
    with whole_file(path) as part:
        # zlib and not isal, whose output depends on the processor's vector units.
        part.write_bytes(gzip.compress(content, compresslevel=1, mtime=0))


def _content(path: Path) -> bytes:
    """Return the file's bytes, decompressed where its name ends in .gz."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {AGAIN}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if not content:
        raise InputError(f"{path}: the file is empty; {AGAIN}")
    if path.suffix != ".gz":
        return content
    if not content.startswith(GZIP_MAGIC):
        raise InputError(f"{path}: is not gzip-compressed although its name ends in .gz; {AGAIN}")
    return _decompressed(path, content)


def _decompressed(path: Path, content: bytes) -> bytes:
    """Return what the gzip members in ``content`` hold, one after the other."""
    members = []
    # The size of the last member, as a rule the only one, ends the file: a buffer that need not grow halves the time.
    size = min(int.from_bytes(content[-4:], "little"), MOST_DEFLATED * len(content))
    while content.startswith(GZIP_MAGIC):
        member = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
        try:
            members.append(member.decompress(content, max(size, 1)))
            if not member.eof:
                members.append(member.decompress(b""))
        except igzip_lib.IsalError as error:  # type: ignore[misc]  # isal's stub declares an instance
            raise InputError(f"{path}: the compressed data are damaged ({error}); {AGAIN}") from None
        if not member.eof:
            raise InputError(f"{path}: the file is truncated; {AGAIN}")
        content = member.unused_data
    if content.strip(b"\0"):  # zeros are padding
        raise InputError(f"{path}: {len(content)} bytes follow the compressed data; {AGAIN}")
    return members[0] if len(members) == 1 else b"".join(members)


def _header(path: str | os.PathLike[str], content: bytes) -> Any:
    """Return the NIfTI-1 header at the start of ``content``."""
    if len(content) < HEADER_BYTES:
        raise InputError(f"{path}: {len(content)} bytes are too few for a NIfTI header; {AGAIN}")
    # Unchecked: nibabel's checks silently mend a negative or zero spacing.
    header = nibabel.Nifti1Header(content[:HEADER_BYTES], check=False)
    if header["sizeof_hdr"] != HEADER_BYTES or header["magic"].item() != b"n+1":
        magic = header["magic"].item()
        raise InputError(f"{path}: is no NIfTI-1 file with header and voxels in one (magic {magic!r}); save it as one")
    try:
        dtype = header.get_data_dtype()
    except KeyError as code:
        raise InputError(f"{path}: voxels of an unknown type (code {code}); {AGAIN}") from None
    if dtype.kind not in "iuf":
        raise InputError(f"{path}: voxels of type {dtype} are not grey values; save it as numbers, one a voxel")
    return header


def _spacing(path: str | os.PathLike[str], header: Any) -> tuple[float, float, float]:
    """Return pixdim of the three axes as the shortest decimals that the float32 values round to."""
    rows, columns, slices = (float(str(size)) for size in header["pixdim"][1:4])
    if not all(np.isfinite(size) and size > 0 for size in (rows, columns, slices)):
        found = f"{rows:g} x {columns:g} x {slices:g} mm"
        raise InputError(f"{path}: spacing (pixdim) {found}; every axis needs one above 0: mend the header")
    return rows, columns, slices


def _affine(header: Any) -> npt.NDArray[np.float64] | None:
    """Return the affine of sform or else qform; None where neither is set, or is none."""
    affine, _ = header.get_sform(coded=True)
    try:
        affine = header.get_qform(coded=True)[0] if affine is None else affine
    except ValueError:  # no quaternion
        return None
    return affine if affine is not None and np.isfinite(affine).all() else None


def _voxels(path: str | os.PathLike[str], content: bytes, header: Any, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return the stored values as an array over ``content`` (first axis fastest)."""
    dtype = header.get_data_dtype()
    offset = int(header["vox_offset"])
    count = int(np.prod(shape, dtype=np.int64))
    expected, found = offset + count * dtype.itemsize, len(content)
    if offset < HEADER_BYTES or found < expected:
        raise InputError(f"{path}: {found} bytes, but the header promises {expected}: truncated; {AGAIN}")
    if found > expected:
        raise InputError(f"{path}: {found - expected} bytes follow the voxels that the header promises; {AGAIN}")
    return np.frombuffer(content, dtype=dtype, count=count, offset=offset).reshape(shape, order="F")


def _scaled(header: Any, voxels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the values that the header means: stored * slope + intercept, where a slope is set."""
    slope, intercept = (float(header[key]) for key in ("scl_slope", "scl_inter"))
    if not np.isfinite(slope) or slope == 0 or (slope, intercept) == (1.0, 0.0):
        return voxels
    scaled = voxels * slope + (intercept if np.isfinite(intercept) else 0.0)
    return scaled.astype(np.float32)
