"""Phantoms: ACDC's layout and quirks, hearts with the signs of their disease, and hard enough."""

from collections import Counter
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from medley import datasets
from medley.cases import Case
from medley.datasets import acdc

PATIENTS = 12
Volumes = dict[str, dict[tuple[str, str], float]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom")
    acdc.make_phantom(folder, PATIENTS, 0.5, 0)
    return folder


@pytest.fixture(scope="module")
def cases(folder: Path) -> list[Case]:
    return acdc.index(folder)


@pytest.fixture(scope="module")
def volumes(cases: list[Case]) -> Volumes:
    """Volume in ml by patient, phase and label."""
    found: Volumes = {}
    for case in cases:
        mask = acdc.read_mask(case)
        for label, (value,) in acdc.LABELS.items():
            volume = np.count_nonzero(mask == value) * np.prod(case.spacing) / 1000
            found.setdefault(case.patient, {})[case.phase, label] = float(volume)
    return found


def test_last_quarter_is_the_test_part_and_groups_are_balanced(cases: list[Case]) -> None:
    parts = {case.patient: case.part for case in cases}
    assert [name for name, part in parts.items() if part == "testing"] == ["patient101", "patient102", "patient103"]
    assert [name for name, part in parts.items() if part == "training"] == [f"patient{n:03d}" for n in range(1, 10)]
    groups = Counter(pathology for _, pathology in {(case.patient, case.pathology) for case in cases})
    assert set(groups) == set(acdc.GROUPS)
    assert max(groups.values()) - min(groups.values()) <= 1


def test_shapes_are_those_of_short_axis_stacks(cases: list[Case]) -> None:
    for case in cases:
        rows, columns, slices = case.shape
        assert 80 <= rows <= columns <= 130
        assert 6 <= slices <= 12
        assert 5 <= case.spacing[2] <= 10
    assert len({case.shape for case in cases}) >= 8
    assert len({case.spacing for case in cases}) == PATIENTS


def test_affine_lies_and_types_are_mixed_as_in_acdc(cases: list[Case]) -> None:
    types = set()
    for case in cases:
        image: Any = nibabel.load(case.image)
        np.testing.assert_array_equal(image.affine, np.diag([-1, -1, 1, 1]))
        assert case.spacing[0] > 2
        types.add(str(image.get_data_dtype()))
        mask: Any = nibabel.load(case.mask)
        assert mask.get_data_dtype() == np.uint8
    assert types == {"float32", "int16", "uint8"}


def test_scale_changes_voxels_and_not_the_field_of_view(tmp_path: Path) -> None:
    for scale in (0.5, 1.0):
        acdc.make_phantom(tmp_path / str(scale), 1, scale, 0)
    small, large = (acdc.index(tmp_path / str(scale))[0] for scale in (0.5, 1.0))
    assert large.shape[0] >= 170 and 200 <= large.shape[1] <= 260
    for axis in (0, 1):
        assert abs(large.shape[axis] - 2 * small.shape[axis]) <= 1
        assert small.spacing[axis] == pytest.approx(2 * large.spacing[axis], rel=1e-5)
    assert large.shape[2] == small.shape[2] and large.spacing[2] == small.spacing[2]
    first, second = (np.count_nonzero(acdc.read_mask(case)) * np.prod(case.spacing) for case in (small, large))
    assert first == pytest.approx(second, rel=0.05)


def test_same_seed_gives_the_same_bytes_whatever_the_number_of_patients(folder: Path, tmp_path: Path) -> None:
    acdc.make_phantom(tmp_path / "two", 2, 0.5, 0)
    acdc.make_phantom(tmp_path / "other", 1, 0.5, 1)
    files = sorted(path.relative_to(tmp_path / "two") for path in (tmp_path / "two").rglob("*.*"))
    assert len(files) == 10
    for file in files:
        assert (tmp_path / "two" / file).read_bytes() == (folder / file).read_bytes()
    info = Path("training/patient001/Info.cfg")
    assert (tmp_path / "other" / info).read_bytes() != (folder / info).read_bytes()


def test_hearts_contract_and_keep_their_muscle(volumes: Volumes) -> None:
    for volume in volumes.values():
        assert volume["ES", "LV"] < 0.9 * volume["ED", "LV"]
        assert volume["ES", "RV"] < volume["ED", "RV"]
        assert volume["ES", "MYO"] == pytest.approx(volume["ED", "MYO"], rel=0.2)


def test_each_disease_shows_its_signs(cases: list[Case], volumes: Volumes) -> None:
    """As the challenge defines its groups: volumes, wall, ejection fraction."""
    pathology = {case.patient: case.pathology for case in cases}
    ejection = {name: 1 - v["ES", "LV"] / v["ED", "LV"] for name, v in volumes.items()}

    def of(group: str) -> list[str]:
        return [name for name in volumes if pathology[name] == group]

    def mean(group: str, *key: str) -> float:
        return float(np.mean([volumes[name][key[0], key[1]] for name in of(group)]))

    assert all(ejection[name] > 0.5 for group in ("NOR", "HCM") for name in of(group))
    assert all(ejection[name] < 0.4 for group in ("DCM", "MINF") for name in of(group))
    assert mean("DCM", "ED", "LV") > 1.5 * mean("NOR", "ED", "LV")
    assert mean("HCM", "ED", "MYO") > 1.3 * mean("NOR", "ED", "MYO")
    assert mean("RV", "ED", "RV") > 1.5 * mean("NOR", "ED", "RV")
    assert 50 < mean("NOR", "ED", "LV") < 200  # ml


def test_muscle_encloses_the_left_ventricle_and_the_right_lies_beside_it(cases: list[Case]) -> None:
    for case in cases:
        mask = acdc.read_mask(case)
        for layer in mask:
            left, muscle, right = layer == 3, layer == 2, layer == 1
            filled = ndimage.binary_fill_holes(muscle)
            assert np.count_nonzero(left & ~filled) <= 0.02 * np.count_nonzero(left)
            assert ndimage.label(right, np.ones((3, 3)))[1] <= 2
            if right.any():
                assert (ndimage.binary_dilation(right, np.ones((3, 3))) & muscle).any()


def test_infarcted_wall_is_thinner_somewhere(cases: list[Case]) -> None:
    def thinnest_to_thickest(case: Case) -> float:
        mask = acdc.read_mask(case)
        layer = mask[int(np.argmax((mask == 3).sum(axis=(1, 2))))]
        depth = ndimage.distance_transform_edt(layer != 3)
        outside = ndimage.binary_dilation((layer == 2) | (layer == 3)) & (layer != 2) & (layer != 3)
        return float(depth[outside].min() / depth[outside].max())

    diastole = [case for case in cases if case.phase == "ED"]
    infarcted = [thinnest_to_thickest(case) for case in diastole if case.pathology == "MINF"]
    normal = [thinnest_to_thickest(case) for case in diastole if case.pathology == "NOR"]
    assert max(infarcted) < min(normal)


def test_apex_and_base_are_there(cases: list[Case]) -> None:
    for case in cases:
        areas = np.count_nonzero(acdc.read_mask(case), axis=(1, 2))
        labelled = np.flatnonzero(areas)
        assert areas[labelled[-1]] < 0.7 * areas.max()
        assert (areas[labelled[0] : labelled[-1] + 1] > 0).all()
    empty = [bool((np.count_nonzero(acdc.read_mask(case), axis=(1, 2)) == 0).any()) for case in cases]
    assert any(empty) and not all(empty)


def test_no_threshold_finds_the_heart(cases: list[Case]) -> None:
    """Grey values alone must not do: blood also flows elsewhere, fat and bowel are as bright."""
    for case in cases:
        image, truth = acdc.read_image(case)[0], acdc.read_mask(case) > 0
        best = 0.0
        for low in np.percentile(image, range(50, 100, 2)):
            guess = image >= low
            best = max(best, float(2 * (guess & truth).sum() / (guess.sum() + truth.sum())))
        assert best < 0.55


def test_noise_is_that_of_a_magnitude_image(cases: list[Case]) -> None:
    for case in cases:
        image = acdc.read_image(case)[0]
        assert image.min() >= 0
        corner = image[:, :4, :4]  # air
        assert corner.std() > 0 and corner.mean() > 0


@pytest.mark.parametrize(
    ("reader", "kind", "module"),
    [
        ("acdc", "phantom", "acdc_phantom"),
        ("cbis_ddsm_region", "phantom", "cbis_ddsm_phantom"),
        ("cbis_ddsm_whole", "download", "cbis_ddsm_download"),
        ("chest_xray", "phantom", "chest_xray_phantom"),
        ("pictures", "phantom", "pictures"),
    ],
)
def test_readers_of_one_source_share_their_helpers(reader, kind, module):
    assert datasets.helper(reader, kind) == module
