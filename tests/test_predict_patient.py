"""One new patient from files to masks, by random networks: grids, values, volumes, what is missing, what it took."""

import csv
import itertools
import json
import shutil
import types
from pathlib import Path

import made_up_results as made_up
import nibabel
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import predict_patient
from medley import models, patient, predict_image, preprocess, splits
from medley.cases import Case, write_cases
from medley.datasets import mnms2_la, mnms2_sa
from medley.errors import InputError
from medley.predict import Predictor
from medley.tables import cost

READERS = {"mnms2_sa": "mnms2_sa", "mnms2_la": "mnms2_la"}
LABELS = ["RV", "LV", "MYO"]  # not the order of the source's values
MEMBER = {
    "architecture": "generic_unet",
    "encoder": None,
    "width": 0.125,
    "labels": LABELS,
    "head": "softmax",
    "recipe": "mnms2",
    "batch": 4,
    "patch": [32, 32],
    "spacing": [5.0, 5.0, None],
}
RECIPE = {"crop": "nonzero", "intensity": "zscore", "spacing": [5.0, 5.0, None], "shape": None}
STUDY = {
    "name": "mnms2",
    "datasets": list(READERS),
    "phantoms": list(READERS),
    "predictors": ["generic_unet"],
    "members": {"generic_unet": MEMBER},
    "ensembles": {},
    "not_run": {},
}
TASK = {"member": MEMBER, "study": STUDY, "readers": READERS, "recipe": RECIPE, "threads": 1, "name": "generic_unet"}


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    """The folder of a phantom with both views and phases, without masks: nobody has drawn on a new patient."""
    folder = tmp_path_factory.mktemp("phantom")
    mnms2_sa.make_phantom(folder, 1, 0.35, 0)
    (own,) = (folder / "dataset").iterdir()
    for mask in own.glob("*_gt.nii.gz"):
        mask.unlink()
    return own


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Two random networks for each view."""
    folder, found = tmp_path_factory.mktemp("networks"), {}
    for number, (dataset, fold) in enumerate(itertools.product(READERS, range(2))):
        torch.manual_seed(number)
        network = models.build(MEMBER, 1, weights=None)
        with torch.no_grad():
            network.heads[-1].conv.conv.weight *= 20  # so that classes differ from voxel to voxel
        path = folder / f"{dataset}-{fold}.safetensors"
        save_file(network.state_dict(), path)
        found.setdefault(dataset, []).append(str(path))
    return found


@pytest.fixture(scope="module")
def written(subject, networks, tmp_path_factory):
    output = tmp_path_factory.mktemp("patients") / subject.name
    predict_patient.main(subject, networks, output, TASK)
    return output


def by_hand(path, models_of_view):
    """Return the mask that the mean of networks decides, step by step and with the source's values written out."""
    voxels = np.asarray(nibabel.load(path).dataobj).transpose(2, 0, 1).astype(np.float32)
    there = np.argwhere(voxels)
    box = list(zip(there.min(axis=0).tolist(), (there.max(axis=0) + 1).tolist(), strict=True))
    spacing = tuple(float(size) for size in nibabel.load(path).header.get_zooms())
    grid = preprocess.geometry((*voxels.shape[1:], len(voxels)), spacing, RECIPE, box)
    small = grid.apply_image(voxels[None], "zscore")
    each = [
        grid.undo(Predictor(MEMBER, 1, Path(model), 1).predict(small), [1.0, 0.0, 0.0, 0.0]) for model in models_of_view
    ]
    mean = sum(each) / len(each)
    values = np.array([0, 3, 1, 2])  # background, RV, LV, MYO
    sure = np.diff(np.sort(mean, axis=0)[-2:], axis=0)[0] > 1e-5
    return values[mean.argmax(axis=0)], sure


def test_masks_lie_on_the_grid_of_their_images_in_the_values_of_the_source(written, subject, networks):
    names = [f"{view}_{phase}" for view in ("SA", "LA") for phase in ("ED", "ES")]
    assert sorted(path.name for path in written.glob("*.nii.gz")) == sorted(
        f"{subject.name}_{name}_prediction.nii.gz" for name in names
    )
    for name in names:
        path = subject / f"{subject.name}_{name}.nii.gz"
        image = nibabel.load(path)
        mask = nibabel.load(written / f"{subject.name}_{name}_prediction.nii.gz")
        assert mask.shape == image.shape and mask.get_data_dtype() == np.uint8
        np.testing.assert_allclose(mask.affine, image.affine, atol=1e-5)
        np.testing.assert_allclose(mask.header.get_zooms(), image.header.get_zooms())
        expected, sure = by_hand(path, networks[f"mnms2_{name[:2].lower()}"])
        found = np.asarray(mask.dataobj).transpose(2, 0, 1)
        assert sure.mean() > 0.98 and len(np.unique(found)) > 1
        np.testing.assert_array_equal(found[sure], expected[sure])


