"""Everything that may be wrong with pictures and their masks, in one table, and what Medley does about each.

As in test_bad_input: what makes the table of cases impossible stops the job with one message; a picture that cannot be
used is dropped with a row in quality.csv, one that is only odd is kept and noted there. What only looks wrong is
read, and gives the pixels that it gave before.
"""

import csv
import io
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image

from medley import datasets
from medley.cases import read_cases, read_kept
from medley.errors import InputError
from scripts import index_cases, inspect_cases

STOPS, DROPS, KEEPS, READS = "stops", "drops the case", "keeps the case", "reads it as before"

CHESTS, SKIN = Path("Aufnahmen é лёгкие"), Path("my skin")
READERS = {CHESTS: "chest_xray", SKIN: "isic2018"}
CHEST, LESION = "CHNCXR_0002_1", "ISIC_0000001"
CASES = {CHESTS: CHEST, SKIN: LESION}
XRAY, LUNGS = CHESTS / f"CXR_png/{CHEST}.png", CHESTS / f"masks/{CHEST}_mask.png"
INPUT, TRUTH = SKIN / "ISIC2018_Task1-2_Training_Input", SKIN / "ISIC2018_Task1_Training_GroundTruth"
IMAGE, OUTLINE = INPUT / f"{LESION}.jpg", TRUTH / f"{LESION}_segmentation.png"
HALVES = CHESTS / "MontgomerySet/ManualMask"
TABLE = SKIN / "lesions.csv"
AGAIN = "fetch or copy it again"

Spoil = Callable[[], Any]


class Kind(NamedTuple):
    what: str  # is bad
    folder: Path  # the dataset's
    spoil: Spoil
    says: str = ""  # the message, or the row in quality.csv, with gaps: where, what is wrong, what to do
    outcome: str = STOPS


# Spoiling pictures.


def content(path: Path, change: Callable[[bytes], bytes]) -> Spoil:
    """Change a file's bytes."""
    return lambda: path.write_bytes(change(path.read_bytes()))


def pixels(path: Path, change: Callable[[Any], Any], kind: str = "", **options: Any) -> Spoil:
    """Change a picture's pixels, and the ``kind`` of file that holds them whatever its name."""

    def spoil() -> None:
        with Image.open(path) as picture:
            made = change(np.asarray(picture))
            kind_ = kind or picture.format
        made = made if isinstance(made, Image.Image) else Image.fromarray(made)
        stream = io.BytesIO()
        made.save(stream, kind_, **options)
        path.write_bytes(stream.getvalue())

    return spoil


def turned(path: Path, orientation: int) -> Spoil:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return pixels(path, lambda old: old, exif=exif)


def same(old: Any) -> Any:
    return old


def inverted(mask: Any) -> Image.Image:
    """Return a mask as HAM10000 has them: index 0 is white."""
    picture = Image.fromarray(255 - mask, "P")
    picture.putpalette([255 - index // 3 for index in range(3 * 256)])
    return picture


def translucent(old: Any, alpha: int) -> Any:
    opaque = np.full(old.shape[:2], 255, dtype=np.uint8)
    opaque[0, 0] = alpha
    return np.dstack([old, opaque])


def sixteen_bit_colours() -> None:
    _, png = cv2.imencode(".png", np.full((20, 30, 3), 30000, dtype=np.uint16))
    IMAGE.write_bytes(png.tobytes())


def copy(path: Path, target: Path) -> Spoil:
    def spoil() -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)

    return spoil


def move(path: Path, target: Path) -> Spoil:
    def spoil() -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)

    return spoil


def both(*spoils: Spoil) -> Spoil:
    return lambda: [spoil() for spoil in spoils]


def halves() -> None:
    """Give a chest a mask in two halves, of which the right one is empty."""
    for side in ("leftMask", "rightMask"):
        copy(LUNGS, HALVES / side / f"{CHEST}.png")()
    LUNGS.unlink()
    content(HALVES / f"rightMask/{CHEST}.png", lambda _: b"")()


