"""The ACDC reader on phantoms in ACDC's layout, on what first users get wrong, and on the real patients."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from medley import nifti
from medley.cases import read_cases
from medley.datasets import acdc, reader
from scripts import index_cases


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("acdc")
    acdc.make_phantom(folder, 4, 0.25, 0)
    return folder


@pytest.fixture
def patient(phantoms: Path, tmp_path: Path) -> Path:
    """A folder with one patient, to be broken."""
    shutil.copytree(phantoms / "training" / "patient001", tmp_path / "training" / "patient001")
    return tmp_path / "training" / "patient001"


def frame(patient: Path, phase: str, suffix: str = "") -> Path:
    info = dict(line.split(": ") for line in (patient / "Info.cfg").read_text().splitlines())
    return patient / f"{patient.name}_frame{int(info[phase]):02d}{suffix}.nii.gz"


def test_reader_is_found_by_name() -> None:
    assert reader("acdc") is acdc


def test_index_lists_both_phases_of_every_patient(phantoms: Path) -> None:
    cases = acdc.index(phantoms)
    assert [(case.patient, case.part, case.phase, case.pathology) for case in cases] == [
        (name, part, phase, group)
        for name, part, group in [
            ("patient001", "training", "NOR"),
            ("patient002", "training", "DCM"),
            ("patient003", "training", "HCM"),
            ("patient101", "testing", "MINF"),
        ]
        for phase in ("ED", "ES")
    ]
    for case in cases:
        header: Any = nibabel.load(case.image).header
        assert case.shape == header.get_data_shape()
        assert case.spacing == pytest.approx(header["pixdim"][1:4], rel=1e-6)
        assert case.labels == ("RV", "MYO", "LV")


def test_rows_columns_and_slices_are_the_files_axes(phantoms: Path) -> None:
    case = acdc.index(phantoms)[0]
    image, mask = acdc.read_image(case), acdc.read_mask(case)
    theirs: Any = nibabel.load(case.image)
    rows, columns, slices = case.shape
    assert image.shape == (1, slices, rows, columns) and image.dtype == np.float32
    assert mask.shape == (slices, rows, columns) and mask.dtype == np.uint8
    assert image.flags.c_contiguous and mask.flags.c_contiguous
    stored = np.asarray(theirs.dataobj)
    for number in range(slices):
        np.testing.assert_array_equal(image[0, number], stored[:, :, number].astype(np.float32))


@pytest.mark.parametrize("number", [100, 101])
def test_patients_directly_in_the_folder_get_their_official_part(phantoms: Path, tmp_path: Path, number: int) -> None:
    name = f"patient{number}"
    shutil.copytree(phantoms / "training" / "patient001", tmp_path / name)
    for path in (tmp_path / name).glob("patient001*"):
        path.rename(path.with_name(path.name.replace("patient001", name)))
    (tmp_path / "patient101_notes.txt").touch()
    cases = acdc.index(tmp_path)
    assert [case.part for case in cases] == ["training" if number == 100 else "testing"] * 2


@pytest.mark.parametrize(
    "info",
    [
        "\ufeffED: 1\r\nES:{}\r\n\r\nGroup:  NOR \r\n",
        "Weight: 95.0\nGroup: NOR\n  ES : {}\nED: 01\nno colon",
    ],
)
def test_info_of_another_hand_is_read(patient: Path, info: str) -> None:
    systole = int(frame(patient, "ES").name[16:18])
    (patient / "Info.cfg").write_text(info.format(systole), encoding="utf-8")
    first, second = acdc.index(patient.parents[1])
    assert (first.phase, second.phase) == ("ED", "ES")
    assert first.case == "patient001_frame01" and first.pathology == "NOR"


def test_label_that_is_absent_is_not_listed(patient: Path) -> None:
    path = frame(patient, "ES", "_gt")
    volume = nifti.read(path)
    nifti.write(path, np.where(volume.voxels == 1, 0, volume.voxels).astype(np.uint8), volume.spacing, volume.affine)
    assert [case.labels for case in acdc.index(patient.parents[1])] == [("RV", "MYO", "LV"), ("MYO", "LV")]


def test_script_writes_the_table(phantoms: Path, tmp_path: Path) -> None:
    index_cases.main("acdc", str(phantoms), str(tmp_path / "cases.csv"))
    assert list(read_cases(tmp_path / "cases.csv").values()) == acdc.index(phantoms)


@pytest.mark.real
def test_all_real_patients(real: Path) -> None:
    cases = acdc.index(real / "ACDC")
    assert len(cases) == 200
    assert Counter(case.pathology for case in cases) == dict.fromkeys(acdc.GROUPS, 40)
    assert {case.part for case in cases} == {"training"}
    assert all(case.spacing[0] == case.spacing[1] for case in cases)
    assert {case.spacing[2] for case in cases} == {5.0, 6.5, 7.0, 10.0}
    late = [(case.case, case.phase) for case in cases if case.patient == "patient090"]
    assert late == [("patient090_frame04", "ED"), ("patient090_frame11", "ES")]


@pytest.mark.real
def test_real_left_ventricles_have_a_heart_s_volume(real: Path) -> None:
    """Through the affine (1 mm) they would have a thimble's: below 30 ml."""
    for case in acdc.index(real / "ACDC")[::10]:
        voxels = np.count_nonzero(acdc.read_mask(case) == 3)
        assert case.phase == "ED"
        assert 45 <= voxels * np.prod(case.spacing) / 1000 <= 400
        assert voxels / 1000 < 30
