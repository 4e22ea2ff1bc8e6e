"""The three readers of CBIS-DDSM's masses, in both forms of its files; its phantoms; and what may be wrong."""

import csv
import io
import shutil
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import SimpleITK
from PIL import Image
from scipy import ndimage, signal

from medley import quality
from medley.cases import Case
from medley.datasets import (
    cbis_ddsm,
    cbis_ddsm_download,
    cbis_ddsm_region,
    cbis_ddsm_tables,
    cbis_ddsm_united,
    cbis_ddsm_whole,
    dicom,
    reader,
)
from medley.datasets.cbis_ddsm_tables import CROP, CSV, IMAGE, MASK, TABLES
from medley.errors import InputError, MismatchError

TRAIN, TEST = TABLES
HEADER = (
    "patient_id,breast_density,left or right breast,image view,abnormality id,abnormality type,mass shape,mass margins,"
    "assessment,pathology,subtlety,image file path,cropped image file path,ROI mask file path"
)
NAME = "Mass-Training_P_00004_LEFT_CC_1"
VIEW = NAME.removesuffix("_1")
ROWS, COLUMNS = 60, 44
TOP, LEFT = 21, 9  # where the crop lies
CROPPED = (24, 18)
READERS = (cbis_ddsm_region, cbis_ddsm_whole, cbis_ddsm_united)
FORMS = ("jpeg", "png", "dicom", "dicom in the root")

Grey = npt.NDArray[np.uint8 | np.uint16]


