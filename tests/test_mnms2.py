"""The M&Ms-2 readers on phantoms, on the real subject, beside ACDC; and the phantoms: two views, three vendors."""

import csv
import logging
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import nibabel
import numpy as np
import pytest
from nibabel.affines import apply_affine
from scipy import ndimage

from medley import datasets, preprocess
from medley.cases import Case, read_cases
from medley.datasets import acdc, mnms2_la, mnms2_phantom, mnms2_sa
from medley.errors import InputError
from medley.labels import class_indices, select
from scripts import index_cases

PATIENTS = 20
READERS = {"SA": mnms2_sa, "LA": mnms2_la}
VENDORS = {"siemens", "philips", "ge"}
DISEASES = {"nor", "lv", "hcm", "arr", "fall", "cia", "rv", "tri"}
UNSEEN = {"rv", "tri"}
Volumes = dict[str, dict[tuple[str, str], float]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mnms2")
    mnms2_sa.make_phantom(folder, PATIENTS, 0.35, 0)
    return folder


@pytest.fixture(scope="module")
def cases(folder: Path) -> dict[str, Case]:
    """The cases of both views by name."""
    return {case.case: case for view in READERS.values() for case in view.index(folder)}


@pytest.fixture(scope="module")
def volumes(cases: dict[str, Case]) -> Volumes:
    """Volume in ml by patient, phase and label, from the short-axis stacks."""
    found: Volumes = {}
    for case in cases.values():
        if case.view == "SA":
            mask = mnms2_sa.read_mask(case)
            for label, values in mnms2_sa.LABELS.items():
                volume = np.count_nonzero(select(mask, values)) * np.prod(case.spacing) / 1000
                found.setdefault(case.patient, {})[case.phase, label] = float(volume)
    return found


def by_hand(path: str) -> tuple[Any, Any]:
    """Return voxels and header as nibabel reads them."""
    image: Any = nibabel.load(path)
    return np.asarray(image.dataobj), image.header


def assert_reads_as_by_hand(case: Case, reader: ModuleType) -> None:
    image, mask = reader.read_image(case), reader.read_mask(case)
    for path, array, dtype in ((case.image, image[0], np.float32), (case.mask, mask, np.uint8)):
        voxels, header = by_hand(path)
        assert array.dtype == dtype and array.flags.c_contiguous
        assert case.shape == voxels.shape == (array.shape[1], array.shape[2], array.shape[0])
        assert case.spacing == pytest.approx(header["pixdim"][1:4], rel=1e-6)
        for number in range(case.shape[2]):
            np.testing.assert_array_equal(array[number], voxels[:, :, number])
    present = set(np.unique(by_hand(case.mask)[0])) - {0}
    assert {name for name, (value,) in reader.LABELS.items() if value in present} == set(case.labels)


def agreement(cases: Mapping[str, Case], subject: str, phase: str) -> dict[int, float]:
    """Return, by value of the long-axis mask, the share of its voxels at which the short-axis mask has it too.

    The affines alone say where the voxels lie.
    """
    short, long = (cases[f"{subject}_{view}_{phase}"] for view in ("SA", "LA"))
    stack, _ = by_hand(short.mask)
    plane, _ = by_hand(long.mask)
    to_short = np.linalg.inv(nibabel.load(short.mask).affine) @ nibabel.load(long.mask).affine
    shares = {}
    for value in (1, 2, 3):
        there = np.rint(apply_affine(to_short, np.argwhere(plane == value))).astype(int)
        within = there[((there >= 0) & (there < stack.shape)).all(axis=1)]
        shares[value] = float(np.mean(stack[tuple(within.T)] == value))
    return shares


# The readers.


@pytest.mark.parametrize(("name", "reader"), [("mnms2_sa", mnms2_sa), ("mnms2_la", mnms2_la)])
def test_readers_share_phantoms_and_download(name: str, reader: ModuleType) -> None:
    assert datasets.reader(name) is reader
    assert datasets.helper(name, "phantom") == "mnms2_phantom"
    assert datasets.helper(name, "download") == "mnms2_download"


def test_index_lists_both_phases_of_every_subject(folder: Path) -> None:
    with (folder / "dataset_information.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    vendors = {"SIEMENS": "siemens", "Philips Medical Systems": "philips", "GE MEDICAL SYSTEMS": "ge"}
    for view, reader in READERS.items():
        assert [
            (case.case, case.patient, case.phase, case.view, case.vendor, case.pathology)
            for case in reader.index(folder)
        ] == [
            (
                f"{number:03d}_{view}_{phase}",
                f"{number:03d}",
                phase,
                view,
                vendors[row["VENDOR"]],
                row["DISEASE"].lower(),
            )
            for row in rows
            for number in [int(row["SUBJECT_CODE"])]
            for phase in ("ED", "ES")
        ]


def test_script_writes_the_table(folder: Path, tmp_path: Path) -> None:
    index_cases.main("mnms2_la", str(folder), str(tmp_path / "cases.csv"))
    assert list(read_cases(tmp_path / "cases.csv").values()) == mnms2_la.index(folder)


@pytest.mark.parametrize("view", READERS)
def test_phantoms_are_read_as_by_hand(cases: dict[str, Case], view: str) -> None:
    for case in cases.values():
        if case.view == view:
            assert_reads_as_by_hand(case, READERS[view])


@pytest.mark.parametrize("subjects", ["MnM2/dataset", "MnM2", "dataset", "."])
def test_folder_may_be_unpacked_in_several_ways(folder: Path, tmp_path: Path, subjects: str) -> None:
    shutil.copytree(folder / "dataset/001", tmp_path / subjects / "001")
    top = "MnM2" if subjects.startswith("MnM2") else "."
    shutil.copy(folder / "dataset_information.csv", tmp_path / top)
    (tmp_path / subjects / "notes").mkdir()
    first, second = mnms2_sa.index(tmp_path)
    assert (first.case, second.case, first.vendor, first.pathology) == ("001_SA_ED", "001_SA_ES", "siemens", "nor")


@pytest.mark.parametrize(
    ("number", "part"),
    [(1, "training"), (160, "training"), (161, "validation"), (200, "validation"), (201, "testing"), (360, "testing")],
)
def test_part_follows_from_the_number(folder: Path, tmp_path: Path, number: int, part: str) -> None:
    subject = tmp_path / f"{number:03d}"
    subject.mkdir()
    for path in (folder / "dataset/001").glob("*_LA_E*"):
        shutil.copy(path, subject / path.name.replace("001", subject.name))
    assert [case.part for case in mnms2_la.index(tmp_path)] == [part] * 2


def test_without_the_table_vendors_are_unknown_and_the_log_says_so(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(folder / "dataset/001", tmp_path / "dataset/001")
    assert {(case.vendor, case.pathology) for case in mnms2_sa.index(tmp_path)} == {("", "")}
    [record] = caplog.records
    assert (
        record.levelno == logging.WARNING and "vendor and pathology of all subjects are unknown" in record.getMessage()
    )


def test_new_subject_needs_neither_number_nor_masks(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    for phase in ("ED", "ES"):
        shutil.copy(folder / f"dataset/001/001_SA_{phase}.nii.gz", tmp_path / f"new/new_SA_{phase}.nii.gz")
    found = mnms2_sa.subject_cases(tmp_path / "new")
    assert [(case.case, case.mask, case.labels, case.part) for case in found] == [
        ("new_SA_ED", "", (), ""),
        ("new_SA_ES", "", (), ""),
    ]
    assert mnms2_sa.read_image(found[0]).shape[1] == found[0].shape[2]
    assert mnms2_la.subject_cases(tmp_path / "new") == []


def test_label_that_is_absent_is_not_listed(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "dataset/001", tmp_path / "001")
    path = tmp_path / "001/001_LA_ES_gt.nii.gz"
    volume: Any = nibabel.load(path)
    voxels = np.asarray(volume.dataobj)
    nibabel.save(nibabel.Nifti1Image(np.where(voxels == 3, 0, voxels), volume.affine, volume.header), path)
    assert [case.labels for case in mnms2_la.index(tmp_path)] == [("LV", "MYO", "RV"), ("LV", "MYO")]


def test_cine_holds_both_phases(cases: dict[str, Case]) -> None:
    for name in ("001_SA_ED", "002_LA_ED"):
        diastole, systole = cases[name], cases[name.replace("ED", "ES")]
        reader = READERS[diastole.view]
        beat = reader.read_cine(diastole)
        rows, columns, slices = diastole.shape
        assert beat.shape == (mnms2_phantom.FRAMES, slices, rows, columns) and beat.dtype == np.float32
        voxels, _ = by_hand(diastole.image.replace("_ED", "_CINE"))
        np.testing.assert_array_equal(beat[3, 0], voxels[:, :, 0, 3])
        np.testing.assert_array_equal(beat[0], reader.read_image(diastole)[0])
        same = [np.array_equal(frame, reader.read_image(systole)[0]) for frame in beat]
        assert same.count(True) == 1 and same.index(True) == mnms2_phantom.SYSTOLE


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: path.unlink(), "no such file"),
        (lambda path: path.write_bytes(path.read_bytes()[:-900]), "cannot be read"),
        (lambda path: path.write_bytes(b"no volume"), "cannot be read"),
        (lambda path: shutil.copy(path.with_name("001_SA_ED.nii.gz"), path), "has shape"),
        (lambda path: shutil.copy(path.with_name("001_LA_CINE.nii.gz"), path), "has shape"),
    ],
)
def test_cine_that_cannot_be_used_is_named(folder: Path, tmp_path: Path, spoil: Any, says: str) -> None:
    shutil.copytree(folder / "dataset/001", tmp_path / "001")
    spoil(tmp_path / "001/001_SA_CINE.nii.gz")
    with pytest.raises(InputError, match=f"001_SA_CINE.nii.gz: {says}.*; (add|fetch|put) "):
        mnms2_sa.read_cine(mnms2_sa.index(tmp_path)[0])


def test_download_says_what_to_do_by_hand(folder: Path, tmp_path: Path) -> None:
    module = datasets.reader("mnms2_download")
    assert not hasattr(module, "SERVER")
    for reader in READERS.values():
        with pytest.raises(
            InputError, match=r"(?s)no dataset_information.csv.*register at https://.*source: \{kind: local"
        ):
            reader.download(tmp_path)
        reader.download(folder)


# Beside ACDC, which numbers the same labels the other way round.


def assert_named_right(case: Case, reader: ModuleType) -> None:
    """Assert by anatomy: muscle rings the left ventricle, the right one lies beside it, both are blood and bright."""
    image, mask = reader.read_image(case)[0], reader.read_mask(case)
    classes = class_indices(mask, ["RV", "MYO", "LV"], reader.LABELS)
    number = int(np.argmax(np.count_nonzero(classes == 2, axis=(1, 2)) * (classes == 3).any(axis=(1, 2))))
    right, muscle, left = (classes[number] == index for index in (1, 2, 3))
    ring = ndimage.binary_fill_holes(muscle)
    assert np.count_nonzero(left & ring) > 0.95 * np.count_nonzero(left) > 0
    assert np.count_nonzero(right & ring) < 0.05 * np.count_nonzero(right)
    assert image[number][left].mean() > 1.3 * image[number][muscle].mean()
    assert image[number][right].mean() > 1.3 * image[number][muscle].mean()


def assert_numbered_in_reverse(one: Case, other: Case) -> None:
    """Assert that the files' own numbers, taken for the other source's, would exchange the ventricles."""
    assert acdc.LABELS == {"RV": (1,), "MYO": (2,), "LV": (3,)}
    assert mnms2_sa.LABELS == mnms2_la.LABELS == {"LV": (1,), "MYO": (2,), "RV": (3,)}
    assert_named_right(one, acdc)
    assert_named_right(other, mnms2_sa)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mnms2_sa, "LABELS", acdc.LABELS)
        with pytest.raises(AssertionError):
            assert_named_right(other, mnms2_sa)


