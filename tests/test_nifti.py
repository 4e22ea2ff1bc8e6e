"""The NIfTI reader and writer against nibabel, against broken files, and on real ones."""

import gzip
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medley import nifti

LYING = np.diag([-1.0, -1.0, 1.0, 1.0])
DTYPES = [np.uint8, np.int16, np.float32, np.float64]


def save_by_nibabel(path: Path, voxels: Any, spacing: tuple[float, ...], **header: Any) -> Path:
    image = nibabel.Nifti1Image(voxels, None)
    image.header["pixdim"][1 : 1 + len(spacing)] = spacing
    for key, value in header.items():
        image.header[key] = value
    nibabel.save(image, path)
    return path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.nii.gz"
    voxels = np.random.default_rng(0).integers(0, 900, (5, 7, 3), dtype=np.int16)
    nifti.write(path, voxels, (1.4, 1.6, 10.0), LYING)
    return path


def changed(path: Path, at: int, value: bytes) -> Path:
    """Overwrite bytes of the uncompressed content."""
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[at : at + len(value)] = value
    path.write_bytes(gzip.compress(bytes(content)))
    return path


@settings(deadline=None, max_examples=40)
@given(
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    spacing=st.tuples(*[st.integers(10, 2000).map(lambda hundredths: hundredths / 100)] * 3),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 1000),
)
def test_nibabel_and_we_read_what_we_write(
    tmp_path_factory: pytest.TempPathFactory, shape: Any, spacing: Any, dtype: Any, seed: int
) -> None:
    path = tmp_path_factory.mktemp("written") / "volume.nii.gz"
    voxels = np.random.default_rng(seed).integers(0, 200, shape).astype(dtype)
    nifti.write(path, voxels, spacing, LYING)
    theirs: Any = nibabel.load(path)
    np.testing.assert_array_equal(np.asarray(theirs.dataobj), voxels)
    np.testing.assert_array_equal(theirs.affine, LYING)
    np.testing.assert_allclose(theirs.header["pixdim"][1:4], spacing, rtol=1e-6)
    ours = nifti.read(path)
    np.testing.assert_array_equal(ours.voxels, voxels)
    assert ours.voxels.dtype == dtype
    np.testing.assert_allclose(ours.spacing, spacing, rtol=1e-6)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_reads_what_nibabel_writes(tmp_path: Path, dtype: Any, suffix: str) -> None:
    voxels = np.arange(24).reshape(2, 3, 4).astype(dtype)
    volume = nifti.read(save_by_nibabel(tmp_path / f"v{suffix}", voxels, (0.7, 0.8, 5)))
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert volume.spacing == (0.7, 0.8, 5.0)


def test_big_endian(tmp_path: Path) -> None:
    voxels = np.arange(24, dtype=">i2").reshape(2, 3, 4)
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(">i2")
    nibabel.save(nibabel.Nifti1Image(voxels, None, header), tmp_path / "v.nii.gz")
    np.testing.assert_array_equal(nifti.read(tmp_path / "v.nii.gz").voxels, voxels)


def test_slope_and_intercept_apply(good: Path) -> None:
    stored = nifti.read(good).voxels
    changed(good, 112, np.array([0.5, -3.0], dtype="<f4").tobytes())  # scl_slope, scl_inter
    scaled = nifti.read(good).voxels
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(scaled, stored * 0.5 - 3)
    theirs: Any = nibabel.load(good)
    np.testing.assert_array_equal(scaled, theirs.get_fdata())


@pytest.mark.parametrize("slope", [0.0, np.nan, np.inf])
def test_slope_without_meaning_is_ignored(good: Path, slope: float) -> None:
    stored = nifti.read(good).voxels.copy()
    changed(good, 112, np.array([slope, 7.0], dtype="<f4").tobytes())
    np.testing.assert_array_equal(nifti.read(good).voxels, stored)


def test_same_input_gives_same_bytes(tmp_path: Path, good: Path) -> None:
    volume = nifti.read(good)
    nifti.write(tmp_path / "again.nii.gz", volume.voxels, volume.spacing, LYING)
    assert (tmp_path / "again.nii.gz").read_bytes() == good.read_bytes()


def test_several_gzip_members_and_zero_padding_are_read(good: Path) -> None:
    voxels = nifti.read(good).voxels.copy()
    content = gzip.decompress(good.read_bytes())
    good.write_bytes(gzip.compress(content[:400]) + gzip.compress(content[400:]) + bytes(100))
    np.testing.assert_array_equal(nifti.read(good).voxels, voxels)


@pytest.mark.real
@pytest.mark.parametrize(
    ("patient", "frame", "dtype", "spacing"),
    [
        (1, 1, "int16", (1.5625, 1.5625, 10.0)),
        (90, 4, "uint8", (1.78571, 1.78571, 10.0)),
        (100, 1, "float32", (1.31579, 1.31579, 10.0)),
    ],
)
def test_real_file_spacing_is_not_what_its_affine_says(
    real: Path, patient: int, frame: int, dtype: str, spacing: Any
) -> None:
    name = f"patient{patient:03d}"
    for suffix in ("", "_gt"):
        path = real / "ACDC" / "training" / name / f"{name}_frame{frame:02d}{suffix}.nii.gz"
        volume, theirs = nifti.read(path), nibabel.load(path)
        np.testing.assert_array_equal(volume.voxels, np.asarray(theirs.dataobj))
        assert nibabel.affines.voxel_sizes(theirs.affine).tolist() == [1, 1, 1]
        assert volume.spacing == spacing
        assert volume.voxels.dtype == ("uint8" if suffix else dtype)


@pytest.mark.parametrize(("sform", "qform"), [(1, 0), (0, 1), (2, 1), (0, 0)])
def test_affine_is_nibabels_where_the_header_states_one(tmp_path: Path, sform: int, qform: int) -> None:
    image = nibabel.Nifti1Image(np.ones((3, 4, 5), dtype=np.uint8), None)
    turned = nibabel.affines.from_matvec([[0, -1.5, 0], [2, 0, 0], [0, 0, 8]], [-7, 5, 3])
    image.set_qform(turned, code=qform)
    image.set_sform(turned @ np.diag([1, 1, -1, 1]), code=sform)
    nibabel.save(image, tmp_path / "v.nii.gz")
    theirs: Any = nibabel.load(tmp_path / "v.nii.gz")
    ours = nifti.read(tmp_path / "v.nii.gz").affine
    assert (ours is None) == (sform == qform == 0)
    if ours is not None:
        np.testing.assert_allclose(ours, theirs.affine, atol=1e-6)


def test_grids_of_image_and_mask(good: Path) -> None:
    image = nifti.read(good)

    def lies(affine: Any) -> str:
        return nifti.other_grid(image._replace(affine=affine), image)

    assert lies(LYING) == lies(None) == lies(LYING + 1e-3) == ""
    assert nifti.other_grid(image, image._replace(affine=None)) == ""
    assert "up to 8 mm" in lies(LYING @ np.diag([-1, 1, 1, 1]))  # the fifth row at 4 mm for -4 mm
    shifted = LYING.copy()
    shifted[1, 3] = 0.5
    assert "up to 0.5 mm" in lies(shifted)
    assert "shape (5, 7, 2), but" in nifti.other_grid(image._replace(voxels=image.voxels[..., 1:]), image)
    assert "spacing (1.4, 1.6, 9.9) mm" in nifti.other_grid(image._replace(spacing=(1.4, 1.6, 9.9)), image)
    assert nifti.other_grid(image._replace(spacing=(1.4, 1.6, 10.001)), image) == ""