def film(seed: int = 0, bits: int = 8, size: tuple[int, int] = (ROWS, COLUMNS)) -> Grey:
    """Return a textured picture."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(size), 2)
    share = (noise - noise.min()) / np.ptp(noise)
    return np.rint(share * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)


def mass(top: int = TOP + 4, left: int = LEFT + 3, size: tuple[int, int] = (ROWS, COLUMNS)) -> Grey:
    """Return a mask of 255 in an oblong of 12 rows and 9 columns, with one corner cut off."""
    mask = np.zeros(size, dtype=np.uint8)
    mask[top : top + 12, left : left + 9] = 255
    mask[top, left] = 0
    return mask


def cut(picture: Grey) -> Grey:
    return picture[TOP : TOP + CROPPED[0], LEFT : LEFT + CROPPED[1]]


def write_picture(path: Path, picture: Grey) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".dcm":
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(picture[None]), str(path), imageIO="GDCMImageIO")
    else:
        Image.fromarray(picture).save(path, quality=95)


def table_of(root: Path, form: str, name: str) -> Path:
    table = TRAIN if name.startswith("Mass-Training") else TEST
    return root / table if form.startswith("dicom") else root / CSV / table


def add(
    root: Path,
    form: str,
    name: str = NAME,
    *,
    whole: Grey | None = None,
    crop: Grey | None = None,
    mask: Grey | None = None,
    pathology: str = "BENIGN",
    swapped: bool = False,
    apart: bool = False,
    names: tuple[str, str] = ("1-263", "2-241"),
) -> None:
    """Add an abnormality to the table, as the source writes it, and its pictures to the folder."""
    whole = film(bits=16 if form.startswith("dicom") else 8) if whole is None else whole
    crop = cut(whole) if crop is None else crop
    mask = mass() if mask is None else mask
    view, _, number = name.rpartition("_")
    _, *patient, side, projection = view.split("_")
    series = [f"1.3.6.{zlib.crc32(text.encode())}" for text in (view, name, f"{name} mask" if apart else name)]
    paths = [f"{case}/1.3/{uid}/000000.dcm" for case, uid in zip((view, name, name), series, strict=True)]
    if not apart:
        paths[2] = paths[2].replace("000000", "000001")
    for path, stem, picture in zip(paths, ("1-001", *names), (whole, crop, mask), strict=True):
        case, study, uid, _ = path.split("/")
        if form.startswith("dicom"):
            base = root if form == "dicom in the root" else root / "CBIS-DDSM"
            write_picture(base / case / study / uid / f"{stem}.dcm", picture)
        else:
            write_picture(root / "jpeg" / uid / f"{stem}.{'jpg' if form == 'jpeg' else 'png'}", picture)
    if swapped:
        paths[1:] = paths[:0:-1]
    table = table_of(root, form, name)
    table.parent.mkdir(parents=True, exist_ok=True)
    old = table.read_text() if table.exists() else HEADER + "\n"
    about = f"{'_'.join(patient)},3,{side},{projection},{number},mass,OVAL,CIRCUMSCRIBED,4,{pathology},5"
    table.write_text(f'{old}{about},{paths[0]},{paths[1]},"{paths[2]}\n"\n')


# The cases.


@pytest.mark.parametrize("form", FORMS)
def test_cases_of_the_three_readers(tmp_path: Path, form: str) -> None:
    add(tmp_path, form)
    add(tmp_path, form, f"{VIEW}_2", mask=mass(2, 2), crop=film()[:20, :14], pathology="MALIGNANT")
    add(tmp_path, form, "Mass-Test_P_00066_RIGHT_MLO_1", pathology="BENIGN_WITHOUT_CALLBACK")
    table = str(table_of(tmp_path, form, NAME))
    first = Case(
        case=NAME,
        patient="P_00004",
        image="",
        mask=table,
        shape=(ROWS, COLUMNS, 1),
        spacing=(1.0, 1.0, 1.0),
        part="training",
        view="LEFT-CC",
        pathology="benign",
        labels=("mass",),
    )
    test, *two = cbis_ddsm_whole.index(tmp_path)
    assert (test.case, test.patient, test.part) == ("Mass-Test_P_00066_RIGHT_MLO_1", "P_00066", "testing")
    assert (test.view, test.pathology) == ("RIGHT-MLO", "benign_without_callback")
    assert two[0] == Case(**{**vars(first), "image": two[0].image})
    assert (two[1].case, two[1].pathology, two[1].image) == (f"{VIEW}_2", "malignant", two[0].image)
    assert Path(two[0].image).is_file() and not two[0].image.startswith(table)
    _, view = cbis_ddsm_united.index(tmp_path)
    assert view == Case(**{**vars(two[0]), "case": VIEW, "pathology": "malignant"})
    region = cbis_ddsm_region.index(tmp_path)
    assert [case.shape for case in region] == [(*CROPPED, 1), (*CROPPED, 1), (20, 14, 1)]
    assert [case.case for case in region] == [test.case, NAME, f"{VIEW}_2"]


def test_readers_have_the_interface() -> None:
    for module in READERS:
        assert reader(module.__name__.rpartition(".")[2]) is module
        assert module.LABELS == {"mass": (1,)}
        functions = (module.index, module.read_image, module.read_mask, module.make_phantom, module.download)
        assert all(callable(function) for function in functions)


# Pictures: which is which, and where the crop lies.


@pytest.mark.parametrize("names", [("1-263", "2-241"), ("2-241", "1-263")], ids=["crop first", "mask first"])
@pytest.mark.parametrize("apart", [False, True], ids=["one series", "two series"])
@pytest.mark.parametrize("swapped", [False, True], ids=["right", "swapped"])
@pytest.mark.parametrize("form", FORMS)
def test_crop_and_mask_are_told_apart(
    tmp_path: Path, form: str, swapped: bool, apart: bool, names: tuple[str, str]
) -> None:
    add(tmp_path, form, swapped=swapped, apart=apart, names=names)
    expected = film(bits=16) / 257 if form.startswith("dicom") else film()
    tolerance = 12 if form == "jpeg" else 1e-4
    for module, at in ((cbis_ddsm_whole, np.s_[:]), (cbis_ddsm_united, np.s_[:]), (cbis_ddsm_region, cut)):
        [case] = module.index(tmp_path)
        image, mask = module.read_image(case), module.read_mask(case)
        truth = mass() == 255
        wanted, drawn = (at(expected), at(truth)) if callable(at) else (expected[at], truth[at])
        assert image.dtype == np.float32 and image.shape == (1, 1, *case.shape[:2])
        assert mask.dtype == np.uint8 and mask.shape == (1, *case.shape[:2])
        assert image.flags.c_contiguous and mask.flags.c_contiguous
        np.testing.assert_allclose(image[0, 0], wanted, atol=tolerance)
        np.testing.assert_array_equal(mask[0], drawn)


@pytest.mark.parametrize("form", ["png", "dicom"])
def test_crop_of_the_whole_mammogram_is_the_one_that_is_not_black_and_white(tmp_path: Path, form: str) -> None:
    whole = film(bits=16 if form == "dicom" else 8)
    add(tmp_path, form, whole=whole, crop=whole, names=("2-241", "1-263"))
    [case] = cbis_ddsm_region.index(tmp_path)
    np.testing.assert_allclose(cbis_ddsm_region.read_image(case)[0, 0], whole / (257 if form == "dicom" else 1), 1e-6)
    np.testing.assert_array_equal(cbis_ddsm_region.read_mask(case)[0], mass() == 255)


def test_masks_of_a_view_are_united(tmp_path: Path) -> None:
    add(tmp_path, "png")
    add(tmp_path, "png", f"{VIEW}_2", mask=mass(2, 2))
    [case] = cbis_ddsm_united.index(tmp_path)
    np.testing.assert_array_equal(cbis_ddsm_united.read_mask(case)[0], (mass() == 255) | (mass(2, 2) == 255))
    one, other = (cbis_ddsm_whole.read_mask(case) for case in cbis_ddsm_whole.index(tmp_path))
    np.testing.assert_array_equal(one[0], mass() == 255)
    np.testing.assert_array_equal(other[0], mass(2, 2) == 255)


def test_greys_of_a_mask(tmp_path: Path) -> None:
    grey = mass()
    grey[0, :11] = 100
    for form in ("png", "dicom"):
        add(tmp_path / form, form, mask=grey)
        for module in READERS:
            [case] = module.index(tmp_path / form)
            assert module.between(case) == pytest.approx(11 / (ROWS * COLUMNS))
            assert not module.read_mask(case)[0, 0].any()


def crops() -> list[tuple[str, Callable[[Grey], npt.NDArray[np.float32]], bool]]:
    """Return ways in which a crop may differ from the mammogram, and whether it is still to be found."""

    def jpeg(crop: Grey) -> npt.NDArray[np.float32]:
        stream = io.BytesIO()
        Image.fromarray(crop).save(stream, "JPEG", quality=60)
        return np.asarray(Image.open(stream), dtype=np.float32)

    return [
        ("as it is", lambda crop: crop.astype(np.float32), True),
        ("other brightness and contrast", lambda crop: crop * np.float32(0.3) + 90, True),
        ("JPEG", jpeg, True),
        ("mirrored", lambda crop: crop[:, ::-1].astype(np.float32), False),
        ("negative", lambda crop: 255 - crop.astype(np.float32), False),
        ("of another film", lambda crop: cut(film(1, size=(200, 160))).astype(np.float32), False),
        ("of one grey", lambda crop: np.full(CROPPED, 80, dtype=np.float32), False),
    ]


@pytest.mark.parametrize(("changed", "there"), [each[1:] for each in crops()], ids=[each[0] for each in crops()])
def test_crop_is_found_where_it_was_cut(changed: Callable[[Grey], npt.NDArray[np.float32]], there: bool) -> None:
    whole = film(size=(200, 160))
    place = cbis_ddsm_region.find_crop(changed(cut(whole)), whole.astype(np.float32), mass(size=whole.shape) // 255)
    assert place == ((TOP, LEFT) if there else None)


@pytest.mark.parametrize(
    ("top", "left", "rows", "columns"),
    [(0, 0, 30, 20), (176, 142, 24, 18), (60, 50, 140, 110), (103, 83, 6, 5), (98, 83, 20, 6), (0, 0, 200, 160)],
    ids=["first corner", "last corner", "wide", "in the mask", "narrower than the mask", "everything"],
)
def test_place_of_the_crop_agrees_with_a_search_everywhere(top: int, left: int, rows: int, columns: int) -> None:
    whole = film(size=(200, 160)).astype(np.float32)
    crop = whole[top : top + rows, left : left + columns]
    mask = mass(*{(0, 0): (8, 5), (176, 142): (181, 148)}.get((top, left), (100, 80)), size=whole.shape)
    if rows == 200:
        mask = mass(100, 80, size=whole.shape)
    differences = signal.fftconvolve(whole**2, np.ones_like(crop), "valid") - 2 * signal.fftconvolve(
        whole, crop[::-1, ::-1], "valid"
    )
    assert np.unravel_index(differences.argmin(), differences.shape) == (top, left)
    assert cbis_ddsm_region.find_crop(crop, whole, mask) == (top, left)


def test_crop_larger_than_the_film_is_not_found() -> None:
    whole = film().astype(np.float32)
    assert cbis_ddsm_region.find_crop(np.pad(whole, 3), whole, mass()) is None


def test_empty_mask_is_empty_in_the_region(tmp_path: Path) -> None:
    add(tmp_path, "png", mask=np.zeros((ROWS, COLUMNS), dtype=np.uint8))
    [case] = cbis_ddsm_region.index(tmp_path)
    mask = cbis_ddsm_region.read_mask(case)
    assert mask.shape == (1, *CROPPED) and not mask.any()


# DICOM.


def test_dicom_whose_brightest_value_is_black(tmp_path: Path) -> None:
    write_picture(tmp_path / "film.dcm", film(bits=16))
    content = (tmp_path / "film.dcm").read_bytes()
    assert content.count(b"MONOCHROME2 ") == 1
    (tmp_path / "negative.dcm").write_bytes(content.replace(b"MONOCHROME2 ", b"MONOCHROME1 "))
    positive, negative = (dicom.read(tmp_path / name) for name in ("film.dcm", "negative.dcm"))
    np.testing.assert_allclose(positive, film(bits=16)[None, None] / 257, rtol=1e-6)
    np.testing.assert_allclose(negative, 255 - positive, atol=1e-4)


@pytest.mark.parametrize("white", [1, 255, 65535])
def test_dicom_masks_of_any_white(tmp_path: Path, white: int) -> None:
    mask = (mass() // 255).astype(np.uint16) * white
    write_picture(tmp_path / "mask.dcm", mask.astype(np.uint8) if white < 256 else mask)
    np.testing.assert_array_equal(dicom.read_mask(tmp_path / "mask.dcm", (ROWS, COLUMNS))[0], mass() == 255)
    assert dicom.is_between(tmp_path / "mask.dcm") == 0


# What is wrong with a picture concerns its case only.


def spoil_nothing_there(root: Path, form: str) -> None:
    for path in pictures_of(root, form, NAME):
        path.unlink()


def spoil_cut_short(root: Path, form: str) -> None:
    for path in [*pictures_of(root, form, NAME), *pictures_of(root, form, VIEW)]:
        path.write_bytes(path.read_bytes()[:-40])


def spoil_empty(root: Path, form: str) -> None:
    for path in [*pictures_of(root, form, NAME), *pictures_of(root, form, VIEW)]:
        path.write_bytes(b"")


def spoil_one_too_many(root: Path, form: str) -> None:
    first = pictures_of(root, form, NAME)[0]
    first.with_stem("3-001").write_bytes(first.read_bytes())


def spoil_no_mask(root: Path, form: str) -> None:
    pictures_of(root, form, NAME)[1].unlink()


def spoil_two_masks(root: Path, form: str) -> None:
    write_picture(pictures_of(root, form, NAME)[0], mass())


def spoil_two_crops(root: Path, form: str) -> None:
    write_picture(pictures_of(root, form, NAME)[1], cut(film()))


def spoil_of_another_size(root: Path, form: str) -> None:
    write_picture(pictures_of(root, form, NAME)[1], mass(size=(ROWS + 9, COLUMNS + 6)))


def pictures_of(root: Path, form: str, case: str) -> list[Path]:
    """Return the files of a case (crop and mask, or the whole mammogram) in a folder as ``add`` writes it."""
    folder = root / "CBIS-DDSM" / case if form == "dicom" else root / "jpeg" / f"1.3.6.{zlib.crc32(case.encode())}"
    return sorted(path for path in folder.rglob("*") if path.is_file())


SPOILT = {
    "no files": (spoil_nothing_there, r"holds no picture, but line 2 of .*\.csv \(Mass-Training_P_00004_LEFT_CC_1\)"),
    "cut short": (spoil_cut_short, r"(is damaged or cut short.*|its header is damaged); fetch"),
    "empty": (spoil_empty, r"(is empty|is no DICOM file, or its header is damaged); fetch"),
    "one too many": (spoil_one_too_many, r"holds 3 picture\(s\), but line 2 of .* names 2; add what is missing, or"),
    "no mask": (spoil_no_mask, r"holds 1 picture\(s\), but line 2 of .* names 2; add what is missing"),
    "two masks": (spoil_two_masks, r": both can be the ROI mask of line 2 of .*; fetch or copy them again"),
    "two crops": (spoil_two_crops, r": neither can be the ROI mask of line 2 of .*; fetch or copy them again"),
    "mask of another size": (
        spoil_of_another_size,
        r"has 69 x 50 rows and columns, but its image has 60 x 44; put the image's own mask there",
    ),
}


@pytest.mark.parametrize("kind", SPOILT)
@pytest.mark.parametrize("form", ["png", "dicom"])
@pytest.mark.parametrize("module", READERS, ids=["region", "whole", "united"])
def test_what_is_wrong_with_a_picture_drops_its_case(tmp_path: Path, module: ModuleType, form: str, kind: str) -> None:
    add(tmp_path, form)
    sound = "Mass-Training_P_00004_RIGHT_CC_1"
    add(tmp_path, form, sound)
    spoil, message = SPOILT[kind]
    spoil(tmp_path, form)
    cases = {case.case: case for case in module.index(tmp_path)}
    bad, good = cases.values()
    assert good.case.startswith(sound.removesuffix("_1"))
    with pytest.raises(InputError, match=message) as raised:
        module.read_image(bad), module.read_mask(bad)
    assert "\n" not in str(raised.value) and ";" in str(raised.value)
    assert isinstance(raised.value, MismatchError) == (kind == "mask of another size")
    found = [finding for finding in quality.inspect(cases, module) if finding.decision == "drop"]
    rule = "mask_mismatch" if kind == "mask of another size" else "unreadable"
    assert [(finding.case, finding.rule) for finding in found] == [(bad.case, rule)]


def test_crop_of_another_mammogram_is_dropped(tmp_path: Path) -> None:
    add(tmp_path, "png", crop=cut(film(7)))
    cases = {case.case: case for case in cbis_ddsm_region.index(tmp_path)}
    [finding] = quality.inspect(cases, cbis_ddsm_region)
    assert (finding.rule, finding.decision) == ("unreadable", "drop")
    assert "1-263.png: is not to be found in" in finding.reason
    assert "put the source's own pictures there" in finding.reason


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.write_text("a text"), "is no DICOM file, or its header is damaged"),
        (lambda path: write_picture(path, film().astype(np.int16)), "is not one picture of 8- or 16-bit grey"),
        (lambda path: colour(path), "is not one picture of 8- or 16-bit grey"),
        (lambda path: volume(path), "is not one picture of 8- or 16-bit grey"),
    ],
    ids=["missing", "text", "signed", "colour", "volume"],
)
def test_dicom_that_is_no_grey_picture(tmp_path: Path, write: Callable[[Path], object], message: str) -> None:
    path = tmp_path / "x.dcm"
    write(path)
    for function in (dicom.size, dicom.read):
        with pytest.raises(InputError, match=rf"x\.dcm: ({message}).*; "):
            function(path)


def colour(path: Path) -> None:
    pixels = SimpleITK.GetImageFromArray(np.zeros((1, 5, 6, 3), dtype=np.uint8), isVector=True)
    SimpleITK.WriteImage(pixels, str(path), imageIO="GDCMImageIO")


def volume(path: Path) -> None:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(np.zeros((3, 5, 6), np.uint8)), str(path), imageIO="GDCMImageIO")


# What is wrong with a table concerns all cases.

BAD_TABLES: dict[str, tuple[Callable[[str], str], str]] = {
    "missing column": (lambda text: text.replace(MASK, "mask"), f"has no column '{MASK}'; fetch or copy it again"),
    "no header": (lambda text: text.partition("\n")[2], "has no column 'patient_id'; fetch"),
    "no rows": (lambda text: text.partition("\n")[0] + "\n", "has no rows; fetch"),
    "nothing": (lambda text: "", "has no column 'patient_id'; fetch"),
    "calcification": (
        lambda text: text.replace(",mass,", ",calcification,"),
        r"line 2: abnormality type is 'calcification', not mass \(calcifications have tables of their own\); correct",
    ),
    "doubled row": (
        lambda text: text + text.partition("\n")[2],
        "lines 2 and 4 are both about Mass-Training_P_00004_LEFT_CC_1; remove the wrong row",
    ),
    "two mammograms of a view": (
        lambda text: text + text.partition("\n")[2].replace("LEFT,CC,1", "LEFT,CC,2").replace("LEFT_CC/", "other/"),
        "lines 2 and 4 name two mammograms of one view, Mass-Training_P_00004_LEFT_CC; correct one",
    ),
    "patient": (lambda text: text.replace("P_00004,", "4,"), "line 2: patient_id is '4', not P_ and five digits; "),
    "side": (lambda text: text.replace(",LEFT,", ",left,"), "left or right breast is 'left', not LEFT or RIGHT; "),
    "view": (lambda text: text.replace(",CC,", ",LM,"), "image view is 'LM', not CC or MLO; "),
    "pathology": (lambda text: text.replace("BENIGN", "?"), r"pathology is '\?', not MALIGNANT, BENIGN, BENIGN_WITH"),
    "path": (lambda text: text.replace("/1.3/", "/"), f"{IMAGE} is .*, not case/study/series/file; "),
    "no crop": (
        lambda text: text.replace(text.split(",")[-2], "") if text else text,
        f"{CROP} is '', not case/study/series/file; ",
    ),
    "field too many": (lambda text: text.replace("OVAL,", "OVAL,,"), "line 2 has 15 fields, but the first one has 14"),
    "row cut short": (lambda text: text[:-120], "line 2 has 1[0-3] fields|not case/study/series/file"),
}


@pytest.mark.parametrize("kind", BAD_TABLES)
def test_what_is_wrong_with_a_table_stops(tmp_path: Path, kind: str) -> None:
    add(tmp_path, "png")
    table = tmp_path / CSV / TRAIN
    change, message = BAD_TABLES[kind]
    before = table.read_text()
    table.write_text(change(before))
    assert table.read_text() != before
    for module in READERS:
        with pytest.raises(InputError, match=message) as raised:
            module.index(tmp_path)
        assert str(raised.value).startswith(f"{table}: ") and "\n" not in str(raised.value)


def test_table_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / TEST).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=rf"{TEST}: is no text in UTF-8; fetch"):
        cbis_ddsm_whole.index(tmp_path)


@pytest.mark.parametrize("change", [lambda text: "\ufeff" + text.replace("\n", "\r\n"), lambda text: text + "\n\n"])
def test_table_of_another_hand_is_read(tmp_path: Path, change: Callable[[str], str]) -> None:
    add(tmp_path, "png")
    before = cbis_ddsm_whole.index(tmp_path)
    table = tmp_path / CSV / TRAIN
    table.write_text(change(table.read_text()), newline="")
    assert cbis_ddsm_whole.index(tmp_path) == before


def test_table_that_has_changed_is_read_again(tmp_path: Path) -> None:
    add(tmp_path, "png")
    [case] = cbis_ddsm_whole.index(tmp_path)
    table = tmp_path / CSV / TRAIN
    table.write_text(table.read_text().replace("LEFT,CC,1,", "LEFT,CC,12,"))
    with pytest.raises(InputError, match=rf"{TRAIN}: has no row about {NAME}; list the cases again"):
        cbis_ddsm_whole.read_mask(case)


def test_one_of_the_tables_is_enough(tmp_path: Path) -> None:
    add(tmp_path, "png", "Mass-Test_P_00066_LEFT_CC_1")
    assert [case.part for case in cbis_ddsm_whole.index(tmp_path)] == ["testing"]


def test_folders_that_are_not_the_dataset(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: no such folder; put CBIS-DDSM there"):
        cbis_ddsm_whole.index(tmp_path / "nowhere")
    with pytest.raises(InputError, match=rf"neither {TRAIN} nor {TEST}, there or in csv/; put CBIS-DDSM there"):
        cbis_ddsm_whole.index(tmp_path)


@pytest.mark.parametrize("form", ["png", "dicom"])
def test_tables_without_any_picture(tmp_path: Path, form: str) -> None:
    add(tmp_path, form)
    add(tmp_path, form, f"{VIEW}_2")
    shutil.rmtree(tmp_path / ("jpeg" if form == "png" else "CBIS-DDSM"))
    for module in READERS:
        with pytest.raises(InputError, match=r"; none of the [12] cases in .*: is this the folder of CBIS-DDSM\?"):
            module.index(tmp_path)


def test_what_file_managers_leave_is_no_picture(tmp_path: Path) -> None:
    for form in ("png", "dicom"):
        root = tmp_path / form / "dépôt à moi"
        add(root, form)
        for path in pictures_of(root, form, NAME):
            path.with_name(f"._{path.name}").write_bytes(b"x")
            path.with_name(".DS_Store").write_bytes(b"x")
            path.with_name("Thumbs.db").write_bytes(b"x")
        [case] = cbis_ddsm_region.index(root)
        assert cbis_ddsm_region.read_mask(case).any()


def test_download_says_what_to_do_by_hand(tmp_path: Path) -> None:
    for module in READERS:
        with pytest.raises(InputError, match="NBIA Data Retriever") as raised:
            module.download(tmp_path)
    assert all(word in str(raised.value) for word in (TRAIN, TEST, "CC BY 3.0", "csv/", "jpeg/", "kind: local"))
    assert not hasattr(cbis_ddsm_download, "SERVER")
    add(tmp_path, "png")
    cbis_ddsm_whole.download(tmp_path)


# Real tables.


@pytest.mark.real
def test_real_tables_hold_the_published_counts(real: Path) -> None:
    rows = cbis_ddsm_tables.abnormalities(real / "Mammography" / "CBIS-DDSM_csv")
    assert Counter(row.part for row in rows) == {"training": 1318, "testing": 378}
    parts = {part: {row.patient for row in rows if row.part == part} for part in ("training", "testing")}
    assert {part: len(patients) for part, patients in parts.items()} == {"training": 691, "testing": 201}
    assert not parts["training"] & parts["testing"]
    for table, part in ((TRAIN, "training"), (TEST, "testing")):
        theirs = pd.read_csv(real / "Mammography" / "CBIS-DDSM_csv" / table)
        own = [row for row in rows if row.part == part]
        assert Counter(row.pathology for row in own) == theirs["pathology"].value_counts().to_dict()
        # The source names its folders as we name cases.
        assert {row.name for row in own} == {path.split("/")[0] for path in theirs[CROP]}
        assert {row.mammogram for row in own} == {path.split("/")[0] for path in theirs[IMAGE]}
        assert {row.mask for row in own} == {path.strip() for path in theirs[MASK]}
    apart = Counter(row.part for row in rows if row.crop.split("/")[2] != row.mask.split("/")[2])
    assert apart == {"training": 92, "testing": 11}
    assert next(row.line for row in rows if row.name == "Mass-Training_P_00001_LEFT_MLO_1") == 4


@pytest.mark.real
def test_real_tables_with_the_pictures_of_one_row(real: Path, tmp_path: Path) -> None:
    tables = real / "Mammography" / "CBIS-DDSM_csv"
    for module in READERS:
        with pytest.raises(InputError, match=r"holds no picture, but line \d+ of .* is this the folder of CBIS-DDSM\?"):
            module.index(tables)
    for table in TABLES:
        (tmp_path / CSV).mkdir(exist_ok=True)
        (tmp_path / CSV / table).write_bytes((tables / table).read_bytes())
    name = "Mass-Test_P_00066_LEFT_CC_1"
    row = next(row for row in cbis_ddsm_tables.abnormalities(tmp_path) if row.name.startswith(name[:-1]))
    for path, picture in ((row.image, film()), (row.crop, cut(film())), (row.mask, mass())):
        series = tmp_path / "jpeg" / path.split("/")[2]
        write_picture(series / f"{len(list(series.glob('*')))}.png", picture)
    for module, counts in (
        (cbis_ddsm_region, (1318, 378)),
        (cbis_ddsm_whole, (1318, 378)),
        (cbis_ddsm_united, (1231, 361)),
    ):
        cases = module.index(tmp_path)
        assert len({case.case for case in cases}) == len(cases)
        assert Counter(case.part for case in cases) == dict(zip(("training", "testing"), counts, strict=True))
        [case] = [case for case in cases if case.shape != (1, 1, 1)]
        assert case.case == (row.mammogram if module is cbis_ddsm_united else row.name)
        assert (module.read_mask(case) == 1).sum() == 12 * 9 - 1
        lost = next(case for case in cases if case.shape == (1, 1, 1))
        with pytest.raises(InputError, match=rf"holds no picture, but line \d+ of .* \({lost.case}.*names"):
            module.read_image(lost)


# Phantoms.

PATIENTS, SCALE = 8, 0.35


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cbis_ddsm")
    cbis_ddsm_region.make_phantom(folder, PATIENTS, SCALE, 0)
    return folder


def test_phantoms_have_the_sources_quirks(phantoms: Path) -> None:
    cases = {module: module.index(phantoms) for module in READERS}
    patients = {part: {c.patient for c in cases[cbis_ddsm_whole] if c.part == part} for part in ("training", "testing")}
    assert {part: len(names) for part, names in patients.items()} == {"training": PATIENTS, "testing": 4}
    assert not patients["training"] & patients["testing"]
    views = Counter(case.patient for case in cases[cbis_ddsm_united])
    assert set(views.values()) == {1, 2}
    assert Counter(case.case.rpartition("_")[0] for case in cases[cbis_ddsm_whole]).most_common()[0][1] == 2
    assert {case.view for case in cases[cbis_ddsm_whole]} == {"LEFT-CC", "LEFT-MLO", "RIGHT-CC", "RIGHT-MLO"}
    shapes = {case.shape for case in cases[cbis_ddsm_whole]} - {(1, 1, 1)}
    assert len(shapes) > 2 and all(rows > 1.2 * columns for rows, columns, _ in shapes)
    assert {path.suffix for path in (phantoms / "jpeg").rglob("*.*g")} == {".jpg", ".png"}
    with (phantoms / CSV / TRAIN).open(newline="") as stream:
        table = list(csv.DictReader(stream))
    assert list(table[0]) == HEADER.split(",")
    assert all(row[MASK].endswith(".dcm\n") for row in table)
    swapped = [row for row in table if row[CROP].endswith("1.dcm")]
    apart = [row for row in table if row[CROP].split("/")[2] != row[MASK].strip().split("/")[2]]
    assert 0 < len(swapped) < len(table) / 3 and 0 < len(apart) < len(table) / 3
    for module in READERS:
        [lost] = [case for case in cases[module] if case.shape == (1, 1, 1)]
        assert lost.case.startswith(f"Mass-Training_P_{PATIENTS:05d}_") and "_MLO" in lost.case


def test_phantoms_masks_agree(phantoms: Path) -> None:
    """The region's mask is the whole one where a search everywhere finds the crop; the united one is of all."""
    united = {case.case: case for case in cbis_ddsm_united.index(phantoms)}
    drawn: dict[str, npt.NDArray[np.uint8]] = {}
    wholes = cbis_ddsm_whole.index(phantoms)
    for region, whole in zip(cbis_ddsm_region.index(phantoms), wholes, strict=True):
        if region.shape == (1, 1, 1):
            continue
        film, crop = cbis_ddsm_whole.read_image(whole)[0, 0], cbis_ddsm_region.read_image(region)[0, 0]
        mask = cbis_ddsm_whole.read_mask(whole)[0]
        part = cbis_ddsm_region.read_mask(region)[0]
        assert part.sum() == mask.sum() > 40 and part.mean() > mask.mean()
        squares = signal.fftconvolve(film**2, np.ones_like(crop), "valid")
        products = signal.fftconvolve(film, crop[::-1, ::-1], "valid")
        top, left = np.unravel_index((squares - 2 * products).argmin(), squares.shape)
        np.testing.assert_array_equal(part, mask[top : top + crop.shape[0], left : left + crop.shape[1]])
        view = whole.case.rpartition("_")[0]
        drawn[view] = drawn.get(view, np.zeros_like(mask)) | mask
    for view, mask in drawn.items():
        np.testing.assert_array_equal(cbis_ddsm_united.read_mask(united[view])[0], mask)