def test_names_map_right_though_acdc_numbers_in_reverse(cases: dict[str, Case], tmp_path: Path) -> None:
    acdc.make_phantom(tmp_path, 1, 0.5, 0)
    assert_numbered_in_reverse(acdc.index(tmp_path)[0], cases["001_SA_ED"])


@pytest.mark.real
def test_names_map_right_on_real_subjects(real: Path) -> None:
    [first] = [case for case in acdc.index(real / "ACDC") if case.case == "patient001_frame01"]
    assert_numbered_in_reverse(first, mnms2_sa.index(real / "MnM2")[0])


# The real subject.


@pytest.mark.real
@pytest.mark.parametrize(("view", "shape"), [("SA", (256, 256, 12)), ("LA", (256, 256, 1))])
def test_real_subject_is_read_as_by_hand(real: Path, view: str, shape: tuple[int, int, int]) -> None:
    found = READERS[view].index(real / "MnM2")
    assert [case.case for case in found] == [f"001_{view}_ED", f"001_{view}_ES"]
    for case in found:
        assert (case.patient, case.part, case.vendor, case.shape) == ("001", "training", "", shape)
        assert case.labels == ("LV", "MYO", "RV")
        assert_reads_as_by_hand(case, READERS[view])


@pytest.mark.real
def test_real_heartbeat_holds_both_phases(real: Path) -> None:
    diastole, systole = mnms2_la.index(real / "MnM2")
    beat = mnms2_la.read_cine(diastole)
    assert beat.shape == (25, 1, 256, 256)
    for case, frame in ((diastole, 23), (systole, 8)):
        np.testing.assert_array_equal(beat[frame], mnms2_la.read_image(case)[0])
    with pytest.raises(InputError, match=r"001_SA_CINE.nii.gz: no such file"):
        mnms2_sa.read_cine(mnms2_sa.index(real / "MnM2")[0])


