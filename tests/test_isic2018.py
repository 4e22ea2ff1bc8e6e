"""The reader of ISIC 2018 task 1, its phantoms and its download; spoilt files: test_bad_pictures."""

import io
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from scipy import ndimage

from medley import download, quality
from medley.cases import Case, read_cases
from medley.datasets import isic2018, isic2018_download, reader
from medley.errors import InputError
from scripts import download_dataset, index_cases
from tests.web_server import Site, serve

ROWS, COLUMNS = 16, 24
COLOURS = np.zeros((ROWS, COLUMNS, 3), dtype=np.uint8)
COLOURS[...] = (200, 120, 40)
MASK = np.zeros((ROWS, COLUMNS), dtype=np.uint8)
MASK[4:9, 6:15] = 255
PATIENTS = 12

PARTS = {"Training": "training", "Validation": "validation", "Test": "testing"}


def write(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_image(folder: Path, part: str, name: str) -> None:
    """Add an image and its mask to a folder in the challenge's layout."""
    write(folder / f"ISIC2018_Task1-2_{part}_Input" / f"{name}.jpg", COLOURS)
    write(folder / f"ISIC2018_Task1_{part}_GroundTruth" / f"{name}_segmentation.png", MASK)


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A folder with an image of each part."""
    folder = tmp_path / "challenge"
    for number, part in enumerate(PARTS):
        write_image(folder, part, f"ISIC_000000{number}")
        for name in ("ATTRIBUTION.txt", "LICENSE.txt"):
            (folder / f"ISIC2018_Task1-2_{part}_Input" / name).write_text("CC0")
    return folder


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("isic2018")
    isic2018.make_phantom(folder, PATIENTS, 0.3, 0)
    return folder


@pytest.fixture(scope="module")
def cases(phantoms: Path) -> list[Case]:
    return isic2018.index(phantoms)


# The reader.


def test_a_case_is_an_image(three: Path) -> None:
    assert reader("isic2018") is isic2018
    first, *others = isic2018.index(three)
    assert first == Case(
        case="ISIC_0000000",
        patient="ISIC_0000000",
        image=str(three / "ISIC2018_Task1-2_Training_Input/ISIC_0000000.jpg"),
        mask=str(three / "ISIC2018_Task1_Training_GroundTruth/ISIC_0000000_segmentation.png"),
        shape=(ROWS, COLUMNS, 1),
        spacing=(1.0, 1.0, 1.0),
        part="training",
        labels=("lesion",),
    )
    assert [(case.case, case.part) for case in others] == [
        ("ISIC_0000001", "validation"),
        ("ISIC_0000002", "testing"),
    ]


def test_colours_and_mask(three: Path) -> None:
    for case in isic2018.index(three):
        image, mask = isic2018.read_image(case), isic2018.read_mask(case)
        assert image.shape == (3, 1, ROWS, COLUMNS) and image.dtype == np.float32
        assert np.abs(image[:, 0].mean(axis=(1, 2)) - (200, 120, 40)).max() < 3
        assert mask.shape == (1, ROWS, COLUMNS) and mask.dtype == np.uint8
        np.testing.assert_array_equal(mask[0], MASK // 255)
        assert isic2018.between(case) == 0


def test_grey_image_has_three_channels(three: Path) -> None:
    write(three / "ISIC2018_Task1-2_Training_Input/ISIC_0000000.jpg", COLOURS[..., 0])
    assert isic2018.read_image(isic2018.index(three)[0]).shape == (3, 1, ROWS, COLUMNS)


def test_archives_unpacked_into_folders_of_their_names(three: Path, tmp_path: Path) -> None:
    for folder in three.iterdir():
        shutil.copytree(folder, tmp_path / "unpacked" / folder.name / folder.name)
    names = [case.case for case in isic2018.index(tmp_path / "unpacked")]
    assert names == [case.case for case in isic2018.index(three)] != []


@pytest.mark.parametrize("part", PARTS)
def test_one_part_alone(three: Path, part: str) -> None:
    for other in PARTS:
        if other != part:
            shutil.rmtree(three / f"ISIC2018_Task1-2_{other}_Input")
            shutil.rmtree(three / f"ISIC2018_Task1_{other}_GroundTruth")
    assert [case.part for case in isic2018.index(three)] == [PARTS[part]]


def test_image_without_a_mask(three: Path) -> None:
    shutil.rmtree(three / "ISIC2018_Task1_Test_GroundTruth")
    *_, without = isic2018.index(three)
    assert (without.part, without.mask, without.labels) == ("testing", "", ())


@pytest.mark.parametrize(
    "change", [str, lambda text: "\ufeff" + text.replace("\n", "\r\n")], ids=["plain", "as a spreadsheet saves it"]
)
def test_lesion_is_the_patient_where_known(three: Path, change: Callable[[str], str]) -> None:
    table = "lesion,image,sex\nIL_1,ISIC_0000000,f\nIL_1,ISIC_0000001,f\nIL_2,ISIC_9999999,m\n"
    (three / "lesions.csv").write_text(change(table), encoding="utf-8", newline="")
    assert [case.patient for case in isic2018.index(three)] == ["IL_1", "IL_1", "ISIC_0000002"]


def test_script_writes_the_table(phantoms: Path, cases: list[Case], tmp_path: Path) -> None:
    index_cases.main("isic2018", str(phantoms), str(tmp_path / "cases.csv"))
    assert list(read_cases(tmp_path / "cases.csv").values()) == cases


# Phantoms.


def sound(cases: list[Case]) -> list[Case]:
    """Return the phantoms that are not spoilt."""
    return [case for case in cases if case.case not in ("ISIC_0000009", "ISIC_0000010", "ISIC_0000011")]


def test_phantoms_are_laid_out_as_the_challenge_is(phantoms: Path, cases: list[Case]) -> None:
    assert sorted(path.name for path in phantoms.iterdir()) == [
        f"ISIC2018_Task1{tasks}_{part}_{kind}"
        for tasks, kind in (("-2", "Input"), ("", "GroundTruth"))
        for part in ("Test", "Training")
    ]
    assert Counter(case.part for case in cases) == {"training": 12, "testing": 4}
    assert len({case.shape for case in cases}) == 5
    assert {round(4 * case.shape[1] / case.shape[0]) for case in cases} == {3, 4, 5, 6}  # quarters
    for case in cases:
        with Image.open(case.image) as picture, Image.open(case.mask) as mask:
            assert (picture.format, picture.mode, mask.format, mask.mode) == ("JPEG", "RGB", "PNG", "L")
            assert picture.size == mask.size
            assert set(np.unique(np.asarray(mask))) == {0, 255}


def test_same_seed_gives_the_same_bytes_whatever_the_number(phantoms: Path, tmp_path: Path) -> None:
    isic2018.make_phantom(tmp_path / "one", 3, 0.3, 0)
    isic2018.make_phantom(tmp_path / "other", 3, 0.3, 1)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*g"))
    assert len(files) == 14
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (phantoms / file).read_bytes()
        assert (tmp_path / "one" / file).read_bytes() != (tmp_path / "other" / file).read_bytes()


def test_scale_multiplies_rows_and_columns(tmp_path: Path) -> None:
    for scale in (0.25, 1.0):
        isic2018.make_phantom(tmp_path / str(scale), 5, scale, 0)
    small, large = (isic2018.index(tmp_path / scale) for scale in ("0.25", "1.0"))
    assert [case.shape[:2] for case in large[:5]] == [(450, 600), (384, 512), (480, 480), (400, 600), (512, 384)]
    for one, other in zip(small, large, strict=True):
        assert one.shape[:2] == pytest.approx(np.array(other.shape[:2]) / 4, abs=0.5)


def test_lesion_is_one_piece_of_another_colour(cases: list[Case]) -> None:
    areas, contrasts = [], []
    for case in sound(cases):
        image, mask = isic2018.read_image(case)[:, 0], isic2018.read_mask(case)[0] == 1
        assert ndimage.label(mask)[1] == 1
        areas.append(mask.mean())
        near = ndimage.binary_dilation(mask, iterations=12) & ~ndimage.binary_dilation(mask, iterations=3)
        contrasts.append(np.abs(image[:, mask].mean(axis=1) - image[:, near].mean(axis=1)).max())
    assert 0.005 < min(areas) < 0.05 and 0.1 < max(areas) < 0.6
    assert 3 < min(contrasts) < 25 and max(contrasts) > 50  # some are hardly to be seen


def test_no_threshold_finds_the_lesions(cases: list[Case]) -> None:
    """Not one for all of them, as there is on phantoms that are too easy."""
    chosen = sound(cases)
    pairs = [(isic2018.read_image(case)[:, 0].mean(axis=0), isic2018.read_mask(case)[0] == 1) for case in chosen]
    for level in range(20, 250, 10):
        dice = [2 * ((grey < level) & truth).sum() / ((grey < level).sum() + truth.sum()) for grey, truth in pairs]
        assert np.mean(dice) < 0.55


def test_inspection_finds_the_spoilt_ones_and_nothing_else(cases: list[Case]) -> None:
    findings = quality.inspect({case.case: case for case in cases}, isic2018, {"duplicate": "drop"})
    assert [(finding.case, finding.rule) for finding in findings if finding.rule != "mask_at_border"] == [
        ("ISIC_0000009", "full_mask"),
        ("ISIC_0000009", "mask_along_border"),
        ("ISIC_0000010", "mask_along_border"),
        ("ISIC_0000011", "duplicate"),
    ]
    by_name = {case.case: case for case in cases}
    copy, original = (isic2018.read_image(by_name[name]) for name in ("ISIC_0000011", "ISIC_0000005"))
    assert 8 < (copy - original).mean() < 12


# Download.


@pytest.fixture
def challenge(three: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The challenge's server, whose parts hold one image each."""
    monkeypatch.setattr(download, "FIRST_WAIT", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(isic2018_download, "COUNTS", dict.fromkeys(PARTS.values(), 1))
    with serve() as site:
        monkeypatch.setattr(isic2018_download, "SERVER", f"{site.url}/2018")
        for folder in three.iterdir():
            stream = io.BytesIO()
            with zipfile.ZipFile(stream, "w") as archive:
                for path in sorted(folder.iterdir()):
                    archive.write(path, path.relative_to(three))
            site.files[f"/2018/{folder.name}.zip"] = stream.getvalue()
        yield site


TRAINING = "ISIC2018_Task1-2_Training_Input.zip"


def test_six_archives_are_fetched_and_unpacked_once(challenge: Site, three: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    challenge.cut[f"/2018/{TRAINING}"] = [200]  # and is continued
    download_dataset.main("isic2018", str(folder / "manifest.csv"))
    assert sorted(challenge.asked.values()) == [1, 1, 1, 1, 1, 2]
    found = isic2018.index(folder)
    assert [(case.case, case.part) for case in found] == [(case.case, case.part) for case in isic2018.index(three)]
    np.testing.assert_array_equal(isic2018.read_mask(found[0])[0], MASK // 255)
    names = [line.split(",")[0] for line in (folder / "manifest.csv").read_text().splitlines()[1:]]
    assert len(names) == 6 + 6 + 2 * 3 and TRAINING in names
    download_dataset.main("isic2018", str(folder / "manifest.csv"))
    assert sum(challenge.asked.values()) == 7


def test_archive_with_another_number_of_pictures(
    challenge: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(isic2018_download.COUNTS, "training", 2)
    with pytest.raises(InputError, match=rf"{TRAINING}: holds 1 pictures, not the challenge's 2; delete it to fetch"):
        isic2018_download.download(tmp_path / "data")


def test_archive_that_is_damaged(challenge: Site, tmp_path: Path) -> None:
    challenge.files[f"/2018/{TRAINING}"] = challenge.files[f"/2018/{TRAINING}"][:-40]
    with pytest.raises(InputError, match=rf"{TRAINING}: is no whole zip"):
        isic2018_download.download(tmp_path / "data")
    assert not (tmp_path / "data" / TRAINING.removesuffix(".zip")).exists()


def test_server_out_of_reach_says_what_to_do(challenge: Site, tmp_path: Path) -> None:
    challenge.status[f"/2018/{TRAINING}"] = [403]
    with pytest.raises(InputError, match=r"answer 403(.|\n)*challenge\.isic-archive\.com(.|\n)*kind: local"):
        isic2018_download.download(tmp_path / "data")


def test_numbers_are_the_challenges() -> None:
    assert isic2018_download.COUNTS == {"training": 2594, "validation": 100, "testing": 1000}


# Real files: those of the year before, named as this year's are.


@pytest.mark.real
def test_real_images(real: Path, tmp_path: Path) -> None:
    source = real / "ISIC2017"
    shutil.copytree(source / "ISIC-2017_Test_v2_Data", tmp_path / "ISIC2018_Task1-2_Test_Input")
    shutil.copytree(source / "ISIC-2017_Test_v2_Part1_GroundTruth", tmp_path / "ISIC2018_Task1_Test_GroundTruth")
    found = isic2018.index(tmp_path)
    assert [case.case for case in found] == ["ISIC_0012388", "ISIC_0012903", "ISIC_0013085", "ISIC_0013948"]
    assert [case.shape for case in found] == [(2000, 3008, 1), (2592, 3872, 1), (2000, 3008, 1), (2000, 3008, 1)]
    assert isic2018.read_image(found[0]).shape == (3, 1, 2000, 3008)
    assert {case.labels for case in found} == {("lesion",)}
