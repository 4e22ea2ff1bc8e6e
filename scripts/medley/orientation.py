"""Where a volume lies by its header: whether that contradicts itself, and whether two volumes lie on one grid.

Only headers are read. NIfTI-1 states twice where a volume lies, as sform and as qform, and three times how large a
voxel is, in ``pixdim`` too. Each of the two forms may be left out.
Format: https://nifti.nimh.nih.gov/nifti-1
"""

import itertools
import os
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
from nibabel.affines import apply_affine, voxel_sizes

from medley import nifti

ROUNDING = 1e-3  # of a cosine, or of a voxel's size: headers hold float32, and programs round before they write

Affine = npt.NDArray[np.float64]


def contradiction(path: str | os.PathLike[str]) -> str:
    """Return in words how the header of ``path`` contradicts itself; nothing where it does not.

    The axes must be at right angles and their voxels as long as ``pixdim`` says, or no distance in mm is right; and
    sform and qform must lie on each other to a tenth of a voxel. The file must be one that ``nifti.read`` reads.
    """
    header: Any = nibabel.load(path).header
    forms = {"sform": header.get_sform(coded=True)[0], "qform": _qform(header)}
    stated = {name: affine for name, affine in forms.items() if affine is not None}
    for name, affine in stated.items():
        if problem := _skewed(affine, header["pixdim"][1:4]):
            return f"its {name} {problem}"
    if len(stated) < 2:
        return ""
    apart = _apart(stated["sform"], stated["qform"], header.get_data_shape()[:3])
    if apart > nifti.CORNERS_APART * voxel_sizes(stated["sform"]).min():
        return f"its qform and sform disagree: they lie up to {apart:.3g} mm apart"
    return ""


def other_grid(mask: str | os.PathLike[str], image: str | os.PathLike[str]) -> str:
    """Return in words how the grid of ``mask`` differs from that of its ``image``; nothing where it does not.

    As ``nifti.other_grid``, by the headers alone.
    """
    return nifti.other_grid(_outline(mask), _outline(image))


def _outline(path: str | os.PathLike[str]) -> nifti.Volume:
    """Return the volume in ``path`` with zeros for voxels, which take no memory."""
    header: Any = nibabel.load(path).header
    rows, columns, slices = (float(str(size)) for size in header["pixdim"][1:4])
    affine = header.get_sform(coded=True)[0]
    nothing = np.broadcast_to(np.uint8(0), header.get_data_shape())
    return nifti.Volume(nothing, (rows, columns, slices), _qform(header) if affine is None else affine)


def _qform(header: Any) -> Affine | None:
    """Return the affine of the qform; None where it is not set, not finite where it holds no rotation."""
    try:
        affine: Affine | None = header.get_qform(coded=True)[0]
    except ValueError:  # no quaternion
        return np.full((4, 4), np.nan)
    return affine


def _skewed(affine: Affine, pixdim: npt.NDArray[np.floating[Any]]) -> str:
    """Return what is wrong with an affine by itself, or with the voxels' size that it states."""
    if not np.isfinite(affine).all() or not voxel_sizes(affine).all():
        return "states no place: it holds numbers that are not finite, or an axis without length"
    sizes = voxel_sizes(affine)
    cosines = (affine[:3, :3] / sizes).T @ (affine[:3, :3] / sizes) - np.eye(3)
    if (largest := np.abs(cosines).max()) > ROUNDING:
        degrees = np.degrees(np.arccos(min(largest, 1)))
        return f"has direction cosines that are not orthonormal: two axes meet at {degrees:.3g} degrees"
    if not np.allclose(sizes, pixdim, rtol=ROUNDING):
        found, stated = (" x ".join(f"{size:.4g}" for size in triple) for triple in (sizes, pixdim))
        return f"has voxels of {found} mm, but pixdim says {stated} mm"
    return ""


def _apart(one: Affine, other: Affine, shape: tuple[int, int, int]) -> float:
    """Return how far, in mm along one of the scanner's axes, two affines put a corner of a volume at most."""
    corners = list(itertools.product(*((0, size - 1) for size in shape)))
    return float(np.abs(apply_affine(one, corners) - apply_affine(other, corners)).max())