@pytest.mark.real
def test_real_views_cross_each_other(real: Path) -> None:
    cases = {case.case: case for reader in READERS.values() for case in reader.index(real / "MnM2")}
    shares = agreement(cases, "001", "ED")
    assert shares[1] > 0.9 and shares[3] > 0.9 and shares[2] > 0.6


@pytest.mark.real
def test_phantoms_have_the_headers_of_the_real_subject(real: Path, cases: dict[str, Case]) -> None:
    for view, reader in READERS.items():
        theirs = reader.index(real / "MnM2")[0]
        ours = cases[f"001_{view}_ED"]
        for one, other in ((theirs.image, ours.image), (theirs.mask, ours.mask)):
            _, real_header = by_hand(one)
            _, header = by_hand(other)
            for field in ("datatype", "bitpix", "qform_code", "sform_code", "xyzt_units", "scl_slope", "magic"):
                np.testing.assert_array_equal(header[field], real_header[field], err_msg=field)
            assert header["dim"][0] == real_header["dim"][0]
        for case in (theirs, ours):
            assert (abs(case.spacing[2] - 1) < 1e-4) == (view == "LA")


# The phantoms.


def test_every_part_has_every_vendor_and_only_training_lacks_two_diseases(cases: dict[str, Case]) -> None:
    subjects = {case.patient: case for case in cases.values()}.values()
    sizes = Counter(case.part for case in subjects)
    assert sizes == {"training": 8, "validation": 4, "testing": 8}
    for part in sizes:
        assert {case.vendor for case in subjects if case.part == part} == VENDORS
    seen = {part: {case.pathology for case in subjects if case.part == part} for part in sizes}
    assert seen["training"] == DISEASES - UNSEEN
    assert seen["validation"] >= UNSEEN and seen["testing"] == DISEASES