def test_volumes_are_voxels_times_their_size(written, subject):
    with (written / "volumes.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 4 * len(LABELS)
    values = {"LV": 1, "MYO": 2, "RV": 3}
    for row in rows:
        mask = nibabel.load(written / f"{row['case']}_prediction.nii.gz")
        count = np.count_nonzero(np.asarray(mask.dataobj) == values[row["label"]])
        assert row["case"] == f"{subject.name}_{row['view']}_{row['phase']}" and int(row["voxels"]) == count
        if row["view"] == "LA" or not count:
            assert row["volume"] == ""  # one slice has no volume, nor has what is not there
        else:
            assert float(row["volume"]) == pytest.approx(count * np.prod(mask.header.get_zooms()) / 1000, rel=1e-5)
    assert any(row["volume"] for row in rows)


def test_what_is_not_there_has_no_volume():
    case = Case("1_SA_ED", "1", "i", "", (10, 10, 2), (2.0, 2.5, 8.0), phase="ED", view="SA")
    mask = np.zeros((2, 10, 10), np.uint8)
    mask[0, :3, :5] = 3
    rows = patient.volumes(case, mask, ["LV", "RV"], mnms2_sa.LABELS)
    assert [(row["voxels"], row["volume"]) for row in rows] == [(0, ""), (15, "0.6")]  # 15 × 40 mm³


def test_every_image_has_an_overlay_and_its_seconds(written, subject):
    record = json.loads((written / "prediction.json").read_text())
    images = {path.name.removesuffix(".nii.gz") for path in subject.glob("*_E[DS].nii.gz")}
    assert set(record["seconds"]) == images | {"loading mnms2_sa", "loading mnms2_la"}
    assert all(value > 0 for value in record["seconds"].values())
    assert record["total_seconds"] == pytest.approx(sum(record["seconds"].values()))
    assert record["networks"] == 2 and record["member"] == "generic_unet"
    for name in images:
        with Image.open(written / f"{name}.png") as picture:
            assert picture.width > 600


def test_the_cost_table_names_the_seconds(written):
    record = json.loads((written / "prediction.json").read_text())
    runs, predictions, _ = made_up.trainings()
    frame = cost.numbers(runs, predictions, made_up.ALL_MEMBERS, made_up.study())
    note = next(note for note in cost.table(frame, made_up.study(), [record]).notes if "new patient" in note)
    assert f"{record['total_seconds']:.1f} s for 4 images" in note
    assert not any("new patient" in note for note in cost.table(frame, made_up.study()).notes)


def test_a_patient_may_lack_a_view_and_a_phase(subject, networks, tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    shutil.copy(subject / f"{subject.name}_LA_ES.nii.gz", folder / "new_LA_ES.nii.gz")
    predict_patient.main(folder, networks, tmp_path / "out", TASK)
    assert {path.name for path in (tmp_path / "out").glob("*.nii.gz")} == {"new_LA_ES_prediction.nii.gz"}


def test_files_called_otherwise_than_their_folder_are_named(subject, networks, tmp_path):
    shutil.copytree(subject, tmp_path / "other")
    with pytest.raises(InputError, match=r"other: no image called as the folder \(other_SA_ED.nii.gz\)"):
        predict_patient.main(tmp_path / "other", networks, tmp_path / "out", TASK)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [({"head": "sigmoid"}, "sigmoid head overlap"), ({"labels": ["heart"]}, "heart stand for several values")],
)
def test_labels_that_one_mask_cannot_hold_are_refused(change, words):
    values = {**mnms2_sa.LABELS, "heart": (1, 2, 3)}
    with pytest.raises(InputError, match=words):
        predict_image.label_map(np.zeros((4, 1, 2, 2), np.float32), MEMBER | change, values)


def test_the_timed_patient_is_the_first_of_the_test_part(tmp_path):
    names = {"203_SA_ES": "test", "202_SA_ED": "test", "001_SA_ED": "train"}
    shape, spacing = (4, 4, 1), (1.0, 1.0, 1.0)
    table = [Case(name, name[:3], f"raw/{name[:3]}/{name}.nii.gz", "m", shape, spacing) for name in names]
    write_cases(tmp_path / "cases.csv", table)
    rows = [splits.Assignment(0, name, name[:3], part) for name, part in names.items()]
    splits.write(tmp_path / "split.csv", rows)
    assert patient.first_tested(tmp_path / "cases.csv", tmp_path / "split.csv") == Path("raw/202")
    splits.write(tmp_path / "split.csv", [row for row in rows if row.part == "train"])
    with pytest.raises(InputError, match="no test case"):
        patient.first_tested(tmp_path / "cases.csv", tmp_path / "split.csv")


def test_an_image_without_an_affine_gets_one_of_its_spacing(tmp_path, monkeypatch):
    without = types.SimpleNamespace(spacing=(2.0, 3.0, 4.0), affine=None)
    monkeypatch.setattr(patient.nifti, "read", lambda path: without)
    case = Case("1_SA_ED", "1", "i", "", (5, 6, 2), (2.0, 3.0, 4.0))
    patient.write_mask(tmp_path / "m.nii.gz", case, np.ones((2, 5, 6), np.uint8))
    written = nibabel.load(tmp_path / "m.nii.gz")
    assert written.shape == (5, 6, 2)
    np.testing.assert_allclose(written.affine, np.diag([2.0, 3.0, 4.0, 1.0]))


@pytest.mark.real
def test_a_real_subject_is_predicted(real, networks, tmp_path):
    folder = real / "MnM2" / "dataset" / "001"
    predict_patient.main(folder, networks, tmp_path / "001", TASK)
    for reader in (mnms2_sa, mnms2_la):
        for case in reader.subject_cases(folder):
            mask, truth = nibabel.load(tmp_path / "001" / f"{case.case}_prediction.nii.gz"), nibabel.load(case.mask)
            assert mask.shape == truth.shape
            np.testing.assert_allclose(mask.affine, truth.affine, atol=1e-4)
            expected, sure = by_hand(case.image, networks[f"mnms2_{case.view.lower()}"])
            found = np.asarray(mask.dataobj).transpose(2, 0, 1)
            np.testing.assert_array_equal(found[sure], expected[sure])
