"""The GI Tract reader, its phantoms and its download; what is wrong with a table or an image: test_bad_input."""

import base64
import csv
import io
import itertools
import json
import logging
import shutil
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import requests
from PIL import Image
from scipy import ndimage

from medley import download
from medley.cases import Case, read_cases
from medley.datasets import gi_tract, gi_tract_download, reader
from medley.datasets.gi_tract import BITS, LABELS
from medley.errors import InputError
from scripts import download_dataset, index_cases
from tests.real_slices import convert
from tests.web_server import Site, serve

PATIENTS = 6
ROWS, COLUMNS = 5, 7
GREY = np.arange(ROWS * COLUMNS, dtype=np.uint16).reshape(ROWS, COLUMNS) * 300
RUNS = {"large_bowel": "3 2 10 4", "small_bowel": "", "stomach": "12 3"}


def write_slice(folder: Path, name: str, runs: dict[str, str], size: str = "7_5_1.50_1.63") -> None:
    """Add a slice to a folder in the competition's layout."""
    case, day, _, number = name.split("_")
    scans = folder / "train" / case / f"{case}_{day}" / "scans"
    scans.mkdir(parents=True, exist_ok=True)
    Image.fromarray(GREY).save(scans / f"slice_{number}_{size}.png")
    table = folder / "train.csv"
    old = table.read_text() if table.exists() else "id,class,segmentation\n"
    table.write_text(old + "".join(f"{name},{organ},{text}\n" for organ, text in runs.items()))


@pytest.fixture
def two(tmp_path: Path) -> Path:
    write_slice(tmp_path, "case7_day20_slice_0003", RUNS)
    write_slice(tmp_path, "case12_day0_slice_0001", dict.fromkeys(RUNS, ""))
    return tmp_path


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gi_tract")
    gi_tract.make_phantom(folder, PATIENTS, 0.5, 0)
    return folder


@pytest.fixture(scope="module")
def cases(phantoms: Path) -> list[Case]:
    return gi_tract.index(phantoms)


# The reader.


def test_a_case_is_a_slice(two: Path) -> None:
    assert reader("gi_tract") is gi_tract
    empty, slice_ = gi_tract.index(two)
    assert slice_ == Case(
        case="case7_day20_slice_0003",
        patient="case7",
        image=str(two / "train/case7/case7_day20/scans/slice_0003_7_5_1.50_1.63.png"),
        mask=str(two / "train.csv"),
        shape=(ROWS, COLUMNS, 1),
        spacing=(1.63, 1.5, 3.0),
        part="training",
        phase="day20",
        pathology="large_bowel-stomach",
        labels=("large_bowel", "stomach"),
    )
    assert (empty.case, empty.pathology, empty.labels) == ("case12_day0_slice_0001", "none", ())


def test_rows_and_columns_of_image_and_mask(two: Path) -> None:
    case = gi_tract.index(two)[1]
    image, mask = gi_tract.read_image(case), gi_tract.read_mask(case)
    assert image.shape == (1, 1, ROWS, COLUMNS) and image.dtype == np.float32
    np.testing.assert_array_equal(image[0, 0], GREY)
    assert mask.shape == (1, ROWS, COLUMNS) and mask.dtype == np.uint8
    by_hand = [
        [0, 0, 1, 1, 0, 0, 0],
        [0, 0, 1, 1, 5, 5, 4],
        [0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
    ]
    np.testing.assert_array_equal(mask[0], by_hand)
    assert image.flags.c_contiguous and mask.flags.c_contiguous


def test_mask_values_are_the_sums_of_the_organs_bits() -> None:
    assert BITS == {"large_bowel": 1, "small_bowel": 2, "stomach": 4}
    for organ, values in LABELS.items():
        assert values == tuple(value for value in range(8) if value & BITS[organ])


def test_folder_that_the_archive_unpacks_to(two: Path, tmp_path: Path) -> None:
    inner = tmp_path / "outer" / gi_tract.ARCHIVE
    shutil.copytree(two / "train", inner / "train")
    shutil.copy(two / "train.csv", inner)
    assert [case.case for case in gi_tract.index(inner.parent)] == [case.case for case in gi_tract.index(two)]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.rstrip("\n"),
        lambda text: "\n".join(",".join(f'"{field}"' for field in line.split(",")) for line in text.splitlines()),
        lambda text: "\n".join(sorted(text.splitlines(), key=lambda line: (line[:2] != "id", line[::-1]))),
    ],
    ids=["Windows", "byte order mark", "no last line end", "quoted", "any order"],
)
def test_table_of_another_hand_is_read(two: Path, change: object) -> None:
    before = [gi_tract.read_mask(case) for case in gi_tract.index(two)]
    table = two / "train.csv"
    table.write_text(change(table.read_text()), newline="")  # type: ignore[operator]
    after = [gi_tract.read_mask(case) for case in gi_tract.index(two)]
    np.testing.assert_array_equal(after, before)
    assert np.any(after)