@pytest.mark.parametrize("patients", [1, 2, 5, 9, 12, 40, 100])
def test_parts_of_any_number_of_phantoms(patients: int) -> None:
    parts = mnms2_phantom._parts(patients)
    assert sum(parts.values()) == patients
    if patients >= 9:
        assert min(parts.values()) >= 3
        for part, share in (("training", 0.4), ("validation", 0.2), ("testing", 0.4)):
            assert parts[part] == pytest.approx(share * patients, abs=1.5)


def test_vendors_and_diseases_come_in_all_combinations() -> None:
    for part, diseases in mnms2_phantom.DISEASES.items():
        places = range(3 * len(diseases))
        combinations = {(place % 3, mnms2_phantom._disease(part, place)) for place in places}
        assert len(combinations) == 3 * len(diseases)


def test_more_phantoms_than_subjects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="phantom_cases: of 500 subjects 200 would be for training"):
        mnms2_sa.make_phantom(tmp_path, 500, 0.1, 0)


def test_affines_are_oblique_and_say_what_pixdim_says(cases: dict[str, Case]) -> None:
    for case in cases.values():
        voxels, header = by_hand(case.image)
        directions = header.get_best_affine()[:3, :3] / header["pixdim"][1:4]
        np.testing.assert_allclose(directions.T @ directions, np.eye(3), atol=1e-5)
        assert np.linalg.det(directions) == pytest.approx(1, abs=1e-5)
        assert np.count_nonzero(np.abs(directions) > 0.1) >= 6
        assert voxels.min() >= 0 and (voxels == np.rint(voxels)).all()


