"""The reader of chest X-rays, its phantoms and its download; spoilt files: test_bad_pictures."""

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
from medley.datasets import chest_xray, chest_xray_download, reader
from medley.errors import InputError
from scripts import download_dataset, index_cases
from tests.web_server import Site, serve

GREY = np.arange(30, dtype=np.uint8).reshape(5, 6) * 8
LEFT, RIGHT = np.zeros((5, 6), dtype=np.uint8), np.zeros((5, 6), dtype=np.uint8)
LEFT[1:4, 1], RIGHT[1:3, 4] = 255, 255
BOTH = LEFT | RIGHT
PATIENTS = 12
SCALE = 0.5

Pixels = npt.NDArray[np.uint8]


def write(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def collection(folder: Path, montgomery: str = "") -> None:
    """Write two pictures as the public collection has them; ``montgomery`` ends the names of Montgomery's masks."""
    write(folder / "CXR_png/CHNCXR_0007_1.png", GREY)
    write(folder / "masks/CHNCXR_0007_1_mask.png", BOTH)
    write(folder / "CXR_png/MCUCXR_0077_0.png", GREY)
    write(folder / f"masks/MCUCXR_0077_0{montgomery}.png", BOTH)


def sources(folder: Path) -> None:
    """Write the same as the sources have them."""
    write(folder / "ChinaSet_AllFiles/CXR_png/CHNCXR_0007_1.png", np.stack([GREY] * 3, axis=2))
    write(folder / "mask/CHNCXR_0007_1_mask.png", BOTH)
    write(folder / "MontgomerySet/CXR_png/MCUCXR_0077_0.png", GREY)
    write(folder / "MontgomerySet/ManualMask/leftMask/MCUCXR_0077_0.png", LEFT)
    write(folder / "MontgomerySet/ManualMask/rightMask/MCUCXR_0077_0.png", RIGHT)


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chest_xray")
    chest_xray.make_phantom(folder, PATIENTS, SCALE, 0)
    return folder


@pytest.fixture(scope="module")
def cases(phantoms: Path) -> list[Case]:
    return chest_xray.index(phantoms)


# The reader.


def test_a_case_is_a_picture(tmp_path: Path) -> None:
    assert reader("chest_xray") is chest_xray
    collection(tmp_path)
    assert chest_xray.index(tmp_path) == [
        Case(
            case="CHNCXR_0007_1",
            patient="CHNCXR_0007_1",
            image=str(tmp_path / "CXR_png/CHNCXR_0007_1.png"),
            mask=str(tmp_path / "masks/CHNCXR_0007_1_mask.png"),
            shape=(5, 6, 1),
            spacing=(1.0, 1.0, 1.0),
            part="training",
            pathology="tuberculosis",
            labels=("lung",),
        ),
        Case(
            case="MCUCXR_0077_0",
            patient="MCUCXR_0077_0",
            image=str(tmp_path / "CXR_png/MCUCXR_0077_0.png"),
            mask=str(tmp_path / "masks/MCUCXR_0077_0.png"),
            shape=(5, 6, 1),
            spacing=(1.0, 1.0, 1.0),
            part="testing",
            pathology="normal",
            labels=("lung",),
        ),
    ]


@pytest.mark.parametrize("deeper", ["", "one"])
@pytest.mark.parametrize(
    "layout",
    [collection, lambda folder: collection(folder, "_mask"), sources],
    ids=["collection", "masks all called so", "sources"],
)
def test_every_layout_holds_the_same(tmp_path: Path, layout: Callable[[Path], None], deeper: str) -> None:
    layout(tmp_path / deeper)
    found = chest_xray.index(tmp_path)
    assert [(case.case, case.part) for case in found] == [("CHNCXR_0007_1", "training"), ("MCUCXR_0077_0", "testing")]
    for case in found:
        image, mask = chest_xray.read_image(case), chest_xray.read_mask(case)
        assert image.shape == (1, 1, 5, 6) and image.dtype == np.float32
        assert mask.shape == (1, 5, 6) and mask.dtype == np.uint8
        np.testing.assert_array_equal(image[0, 0], GREY)
        np.testing.assert_array_equal(mask[0], BOTH // 255)
        assert case.labels == ("lung",) and chest_xray.between(case) == 0


def test_one_hospital_alone(tmp_path: Path) -> None:
    sources(tmp_path)
    shutil.rmtree(tmp_path / "MontgomerySet")
    assert [case.part for case in chest_xray.index(tmp_path)] == ["training"]


def test_picture_without_a_mask(tmp_path: Path) -> None:
    collection(tmp_path)
    (tmp_path / "masks/CHNCXR_0007_1_mask.png").unlink()
    without, other = chest_xray.index(tmp_path)
    assert (without.mask, without.labels) == ("", ()) and other.mask
    shutil.rmtree(tmp_path / "masks")
    assert [case.mask for case in chest_xray.index(tmp_path)] == ["", ""]


def test_grey_pixels_of_the_worse_half_are_counted(tmp_path: Path) -> None:
    sources(tmp_path)
    half = RIGHT.copy()
    half[0, :3] = 100
    write(tmp_path / "MontgomerySet/ManualMask/rightMask/MCUCXR_0077_0.png", half)
    assert [chest_xray.between(case) for case in chest_xray.index(tmp_path)] == [0, pytest.approx(3 / 30)]


def test_what_file_managers_leave_is_no_picture(tmp_path: Path) -> None:
    collection(tmp_path)
    for name in ("Thumbs.db", ".DS_Store", "._CHNCXR_0007_1.png"):
        for folder in ("CXR_png", "masks", "__MACOSX/CXR_png"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_bytes(b"x")
    assert len(chest_xray.index(tmp_path)) == 2


def test_script_writes_the_table(phantoms: Path, cases: list[Case], tmp_path: Path) -> None:
    index_cases.main("chest_xray", str(phantoms), str(tmp_path / "cases.csv"))
    assert list(read_cases(tmp_path / "cases.csv").values()) == cases


# Phantoms.


def sound(cases: list[Case]) -> list[Case]:
    """Return the phantoms that are not spoilt."""
    return [case for case in cases if case.case[:11] not in ("CHNCXR_0010", "CHNCXR_0011", "CHNCXR_0012")]


def test_phantoms_are_laid_out_as_the_collection_is(phantoms: Path, cases: list[Case]) -> None:
    assert sorted(path.name for path in phantoms.iterdir()) == ["CXR_png", "masks"]
    assert Counter((case.part, case.pathology) for case in cases) == {
        (part, pathology): count
        for part, count in (("training", 6), ("testing", 2))
        for pathology in ("normal", "tuberculosis")
    }
    shapes = {case.shape for case in cases if case.part == "training"}
    assert (128, 128, 1) in shapes and len(shapes) == 4
    assert {case.shape for case in cases if case.part == "testing"} == {(128, 128, 1)}
    for case in cases:
        assert Path(case.mask).stem == case.case + ("_mask" if case.part == "training" else "")
        for path in (case.image, case.mask):
            with Image.open(path) as picture:
                assert (picture.format, picture.mode) == ("PNG", "L")
        assert set(np.unique(np.asarray(Image.open(case.mask)))) == {0, 255}


@pytest.mark.parametrize(("patients", "testing"), [(1, 4), (12, 4), (15, 5)])
def test_a_third_as_many_to_test_but_four_at_least(tmp_path: Path, patients: int, testing: int) -> None:
    chest_xray.make_phantom(tmp_path, patients, 0.1, 0)
    assert Counter(case.part for case in chest_xray.index(tmp_path)) == {"training": patients, "testing": testing}


def test_same_seed_gives_the_same_bytes_whatever_the_number(phantoms: Path, tmp_path: Path) -> None:
    chest_xray.make_phantom(tmp_path / "one", 3, SCALE, 0)
    chest_xray.make_phantom(tmp_path / "other", 3, SCALE, 1)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.png"))
    assert len(files) == 14
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (phantoms / file).read_bytes()
        assert (tmp_path / "one" / file).read_bytes() != (tmp_path / "other" / file).read_bytes()


def test_lungs_are_as_large_at_any_scale(phantoms: Path, cases: list[Case], tmp_path: Path) -> None:
    chest_xray.make_phantom(tmp_path, 1, 1.0, 0)
    for large in chest_xray.index(tmp_path):
        (small,) = (case for case in cases if case.case == large.case)
        assert large.shape[:2] == tuple(2 * size for size in small.shape[:2])
        shares = [chest_xray.read_mask(case).mean() for case in (small, large)]
        assert shares[0] == pytest.approx(shares[1], rel=0.15)


def test_lungs_lie_where_an_anatomist_expects_them(cases: list[Case]) -> None:
    for case in sound(cases):
        image, mask = chest_xray.read_image(case)[0, 0], chest_xray.read_mask(case)[0]
        parts, count = ndimage.label(mask)
        sizes = sorted(np.bincount(parts.ravel())[1:])
        assert sum(sizes[-2:]) > 0.98 * sum(sizes) and count <= 4
        assert sizes[-1] < 2.5 * sizes[-2]
        assert 0.1 < mask.mean() < 0.5
        columns = mask.mean(axis=0)
        third = len(columns) // 3
        assert columns[:third].sum() > 0.2 * columns.sum() and columns[-third:].sum() > 0.2 * columns.sum()
        middle = image[mask.any(axis=1)][:, len(columns) // 2 - 2 : len(columns) // 2 + 2]
        assert image[mask == 1].mean() < middle.mean() - 20  # heart and spine


def test_second_hospital_shows_its_pictures_otherwise(cases: list[Case]) -> None:
    lung, black = {}, {}
    for part in ("training", "testing"):
        chosen = [case for case in sound(cases) if case.part == part]
        images = {case.case: chest_xray.read_image(case)[0, 0] for case in chosen}
        lung[part] = np.mean([images[case.case][chest_xray.read_mask(case)[0] == 1].mean() for case in chosen])
        black[part] = np.mean([(image == 0).mean() for image in images.values()])
    assert lung["testing"] < lung["training"] - 30
    assert black["testing"] > black["training"] + 0.1  # beyond the collimated field


def window_dice(cases: list[Case]) -> tuple[float, float]:
    """Return the mean Dice of a window of grey, the best for the first hospital, there and in the second one."""
    windows = [(low, high) for low in range(0, 250, 10) for high in range(low + 10, 265, 10)]
    dice = {"training": np.zeros(len(windows)), "testing": np.zeros(len(windows))}
    parts = Counter(case.part for case in cases)
    for case in cases:
        image, truth = chest_xray.read_image(case)[0, 0], chest_xray.read_mask(case)[0] == 1
        guesses = [(image >= low) & (image < high) for low, high in windows]
        found = [2 * (guess & truth).sum() / (guess.sum() + truth.sum()) for guess in guesses]
        dice[case.part] += np.array(found) / parts[case.part]
    best = dice["training"].argmax()
    return dice["training"][best], dice["testing"][best]


def test_what_was_learnt_in_the_first_hospital_is_worth_less_in_the_second_but_not_nothing(cases: list[Case]) -> None:
    inside, outside = window_dice(sound(cases))
    assert inside > 0.5 and 0.1 < outside < 0.65 * inside


def test_no_threshold_finds_the_lungs(cases: list[Case]) -> None:
    for case in sound(cases):
        image, truth = chest_xray.read_image(case)[0, 0], chest_xray.read_mask(case)[0] == 1
        for low in range(0, 250, 25):
            for high in range(low + 25, 275, 25):
                guess = (image >= low) & (image < high)
                assert 2 * (guess & truth).sum() <= 0.83 * (guess.sum() + truth.sum())  # as on real ones


def test_inspection_finds_the_spoilt_ones_and_nothing_else(cases: list[Case]) -> None:
    findings = quality.inspect({case.case: case for case in cases}, chest_xray, {"duplicate": "drop"})
    assert [(finding.case, finding.rule) for finding in findings if finding.rule != "mask_at_border"] == [
        ("CHNCXR_0010_1", "full_mask"),
        ("CHNCXR_0010_1", "mask_along_border"),
        ("CHNCXR_0011_0", "mask_along_border"),
        ("CHNCXR_0012_1", "duplicate"),
    ]
    by_name = {case.case: case for case in cases}
    copy, original = (chest_xray.read_image(by_name[name]) for name in ("CHNCXR_0012_1", "CHNCXR_0006_1"))
    assert (copy - original).max() == 10 and copy.max() == 255
    masks = [chest_xray.read_mask(by_name[name]) for name in ("CHNCXR_0012_1", "CHNCXR_0006_1")]
    np.testing.assert_array_equal(*masks)


# Download.


def packed(folder: Path, *names: str) -> bytes:
    """Return a zip of some folders in ``folder``."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            for path in sorted((folder / name).rglob("*.png")):
                archive.write(path, path.relative_to(folder))
        archive.writestr("__MACOSX/CXR_png/._CHNCXR_0007_1.png", b"x")
    return stream.getvalue()


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The library's server."""
    monkeypatch.setattr(download, "FIRST_WAIT", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    sources(tmp_path / "sources")
    with serve() as site:
        monkeypatch.setattr(chest_xray_download, "LIBRARY", site.url)
        site.files["/ChinaSet_AllFiles.zip"] = packed(tmp_path / "sources", "ChinaSet_AllFiles")
        site.files["/NLM-MontgomeryCXRSet.zip"] = packed(tmp_path / "sources", "MontgomerySet")
        yield site


@pytest.fixture
def masks(tmp_path: Path) -> bytes:
    """The archive of Shenzhen's masks, in which the folder stands twice."""
    write(tmp_path / "kaggle/mask/mask/CHNCXR_0007_1_mask.png", BOTH)
    return packed(tmp_path / "kaggle", "mask")


def test_images_come_and_masks_lie_there(library: Site, masks: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "shcxr-lung-mask.zip").write_bytes(masks)
    library.cut["/ChinaSet_AllFiles.zip"] = [100]  # and is continued
    download_dataset.main("chest_xray", str(folder / "manifest.csv"))
    assert library.asked == {"/ChinaSet_AllFiles.zip": 2, "/NLM-MontgomeryCXRSet.zip": 1}
    for case in chest_xray.index(folder):
        np.testing.assert_array_equal(chest_xray.read_image(case)[0, 0], GREY)
        np.testing.assert_array_equal(chest_xray.read_mask(case)[0], BOTH // 255)
    names = [line.split(",")[0] for line in (folder / "manifest.csv").read_text().splitlines()[1:]]
    assert "shcxr-lung-mask.zip" in names
    assert "NLM-MontgomeryCXRSet/MontgomerySet/ManualMask/leftMask/MCUCXR_0077_0.png" in names
    download_dataset.main("chest_xray", str(folder / "manifest.csv"))
    assert sum(library.asked.values()) == 3  # no more


def test_without_the_masks_the_message_says_what_to_do(library: Site, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        chest_xray_download.download(tmp_path / "data")
    for words in ("shcxr-lung-mask.zip", "CC BY-NC-SA", "kaggle.com/datasets/yoctoman", "kind: local"):
        assert words in str(caught.value)
    assert not library.asked


def test_server_out_of_reach_says_what_to_do(library: Site, masks: bytes, tmp_path: Path) -> None:
    (tmp_path / "shcxr-lung-mask.zip").write_bytes(masks)
    library.status["/NLM-MontgomeryCXRSet.zip"] = [404]
    with pytest.raises(InputError, match=r"NLM-MontgomeryCXRSet\.zip: is not there(.|\n)*by hand"):
        chest_xray_download.download(tmp_path)
    assert (tmp_path / "ChinaSet_AllFiles.zip").is_file()  # and is not fetched again


# Real files.


@pytest.mark.real
def test_all_real_pictures(real: Path) -> None:
    cases = chest_xray.index(real / "CXR")
    assert Counter((case.part, case.pathology) for case in cases) == {
        ("training", "normal"): 279,
        ("training", "tuberculosis"): 287,
        ("testing", "normal"): 80,
        ("testing", "tuberculosis"): 58,
    }
    assert {case.shape for case in cases} == {(256, 256, 1)} and {case.labels for case in cases} == {("lung",)}
    for case in cases:
        mask = chest_xray.read_mask(case)[0]
        assert 0.05 < mask.mean() < 0.5
        assert mask[:, :110].any() and mask[:, -110:].any()  # both lungs
    for case in cases[::10]:
        image = chest_xray.read_image(case)
        with Image.open(case.image) as theirs:
            np.testing.assert_array_equal(image[0, 0], np.asarray(theirs))
        mask = chest_xray.read_mask(case)[0]
        ring = ndimage.binary_dilation(mask, iterations=12) & (mask == 0) & (image[0, 0] > 0)
        assert image[0, 0][mask == 1].mean() < image[0, 0][ring].mean()
        assert chest_xray.between(case) < 0.05


@pytest.mark.real
def test_real_hospitals_differ_as_the_phantoms_do(real: Path, cases: list[Case]) -> None:
    pictures = chest_xray.index(real / "CXR")[::6]
    inside, outside = window_dice(pictures)
    assert inside > 0.5 and 0.1 < outside < 0.65 * inside
    for part in ("training", "testing"):
        greys = []
        for chosen in (pictures, sound(cases)):
            of_part = [case for case in chosen if case.part == part]
            images = [chest_xray.read_image(case)[chest_xray.read_mask(case)[None] == 1] for case in of_part]
            greys.append(np.mean([grey.mean() for grey in images]))
        assert greys[0] == pytest.approx(greys[1], abs=20)