def lesions(text: str, encoding: str = "utf-8") -> Spoil:
    return lambda: TABLE.write_text(text, encoding=encoding)


KINDS = [
    # what makes the table of cases impossible
    Kind("no dataset", CHESTS, lambda: shutil.rmtree(CHESTS),
         f"{CHESTS} … no such folder … config.yaml"),
    Kind("no dataset", SKIN, lambda: shutil.rmtree(SKIN),
         f"{SKIN} … no such folder … config.yaml"),
    Kind("folder without pictures", CHESTS, lambda: shutil.rmtree(CHESTS / "CXR_png"),
         f"{CHESTS} … no pictures in CXR_png/ … config.yaml"),
    Kind("folder without pictures", SKIN, lambda: [shutil.rmtree(path) for path in SKIN.iterdir()],
         f"{SKIN} … no images in ISIC2018_Task1-2_Training_Input … config.yaml"),
    Kind("mask without its picture", CHESTS, XRAY.unlink,
         f"{LUNGS} … there is no picture {CHEST} … (masks like it: 1) … move the masks elsewhere"),
    Kind("mask without its picture", SKIN, IMAGE.unlink,
         f"{OUTLINE} … there is no image {LESION} … (masks like it: 1) … move the masks elsewhere"),
    Kind("two pictures of one id", CHESTS, copy(XRAY, XRAY.with_suffix(".jpg")),
         f"{CHEST}.png … {CHEST}.jpg beside it … remove one of the two"),
    Kind("two pictures of one id", SKIN, copy(IMAGE, IMAGE.with_suffix(".png")),
         f"{LESION}.png … {LESION}.jpg beside it … remove one of the two"),
    Kind("two masks of one id", SKIN, copy(OUTLINE, OUTLINE.with_suffix(".bmp")),
         f"{LESION}_segmentation.png … {LESION}_segmentation.bmp beside it … remove one of the two"),
    Kind("two masks with and without _mask", CHESTS, copy(LUNGS, LUNGS.with_name(f"{CHEST}.png")),
         f"{CHEST}_mask.png … {CHEST}.png is of the same picture … remove one of the two"),
    Kind("one picture in two folders", CHESTS, copy(XRAY, CHESTS / "ChinaSet_AllFiles/CXR_png" / XRAY.name),
         f"ChinaSet_AllFiles/CXR_png/{CHEST}.png: {XRAY} is of the same picture … remove one of the two"),
    Kind("one image in two parts", SKIN, copy(IMAGE, SKIN / "ISIC2018_Task1-2_Test_Input" / IMAGE.name),
         f"Test_Input/{LESION}.jpg … is also {IMAGE} … remove one of the two"),
    Kind("picture misnamed", CHESTS, move(XRAY, XRAY.with_name("CHNCXR_2_1.png")),
         "CHNCXR_2_1.png … is not called as CHNCXR_0001_0.png is … rename it"),
    Kind("image misnamed", SKIN, move(IMAGE, IMAGE.with_name("ISIC_1.jpg")),
         "ISIC_1.jpg … is not called as ISIC_0000000.jpg is … rename it"),
    Kind("mask misnamed", SKIN, move(OUTLINE, OUTLINE.with_name(f"{LESION}.png")),
         f"{LESION}.png … is not called as ISIC_0000000_segmentation.png is … rename it"),
    Kind("half of a mask", CHESTS, move(LUNGS, HALVES / f"leftMask/{CHEST}.png"),
         f"leftMask/{CHEST}.png … has no other half in rightMask/ … add or remove one"),
    Kind("half of a mask", CHESTS, move(LUNGS, HALVES / f"rightMask/{CHEST}.png"),
         f"rightMask/{CHEST}.png … has no other half in leftMask/ … add or remove one"),
    Kind("mask in halves and whole", CHESTS,
         both(*[copy(LUNGS, HALVES / side / f"{CHEST}.png") for side in ("leftMask", "rightMask")]),
         f"leftMask/{CHEST}.png … {LUNGS} is of the same picture … remove one of the two"),
    Kind("table without its columns", SKIN, lesions("isic_id,lesion_id\nISIC_0000000,IL_1\n"),
         f"{TABLE} … the first line is 'isic_id,lesion_id' … name the columns image and lesion"),
    Kind("table empty", SKIN, lesions(""),
         f"{TABLE} … the first line is '' … name the columns image and lesion"),
    Kind("table with two lesions for an image", SKIN, lesions(f"image,lesion\n{LESION},IL_1\n{LESION},IL_2\n"),
         f"{TABLE} … line 3 … {LESION} also shows IL_1 … remove the wrong row"),
    Kind("table with a gap", SKIN, lesions("image,lesion\nISIC_0000000\n"),
         f"{TABLE} … line 2 lacks an image or a lesion … remove the row"),
    Kind("table in another encoding", SKIN, lesions("image,lesion,é\n", "latin-1"),
         f"{TABLE} … no text in UTF-8 … save it as such"),
    # pictures that cannot be used
    Kind("image empty", CHESTS, content(XRAY, lambda _: b""),
         f"unreadable … {XRAY}: is empty … {AGAIN}", DROPS),
    Kind("image empty", SKIN, content(IMAGE, lambda _: b""),
         f"unreadable … {IMAGE}: is empty … {AGAIN}", DROPS),
    Kind("mask empty", CHESTS, content(LUNGS, lambda _: b""),
         f"unreadable … {LUNGS}: is empty … {AGAIN}", DROPS),
    Kind("half of a mask empty", CHESTS, halves,
         f"unreadable … rightMask/{CHEST}.png: is empty … {AGAIN}", DROPS),
    Kind("JPEG truncated", SKIN, content(IMAGE, lambda old: old[: len(old) * 2 // 3]),
         f"unreadable … {IMAGE}: is damaged or cut short … {AGAIN}", DROPS),
    Kind("PNG truncated", CHESTS, content(XRAY, lambda old: old[: len(old) * 2 // 3]),
         f"unreadable … {XRAY}: is damaged or cut short … {AGAIN}", DROPS),
    Kind("PNG damaged", CHESTS, content(XRAY, lambda old: old[:500] + b"\0" + old[501:]),
         f"unreadable … {XRAY}: is damaged or cut short … {AGAIN}", DROPS),
    Kind("mask truncated", SKIN, content(OUTLINE, lambda old: old[:70]),
         f"unreadable … {OUTLINE}: is damaged or cut short … {AGAIN}", DROPS),
    Kind("no picture", SKIN, content(IMAGE, lambda _: b"<html>404</html>"),
         f"unreadable … {IMAGE}: is no picture … {AGAIN}", DROPS),
    Kind("header cut short", CHESTS, content(XRAY, lambda old: old[:20]),
         f"unreadable … {XRAY}: is … {AGAIN}", DROPS),
    Kind("CMYK", SKIN, pixels(IMAGE, lambda old: Image.fromarray(old).convert("CMYK")),
         f"unreadable … {IMAGE}: holds inks (CMYK) … save it as RGB", DROPS),
    Kind("RGBA, one pixel translucent", SKIN, pixels(IMAGE, lambda old: translucent(old, 200), "PNG"),
         f"unreadable … {IMAGE}: is transparent in part … save it as RGB", DROPS),
    Kind("mask translucent", CHESTS, pixels(LUNGS, lambda old: translucent(old, 0)),
         f"unreadable … {LUNGS}: is transparent in part … save it as RGB or grey", DROPS),
    Kind("16-bit colours", SKIN, sixteen_bit_colours,
         f"unreadable … {IMAGE}: has 16 bits a colour channel … save it as RGB", DROPS),
    Kind("fractions", CHESTS, pixels(XRAY, lambda old: old / np.float32(255), "TIFF"),
         f"unreadable … {XRAY}: holds pixels of kind F … save it as RGB or grey", DROPS),
    Kind("EXIF rotation", SKIN, turned(IMAGE, 6),
         f"unreadable … {IMAGE}: its EXIF says … turned … (orientation 6) … save it upright", DROPS),
    Kind("EXIF rotation of the mask", CHESTS, turned(LUNGS, 3),
         f"unreadable … {LUNGS}: its EXIF says … turned … (orientation 3) … save it upright", DROPS),
    Kind("mask of 0 and 1", CHESTS, pixels(LUNGS, lambda old: old // 255),
         f"unreadable … {LUNGS}: its brightest value is 1 … save the mask as 0 and 255", DROPS),
    Kind("mask in colours", SKIN, pixels(OUTLINE, lambda old: np.dstack([old, old * 0, old * 0])),
         f"unreadable … {OUTLINE}: is a mask in colours … save it as 0 (black) and 255 (white)", DROPS),
    Kind("mask of another size", CHESTS, pixels(LUNGS, lambda old: old[:-1]),
         f"mask_mismatch … {LUNGS}: has … rows and columns, but its image has … the image's own mask", DROPS),
    Kind("mask of another size", SKIN, pixels(OUTLINE, lambda old: old.T),
         f"mask_mismatch … {OUTLINE}: has … rows and columns, but its image has … the image's own mask", DROPS),
    Kind("mask without a lesion", SKIN, pixels(OUTLINE, lambda old: old * 0),
         "empty_mask … drop", DROPS),
    Kind("blank image", SKIN, pixels(IMAGE, lambda old: old * 0 + 90),
         "constant_image … drop", DROPS),
    # pictures that are only odd
    Kind("mask with the grey edges of a JPEG", CHESTS, pixels(LUNGS, same, "JPEG", quality=30),
         "grey_mask … keep", KEEPS),
    # pictures that only look wrong
    Kind("inverted palette", CHESTS, pixels(LUNGS, inverted), outcome=READS),
    Kind("inverted palette", SKIN, pixels(OUTLINE, inverted), outcome=READS),
    Kind("mask of one bit", SKIN, pixels(OUTLINE, lambda old: old > 0), outcome=READS),
    Kind("mask of 16 bits", SKIN, pixels(OUTLINE, lambda old: old.astype(np.uint16) * 257), outcome=READS),
    Kind("mask in three channels", SKIN, pixels(OUTLINE, lambda old: np.dstack([old] * 3)), outcome=READS),
    Kind("opaque RGBA", SKIN, pixels(IMAGE, lambda old: translucent(old, 255), "PNG"), outcome=READS),
    Kind("16-bit grey", CHESTS, pixels(XRAY, lambda old: old.astype(np.uint16) * 257), outcome=READS),
    Kind("grey in three channels", CHESTS, pixels(XRAY, lambda old: np.dstack([old] * 3)), outcome=READS),
    Kind("EXIF upright", CHESTS, turned(XRAY, 1), outcome=READS),
    Kind("ending in capitals", CHESTS, move(XRAY, XRAY.with_suffix(".PNG")), outcome=READS),
    Kind("what file managers leave", CHESTS,
         both(*[lambda name=name, beside=beside: (beside.parent / name).write_bytes(b"x")
                for name in (".DS_Store", "Thumbs.db", f"._{CHEST}.png") for beside in (XRAY, LUNGS)]), outcome=READS),
    Kind("what file managers leave", SKIN,
         both(*[lambda name=name, beside=beside: (beside.parent / name).write_bytes(b"x")
                for name in (".DS_Store", "Thumbs.db", f"._{LESION}.jpg") for beside in (IMAGE, OUTLINE)]),
         outcome=READS),
]  # fmt: skip


def kinds(*outcomes: str) -> pytest.MarkDecorator:
    """Run a test for every kind with one of these outcomes."""
    chosen = [kind for kind in KINDS if kind.outcome in outcomes]
    return pytest.mark.parametrize("kind", chosen, ids=[f"{READERS[kind.folder]}: {kind.what}" for kind in chosen])


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    for name, reader in READERS.items():
        datasets.reader(reader).make_phantom(folder / name, 4, 0.15, 0)
    return folder


@pytest.fixture(autouse=True)
def place(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a copy of the sound folder, to be spoilt."""
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def judge(folder: Path) -> None:
    """From the raw files to quality.csv."""
    reader = READERS[folder]
    index_cases.main(reader, str(folder), "cases.csv")
    inspect_cases.main("cases.csv", reader, "quality.csv", "quality.png")


def contents() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def assert_says(kind: Kind, text: str) -> None:
    assert re.search(".*".join(re.escape(words) for words in kind.says.split(" … ")), text, re.DOTALL), text


def findings(case: str) -> str:
    with Path("quality.csv").open(newline="", encoding="utf-8") as stream:
        return "\n".join(", ".join(row.values()) for row in csv.DictReader(stream) if row["case"] == case)


def every(folder: Path) -> list[Any]:
    """Return image, mask, labels and part of every case, in the table's order."""
    source = datasets.reader(READERS[folder])
    return [
        (case.case, case.part, case.labels, source.read_image(case).tolist(), source.read_mask(case).tolist())
        for case in source.index(folder)
    ]


@kinds(STOPS)
def test_one_message_and_nothing_written(kind: Kind) -> None:
    kind.spoil()
    before = contents()
    with pytest.raises(InputError) as caught:
        judge(kind.folder)
    assert_says(kind, str(caught.value))
    assert "\n" not in str(caught.value)
    assert contents() == before


@kinds(DROPS, KEEPS)
def test_no_case_is_lost_silently(kind: Kind) -> None:
    kind.spoil()
    judge(kind.folder)
    cases, kept = read_cases("cases.csv"), read_kept("cases.csv", "quality.csv")
    assert len(cases) == 8
    assert_says(kind, findings(CASES[kind.folder]))
    assert set(cases) - set(kept) == ({CASES[kind.folder]} if kind.outcome == DROPS else set())


@kinds(READS)
def test_what_only_looks_wrong_is_read_as_before(kind: Kind) -> None:
    before = every(kind.folder)
    kind.spoil()
    after = every(kind.folder)
    assert after == before
    judge(kind.folder)
    assert not findings(CASES[kind.folder])


@pytest.mark.parametrize("folder", READERS, ids=READERS.values())
def test_sound_input_passes(folder: Path) -> None:
    judge(folder)
    assert (
        set(read_kept("cases.csv", "quality.csv")) == set(read_cases("cases.csv")) and len(read_cases("cases.csv")) == 8
    )


@pytest.mark.real
def test_real_masks_with_an_inverted_palette(real: Path) -> None:
    """HAM10000, laid out as ISIC 2018 is: no mask is found to be nearly full, or to lie along the border."""
    folder = Path("HAM10000")
    names = sorted(path.stem for path in (real / "HAM10000/HAM10000_images_part_1").iterdir())
    for source, target in (("HAM10000_images_part_1", INPUT), ("HAM10000_segmentations_lesion_tschandl", TRUTH)):
        shutil.copytree(real / "HAM10000" / source, folder / target.name)
    index_cases.main("isic2018", str(folder), "cases.csv")
    inspect_cases.main("cases.csv", "isic2018", "quality.csv", "quality.png")
    assert list(read_kept("cases.csv", "quality.csv")) == names and len(names) == 24
    with Path("quality.csv").open(newline="", encoding="utf-8") as stream:
        rules = [row["rule"] for row in csv.DictReader(stream)]
    assert set(rules) <= {"mask_at_border"} and len(rules) < 12