def test_table_that_has_changed_is_read_again(two: Path) -> None:
    case = gi_tract.index(two)[1]
    table = two / "train.csv"
    assert gi_tract.read_mask(case).sum() == 6 * 1 + 3 * 4
    table.write_text(table.read_text().replace("stomach,12 3", "stomach,"))
    assert gi_tract.read_mask(case).sum() == 6 * 1
    table.write_text("id,class,segmentation\n")
    with pytest.raises(InputError, match=r"train\.csv: has no row with id case7_day20_slice_0003"):
        gi_tract.read_mask(case)


def test_what_file_managers_leave_is_no_slice(two: Path) -> None:
    (two / "train/case7/case7_day20/scans/.DS_Store").write_bytes(b"x")
    (two / "train/case7/.ipynb_checkpoints/scans").mkdir(parents=True)
    (two / "train/case7/.ipynb_checkpoints/scans/slice.png").touch()
    assert len(gi_tract.index(two)) == 2


@pytest.mark.parametrize("bit", range(8))
def test_no_damaged_pixels_are_read(phantoms: Path, tmp_path: Path, cases: list[Case], bit: int) -> None:
    """Whatever bit of the compressed pixels is flipped."""
    whole = Path(cases[5].image).read_bytes()
    path = tmp_path / "slice.png"
    for place in range(60, len(whole) - 12, len(whole) // 40):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
        with pytest.raises(InputError, match="is no whole PNG, or damaged"):
            gi_tract.read_image(Case("c", "p", str(path), "", (1, 1, 1), (1, 1, 1)))


def test_image_of_another_kind_after_the_index(two: Path) -> None:
    case = gi_tract.index(two)[1]
    Image.fromarray((GREY >> 8).astype(np.uint8)).save(case.image)
    with pytest.raises(InputError, match="is not 16-bit grey"):
        gi_tract.read_image(case)
    Path(case.image).unlink()
    with pytest.raises(InputError, match="cannot be read"):
        gi_tract.read_image(case)


def test_script_writes_the_table(phantoms: Path, cases: list[Case], tmp_path: Path) -> None:
    index_cases.main("gi_tract", str(phantoms), str(tmp_path / "cases.csv"))
    assert list(read_cases(tmp_path / "cases.csv").values()) == sorted(cases, key=lambda case: case.case)


# Phantoms.


def test_phantoms_are_laid_out_as_the_competition_is(phantoms: Path, cases: list[Case]) -> None:
    with (phantoms / "train.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["id", "class", "segmentation"]
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    assert len(rows) == 3 * len(cases) == 3 * PATIENTS * 2 * 10
    assert {case.patient for case in cases} == {f"case{number}" for number in range(1, PATIENTS + 1)}
    assert all(count == 10 for count in Counter((case.patient, case.phase) for case in cases).values())
    for case in cases[::7]:
        with Image.open(case.image) as image:
            assert (image.mode, image.size) == ("I;16", (case.shape[1], case.shape[0]))


def test_four_sizes_with_one_field_of_view_at_any_scale(tmp_path: Path) -> None:
    for scale in (0.25, 1.0):
        gi_tract.make_phantom(tmp_path / str(scale), 4, scale, 0)
    small, large = (
        {case.patient: case for case in gi_tract.index(tmp_path / scale) if case.case.endswith("day0_slice_0006")}
        for scale in ("0.25", "1.0")
    )
    real = [(266, 266, 1.5), (310, 360, 1.5), (276, 276, 1.63), (234, 234, 1.5)]
    assert [(*case.shape[:2], case.spacing[0]) for case in large.values()] == real
    for name, case in large.items():
        assert case.spacing[0] == case.spacing[1] and case.spacing[2] == 3.0
        for axis in (0, 1):
            view = case.shape[axis] * case.spacing[axis]
            assert small[name].shape[axis] * small[name].spacing[axis] == pytest.approx(view, abs=4)
        areas = [np.count_nonzero(gi_tract.read_mask(one)) * one.spacing[0] ** 2 for one in (small[name], case)]
        assert areas[0] == pytest.approx(areas[1], rel=0.35)
    assert "slice_0006_360_310_1.50_1.50.png" in large["case2"].image


def test_same_seed_gives_the_same_bytes_whatever_the_number_of_patients(phantoms: Path, tmp_path: Path) -> None:
    gi_tract.make_phantom(tmp_path / "one", 1, 0.5, 0)
    gi_tract.make_phantom(tmp_path / "other", 1, 0.5, 1)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.png"))
    assert len(files) == 20
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (phantoms / file).read_bytes()
    first = [row for row in (phantoms / "train.csv").read_text().splitlines() if row.startswith(("id", "case1_"))]
    assert (tmp_path / "one" / "train.csv").read_text().splitlines() == first
    assert (tmp_path / "other" / "train.csv").read_text().splitlines() != first


def test_organs_are_absent_in_part_and_overlap_in_part(cases: list[Case]) -> None:
    combinations = Counter(case.pathology for case in cases)
    assert {"none", "stomach", "large_bowel-stomach", "large_bowel-small_bowel"} <= set(combinations)
    assert "large_bowel-small_bowel-stomach" in combinations
    both = [case for case in cases if {"large_bowel", "small_bowel"} <= set(case.labels)]
    overlapping = [bool((gi_tract.read_mask(case) & 3 == 3).any()) for case in both]
    assert 0.15 < np.mean(overlapping) < 0.9  # on the real ones a quarter
    for case in cases:
        mask = gi_tract.read_mask(case)
        assert np.count_nonzero(mask & mask - 1) <= 0.35 * np.count_nonzero(mask)  # in two organs at once


def test_organs_lie_in_the_body_where_an_anatomist_expects_them(cases: list[Case]) -> None:
    middles: dict[str, list[float]] = {organ: [] for organ in LABELS}
    for case in cases:
        image, mask = gi_tract.read_image(case)[0, 0], gi_tract.read_mask(case)[0]
        outline = ndimage.binary_opening(ndimage.gaussian_filter(image, 1) > 0.15 * np.percentile(image, 99))
        body = ndimage.binary_fill_holes(outline)
        assert np.count_nonzero(mask[~body]) <= 0.02 * np.count_nonzero(mask)
        for organ in case.labels:
            height = int(case.case[-4:])
            middles[organ].append(height)
            if organ == "stomach" and height <= 3:  # on the patient's left: the image's right
                columns = np.flatnonzero((mask & BITS[organ]).any(axis=0))
                assert columns.mean() > mask.shape[1] / 2
    assert np.mean(middles["stomach"]) < 5 < np.mean(middles["small_bowel"])


def test_scans_of_a_patient_are_alike_and_patients_are_not(cases: list[Case]) -> None:
    """What makes a split by slices leak."""

    def overlap(first: Case, second: Case) -> float:
        masks = [gi_tract.read_mask(case)[0] for case in (first, second)]
        small = [cv2.resize((mask & 1) | (mask >> 2), (64, 64), interpolation=cv2.INTER_NEAREST) for mask in masks]
        return float(2 * (small[0] & small[1]).sum() / max(small[0].sum() + small[1].sum(), 1))

    scans: dict[str, dict[str, list[Case]]] = {}
    for case in cases:
        if case.labels:
            scans.setdefault(case.patient, {}).setdefault(case.case[-4:], []).append(case)
    same, other = [], []
    names = list(scans)
    for name, next_name in itertools.pairwise(names):
        for number, pair in scans[name].items():
            if len(pair) == 2 and number in scans[next_name]:
                same.append(overlap(*pair))
                other.append(overlap(pair[0], scans[next_name][number][0]))
    assert np.mean(same) > np.mean(other) + 0.2


def test_no_threshold_finds_the_organs(cases: list[Case]) -> None:
    for case in cases[::5]:
        image, mask = gi_tract.read_image(case)[0, 0], gi_tract.read_mask(case)[0]
        for bit in BITS.values():
            truth = mask & bit > 0
            for low, high in zip(*[iter(np.percentile(image, range(0, 101, 10)))] * 2, strict=False):
                guess = (image >= low) & (image <= high)
                assert 2 * (guess & truth).sum() <= 0.6 * (guess.sum() + truth.sum())


# Download.


@pytest.fixture
def packed(two: Path) -> bytes:
    """The archive as Kaggle makes it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path in sorted(path for path in two.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(two))
        archive.writestr("sample_submission.csv", "id,class,predicted\n")
    return stream.getvalue()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any token."""
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / ".kaggle").mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture
def kaggle(packed: bytes, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server that sends on to another, on another host, which holds the archive."""
    monkeypatch.setattr(download, "FIRST_WAIT", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    with serve() as site, serve() as store:
        monkeypatch.setattr(gi_tract_download, "ADDRESS", f"{site.url}/download-all")
        store.files["/archive.zip"] = packed
        site.status["/download-all"] = [302] * 9
        site.headers["/download-all"] = {"Location": store.url.replace("127.0.0.1", "localhost") + "/archive.zip"}
        yield site


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """The host of each request, and the login that it carried."""
    requests_sent: list[tuple[str, str | None]] = []
    send = requests.adapters.HTTPAdapter.send

    def recording(self: object, request: requests.PreparedRequest, *args: object, **options: object) -> object:
        host = str(request.url).split("/")[2].split(":")[0]
        requests_sent.append((host, request.headers.get("Authorization")))
        return send(self, request, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", recording)
    return requests_sent


BASIC = "Basic " + base64.b64encode(b"somebody:SECRET").decode()
OLD_TOKEN = json.dumps({"username": "somebody", "key": "SECRET"})


@pytest.mark.parametrize(
    ("environment", "files", "login"),
    [
        ({"KAGGLE_API_TOKEN": "SECRET"}, {}, "Bearer SECRET"),
        ({}, {"access_token": "SECRET\n"}, "Bearer SECRET"),
        ({"KAGGLE_USERNAME": "somebody", "KAGGLE_KEY": "SECRET"}, {}, BASIC),
        ({}, {"kaggle.json": OLD_TOKEN}, BASIC),
        ({"KAGGLE_API_TOKEN": "SECRET"}, {"kaggle.json": OLD_TOKEN}, "Bearer SECRET"),
    ],
    ids=["new, environment", "new, file", "old, environment", "old, file", "new before old"],
)
def test_archive_comes_with_a_token_that_goes_to_kaggle_alone(
    kaggle: Site,
    sent: list[tuple[str, str | None]],
    home: Path,
    two: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    environment: dict[str, str],
    files: dict[str, str],
    login: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for name, content in files.items():
        (home / ".kaggle" / name).write_text(content)
    gi_tract_download.download(tmp_path / "data")
    assert sent == [("127.0.0.1", login), ("localhost", None)]
    assert "SECRET" not in caplog.text
    found = gi_tract.index(tmp_path / "data")
    assert [case.case for case in found] == [case.case for case in gi_tract.index(two)]
    np.testing.assert_array_equal(gi_tract.read_image(found[1])[0, 0], GREY)


def test_token_in_another_folder(
    kaggle: Site, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: list[tuple[str, str | None]]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kaggle.json").write_text(OLD_TOKEN)
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "elsewhere"))
    gi_tract_download.download(tmp_path / "data")
    assert sent[0] == ("127.0.0.1", BASIC)


def test_without_a_token_the_message_says_what_to_do(kaggle: Site, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        gi_tract_download.download(tmp_path / "data")
    for words in ("/rules", "KAGGLE_API_TOKEN", "access_token", f"{gi_tract.ARCHIVE}.zip", "kind: local", "train.csv"):
        assert words in str(caught.value)
    assert not kaggle.asked


@pytest.mark.parametrize("status", [401, 403])
def test_refusal_says_what_to_accept_and_no_secret(
    kaggle: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "SECRET")
    kaggle.status["/download-all"] = [status] * 9
    kaggle.headers.clear()
    with pytest.raises(InputError, match=f"answer {status}(.|\n)*accept them at .*/rules") as caught:
        gi_tract_download.download(tmp_path / "data")
    assert "SECRET" not in str(caught.value)
    assert not any(path.is_file() for path in (tmp_path / "data").rglob("*"))


@pytest.mark.parametrize("content", ["no JSON", "[]", '{"username": "somebody"}'])
def test_spoilt_token(kaggle: Site, home: Path, tmp_path: Path, content: str) -> None:
    (home / ".kaggle" / "kaggle.json").write_text(content)
    with pytest.raises(InputError, match=r"kaggle\.json: has no username and key; make a new token"):
        gi_tract_download.download(tmp_path / "data")


def test_archive_put_there_by_hand_needs_no_token(kaggle: Site, packed: bytes, tmp_path: Path) -> None:
    listed = tmp_path / "data" / "manifest.csv"
    listed.parent.mkdir()
    (listed.parent / f"{gi_tract.ARCHIVE}.zip").write_bytes(packed)
    download_dataset.main("gi_tract", str(listed))
    assert not kaggle.asked
    assert len(gi_tract.index(listed.parent)) == 2
    names = [line.split(",")[0] for line in listed.read_text().splitlines()[1:]]
    assert f"{gi_tract.ARCHIVE}/train.csv" in names and f"{gi_tract.ARCHIVE}.zip" in names


def test_archive_that_is_damaged(packed: bytes, home: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / f"{gi_tract.ARCHIVE}.zip").write_bytes(packed[:-40])
    with pytest.raises(InputError, match=r"\.zip: is no whole zip"):
        gi_tract_download.download(tmp_path / "data")
    assert not (tmp_path / "data" / gi_tract.ARCHIVE).exists()


# Real files.


@pytest.mark.real
def test_real_table(real: Path) -> None:
    segmentations = gi_tract._segmentations(real / "UW-Madison" / "train_part.csv")
    assert len(segmentations) == 975
    organs = Counter(
        gi_tract.combination(organ for organ, runs in rows.items() if runs) for rows in segmentations.values()
    )
    assert organs == {
        "large_bowel-small_bowel": 453,
        "large_bowel-stomach": 194,
        "large_bowel-small_bowel-stomach": 184,
        "stomach": 136,
        "small_bowel-stomach": 5,
        "large_bowel": 3,
    }


@pytest.mark.real
def test_real_images(real: Path, tmp_path: Path) -> None:
    for number, name in enumerate(("duckcommit_slice_0001.png", "duckcommit_test_image14.png"), start=1):
        write_slice(tmp_path, f"case1_day0_slice_{number:04d}", RUNS, "266_266_1.50_1.50")
        shutil.copy(
            real / "UW-Madison" / name,
            tmp_path / f"train/case1/case1_day0/scans/slice_{number:04d}_266_266_1.50_1.50.png",
        )
    for case, highest in zip(gi_tract.index(tmp_path), (125, 10081), strict=True):
        image = gi_tract.read_image(case)
        assert image.shape == (1, 1, 266, 266) and image.max() == highest
        with Image.open(case.image) as theirs:
            np.testing.assert_array_equal(image[0, 0], np.asarray(theirs))


@pytest.mark.real
def test_real_slices_through_the_reader(real: Path, tmp_path: Path) -> None:
    source = real / "UW-Madison" / "mini_test_512"
    convert(source, tmp_path)
    found = gi_tract.index(tmp_path)
    assert len(found) == 18 and len({case.patient for case in found}) == 11
    for case in found:
        mask = gi_tract.read_mask(case)[0]
        with Image.open(source / "masks" / f"{case.case}.png") as coloured:
            red, green = (np.asarray(coloured)[..., channel] > 127 for channel in (0, 1))
        np.testing.assert_array_equal(mask == BITS["large_bowel"], red & green)
        np.testing.assert_array_equal(mask == BITS["stomach"], red & ~green)
        np.testing.assert_array_equal(mask > 0, red | green)
        assert set(np.unique(mask)) <= {0, 1, 2, 4}
        assert 0 <= gi_tract.read_image(case).min() < gi_tract.read_image(case).max() <= 255