def test_both_views_show_one_heart(cases: dict[str, Case]) -> None:
    """As close as the real subject's views do; slices of 10 mm let the ends of the ventricles miss each other."""
    shares = [
        agreement(cases, subject, phase) for subject in ("001", "002", "003", "162", "204") for phase in ("ED", "ES")
    ]
    for value, least in ((1, 0.85), (2, 0.6), (3, 0.75)):
        assert np.mean([share[value] for share in shares]) > least
        assert min(share[value] for share in shares) > least - 0.25


def test_scale_changes_voxels_and_not_the_field_of_view(tmp_path: Path) -> None:
    for scale in (0.3, 0.6):
        mnms2_la.make_phantom(tmp_path / str(scale), 1, scale, 0)
    for reader in READERS.values():
        small, large = (reader.index(tmp_path / str(scale))[0] for scale in (0.3, 0.6))
        for axis in (0, 1):
            assert abs(large.shape[axis] - 2 * small.shape[axis]) <= 1
            assert small.spacing[axis] == pytest.approx(2 * large.spacing[axis], rel=1e-4)
        assert (large.shape[2], large.spacing[2]) == (small.shape[2], small.spacing[2])
        for value in (1, 2, 3):
            first, second = (
                np.count_nonzero(reader.read_mask(case) == value) * np.prod(case.spacing) for case in (small, large)
            )
            assert first == pytest.approx(second, rel=0.1)


def test_same_seed_gives_the_same_bytes_whatever_the_number_of_patients(folder: Path, tmp_path: Path) -> None:
    mnms2_sa.make_phantom(tmp_path / "one", 1, 0.35, 0)
    mnms2_sa.make_phantom(tmp_path / "other", 1, 0.35, 1)
    files = sorted((tmp_path / "one/dataset/201").iterdir())
    assert len(files) == 10
    for file in files:
        assert file.read_bytes() == (folder / "dataset/201" / file.name).read_bytes()
        assert file.read_bytes() != (tmp_path / "other/dataset/201" / file.name).read_bytes()


def test_hearts_contract_and_keep_their_muscle(volumes: Volumes) -> None:
    for volume in volumes.values():
        assert volume["ES", "LV"] < 0.9 * volume["ED", "LV"]
        assert volume["ES", "RV"] < 0.85 * volume["ED", "RV"]
        assert volume["ES", "MYO"] == pytest.approx(volume["ED", "MYO"], rel=0.15)


def test_each_disease_shows_its_signs(cases: dict[str, Case], volumes: Volumes) -> None:
    pathology = {case.patient: case.pathology for case in cases.values()}

    def mean(disease: str, quantity: Any) -> float:
        return float(np.mean([quantity(volume) for name, volume in volumes.items() if pathology[name] == disease]))

    def ejected(label: str) -> Any:
        return lambda volume: 1 - volume["ES", label] / volume["ED", label]

    left, right, muscle = (lambda volume, label=label: volume["ED", label] for label in ("LV", "RV", "MYO"))
    ratio = lambda volume: volume["ED", "RV"] / volume["ED", "LV"]  # noqa: E731
    assert 60 < mean("nor", left) < 180 and mean("nor", ejected("LV")) > 0.5 and mean("nor", ejected("RV")) > 0.45
    assert mean("lv", left) > 1.5 * mean("nor", left) and mean("lv", ejected("LV")) < 0.35
    assert mean("hcm", muscle) > 1.2 * mean("nor", muscle) and mean("hcm", ejected("LV")) > mean("nor", ejected("LV"))
    for disease in ("arr", "fall", "cia", "rv", "tri"):
        assert mean(disease, ratio) > 1.2 * mean("nor", ratio)
    assert mean("rv", right) > 1.4 * mean("nor", right)
    assert mean("arr", ejected("RV")) < mean("nor", ejected("RV")) - 0.08