def test_phantoms_are_hard_but_not_empty(phantoms: Path) -> None:
    """A mass is brighter than the tissue around it, but no grey value tells masses from the rest."""
    brighter, share = [], []
    for case in cbis_ddsm_region.index(phantoms):
        if case.shape != (1, 1, 1):
            image, mask = cbis_ddsm_region.read_image(case)[0, 0], cbis_ddsm_region.read_mask(case)[0] == 1
            brighter.append(image[mask].mean() - image[~mask].mean())
            share.append((image[~mask] > np.median(image[mask])).mean())
    assert np.mean(np.array(brighter) > 0) > 0.8
    assert 0.02 < np.mean(share) < 0.4


def test_phantoms_of_one_seed_are_the_same_and_patients_stand_alone(tmp_path: Path) -> None:
    for name, patients, seed in (("one", 3, 1), ("again", 3, 1), ("more", 5, 1), ("other", 3, 2)):
        cbis_ddsm_region.make_phantom(tmp_path / name, patients, 0.1, seed)
    content = {
        name: {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*g")}
        for name in ("one", "again", "more", "other")
    }
    assert content["one"] == content["again"]
    assert (tmp_path / "one" / CSV / TRAIN).read_bytes() == (tmp_path / "again" / CSV / TRAIN).read_bytes()
    assert not content["one"].keys() & content["other"].keys()
    whole = cbis_ddsm_tables.read_table(tmp_path / "one" / CSV / TRAIN)[0].image.split("/")[2]
    assert [picture for path, picture in content["more"].items() if whole in str(path)] == [
        picture for path, picture in content["one"].items() if whole in str(path)
    ]


# Cost.


@pytest.mark.parametrize("form", ["jpeg", "dicom"])
def test_memory_of_a_real_mammograms_size(tmp_path: Path, form: str) -> None:
    size = (5000, 3000)
    noise = np.random.default_rng(0).integers(0, 256, (500, 300)).astype(np.uint16)
    whole = np.kron(noise, np.full((10, 10), 1 if form == "jpeg" else 257, dtype=np.uint16))
    whole = whole.astype(np.uint8) if form == "jpeg" else whole
    mask = mass(2000, 1000, size)
    mask[2000:2600, 1000:1500] = 255
    add(tmp_path, form, whole=whole, crop=whole[1900:2700, 900:1700], mask=mask)
    program = (
        "import sys; from pathlib import Path; from medley.datasets import cbis_ddsm_region as region, "
        "cbis_ddsm_whole as whole; folder = Path(sys.argv[1]);\n"
        "for module in (region, whole):\n"
        "    [case] = module.index(folder); module.read_image(case); assert module.read_mask(case).sum() == 300000\n"
        # Not ru_maxrss: a child begins with what its parent had.
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    scripts = Path(cbis_ddsm.__file__).parents[2]
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(scripts)}, check=True)
    assert int(done.stdout) / 1024 < 500  # MB, with the libraries