def contrast(case: Case) -> dict[str, float]:
    """Return what a scanner does to a short-axis image, by the mask and the image's own corners."""
    image, mask = mnms2_sa.read_image(case)[0], mnms2_sa.read_mask(case)
    blood = float(np.median(image[mask == 1]))
    return {
        "pixel": case.spacing[0],
        "view": case.spacing[1] * case.shape[1],
        "muscle": float(np.median(image[mask == 2])) / blood,
        "air": float(np.median(image[:, :3, :3])) / blood,
        "brightest": float(image.max()),
    }


def test_vendors_differ(cases: dict[str, Case]) -> None:
    """Each pair by more than either varies: an image's vendor can be told from these numbers."""
    found: dict[str, list[dict[str, float]]] = {vendor: [] for vendor in VENDORS}
    for case in cases.values():
        if case.view == "SA" and case.phase == "ED":
            found[case.vendor].append(contrast(case))

    def values(vendor: str, quantity: str) -> list[float]:
        return [each[quantity] for each in found[vendor]]

    assert max(values("philips", "pixel")) < min(values("siemens", "pixel"))
    assert np.mean(values("ge", "pixel")) > 1.1 * np.mean(values("siemens", "pixel"))
    assert np.mean(values("ge", "view")) > 1.1 * np.mean(values("siemens", "view"))
    assert min(values("philips", "muscle")) > max(values("siemens", "muscle"))
    assert np.mean(values("philips", "air")) > 2 * np.mean(values("siemens", "air"))
    assert max(values("siemens", "brightest")) < min(values("philips", "brightest"))
    assert max(values("philips", "brightest")) < min(values("ge", "brightest"))


def test_one_vendor_leaves_columns_of_zeros_on_both_sides(cases: dict[str, Case]) -> None:
    """So that cropping to what is not zero has something to do; the heart is not cut."""
    for case in cases.values():
        reader = READERS[case.view]
        image, mask = reader.read_image(case), reader.read_mask(case)
        columns = preprocess.nonzero_box(image)[2]
        if case.vendor == "ge":
            assert 0.01 < columns[0] / case.shape[1] < 0.07
            assert 0.01 < 1 - columns[1] / case.shape[1] < 0.07
        else:
            assert list(columns) == [0, case.shape[1]]
        assert not mask[..., : columns[0]].any() and not mask[..., columns[1] :].any()


def test_no_threshold_finds_the_heart(cases: dict[str, Case]) -> None:
    """Grey values alone must not do: blood also flows elsewhere, fat and bowel are as bright."""
    for case in cases.values():
        reader = READERS[case.view]
        image, truth = reader.read_image(case)[0], reader.read_mask(case) > 0
        best = 0.0
        for low in np.percentile(image, range(50, 100, 2)):
            guess = image >= low
            best = max(best, float(2 * (guess & truth).sum() / (guess.sum() + truth.sum())))
        assert best < 0.7


def test_stacks_reach_beyond_valve_and_apex(cases: dict[str, Case]) -> None:
    stacks = [case for case in cases.values() if case.view == "SA"]
    for case in stacks:
        there = np.flatnonzero(mnms2_sa.read_mask(case).any(axis=(1, 2)))
        assert (np.diff(there) == 1).all() and len(there) >= 5
        assert 8 <= case.shape[2] <= 16 and 8 <= case.spacing[2] <= 10
    ends = [np.count_nonzero(mnms2_sa.read_mask(case)[[0, -1]], axis=(1, 2)) for case in stacks]
    assert np.mean(np.array(ends) == 0) > 0.7
