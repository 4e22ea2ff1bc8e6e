"""Everything that may be wrong with a folder of M&Ms-2, in one table, and what Medley does about each.

As in test_bad_input: what makes the table of cases impossible stops the job with one message; a case that cannot be
used is dropped with a row in quality.csv; a view or phase that a subject lacks is left out and counted in the log.
What only looks wrong is read, and gives the voxels that it gave before.
"""

import csv
import logging
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import nibabel
import numpy as np
import pytest

from medley import datasets
from medley.cases import read_cases, read_kept
from medley.datasets import mnms2_sa
from medley.errors import InputError
from scripts import index_cases, inspect_cases
from tests.spoilt_input import HEADER_BYTES, content, flip, header, voxel, voxels

STOPS, DROPS, COUNTS, READS = "stops", "drops the case", "leaves out and counts", "reads it as before"

FOLDER = Path("my hearts é")
SUBJECT = FOLDER / "dataset/001"
TABLE = FOLDER / "dataset_information.csv"
IMAGE, MASK = SUBJECT / "001_SA_ED.nii.gz", SUBJECT / "001_SA_ED_gt.nii.gz"
SYSTOLE, SYSTOLE_MASK = SUBJECT / "001_SA_ES.nii.gz", SUBJECT / "001_SA_ES_gt.nii.gz"
CASE = "001_SA_ED"
AGAIN = "fetch or copy it again"
MEND = "mend the header, or remove the case"

Spoil = Callable[[Any], Any]


class Kind(NamedTuple):
    what: str  # is bad
    spoil: Spoil
    says: str = ""  # the message, the row in quality.csv or the log, with gaps: where, what is wrong, what to do
    outcome: str = STOPS
    view: str = "sa"
    cases: int = 6  # that are left


# Ways to spoil; those of volumes are in spoilt_input.


def placed(path: Path, change: Callable[[Any], Any]) -> Spoil:
    """Change a volume's header through its own functions."""

    def spoil(old: bytes) -> bytes:
        head = nibabel.Nifti1Header(old[:HEADER_BYTES])
        change(head)
        return head.binaryblock + old[HEADER_BYTES:]

    return content(path, spoil)


def turned(path: Path, matrix: Any, *forms: str) -> Spoil:
    """Multiply the directions in some of the header's forms by ``matrix``."""

    def change(head: Any) -> None:
        affine = head.get_sform()
        affine[:3, :3] = affine[:3, :3] @ matrix
        for form in forms:
            pixdim = head["pixdim"].copy()
            getattr(head, f"set_{form}")(affine, code="aligned")
            head["pixdim"][1:] = pixdim[1:]  # set_qform writes the sizes, too

    return placed(path, change)


def both(*spoils: Spoil) -> Spoil:
    return lambda place: [spoil(place) for spoil in spoils]


def rows(change: Callable[[list[str]], list[str]], encoding: str = "utf-8") -> Spoil:
    """Change the table's lines."""
    return lambda _: TABLE.write_text("\n".join([*change(TABLE.read_text().splitlines()), ""]), encoding=encoding)


def edit(old: str, new: str) -> Spoil:
    """Replace what stands in the table, where it stands first."""

    def change(lines: list[str]) -> list[str]:
        text = "\n".join(lines)
        assert old in text
        return text.replace(old, new, 1).splitlines()

    return rows(change)


def remove(*paths: Path) -> Spoil:
    return lambda _: [path.unlink() for path in paths]


def files(*ending: str) -> list[Path]:
    return [SUBJECT / f"001_{each}.nii.gz" for each in ending]


def stored_as(path: Path, dtype: Any) -> Spoil:
    return voxels(path, lambda old: old.astype(dtype))


SHEARED = np.array([[1, 0.05, 0], [0, 1, 0], [0, 0, 1]])
SHEARED_BY_ROUNDING = np.array([[1, 0.0002, 0], [0, 1, 0], [0, 0, 1]])
QUARTER_TURN = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
HALF = np.diag([0.5, 0.5, 0.5])


KINDS = [
    # what makes the table of cases impossible
    Kind("no dataset", lambda _: shutil.rmtree(FOLDER),
         f"{FOLDER}: no such folder … config.yaml"),
    Kind("folder without subjects", lambda _: shutil.rmtree(FOLDER / "dataset"),
         f"{FOLDER}: no subjects' images … neither there nor in dataset/ … config.yaml"),
    Kind("subject misnamed", lambda _: SUBJECT.rename(FOLDER / "dataset/1"),
         f"{FOLDER}/dataset/1: is not called three digits from 001 to 360 … rename it"),
    Kind("subject with too high a number", lambda _: SUBJECT.rename(FOLDER / "dataset/361"),
         f"{FOLDER}/dataset/361: is not called three digits from 001 to 360 … rename it"),
    Kind("mask without its image", remove(SYSTOLE),
         f"{SYSTOLE_MASK}: its image {SYSTOLE.name} is missing … add it"),
    Kind("view that nobody has", lambda _: [path.unlink() for path in FOLDER.rglob("*_LA_*")],
         f"{FOLDER}: no subject has images of view LA … is this M&Ms-2?", view="la"),
    Kind("image empty", lambda _: IMAGE.write_bytes(b""),
         f"{IMAGE}: the file is empty … {AGAIN}"),
    Kind("image truncated", lambda _: IMAGE.write_bytes(IMAGE.read_bytes()[:-20]),
         f"{IMAGE}: the file is truncated … {AGAIN}"),
    Kind("heartbeat where a phase is expected", lambda _: shutil.copy(SUBJECT / "001_SA_CINE.nii.gz", IMAGE),
         f"{IMAGE}: has 4 axes … expected rows, columns, slices: one volume a file"),
    Kind("spacing 0", header(IMAGE, "pixdim", 0, 2),
         f"{IMAGE}: spacing (pixdim) … x 0 x … every axis needs one above 0: mend the header"),
    Kind("spacing not a number", header(IMAGE, "pixdim", np.nan, 3),
         f"{IMAGE}: spacing (pixdim) … x nan mm … every axis needs one above 0: mend the header"),
    Kind("spacing of the mask 0", header(MASK, "pixdim", 0, 1),
         f"{MASK}: spacing (pixdim) 0 x … every axis needs one above 0: mend the header"),
    Kind("label beyond 3", voxel(MASK, 4),
         f"{MASK}: values 4 are no labels of M&Ms-2 … [0, 1, 2, 3] … correct the mask"),
    Kind("label below 0", voxel(MASK, -1),
         f"{MASK}: values -1 are no labels of M&Ms-2 … correct the mask"),
    Kind("label between labels", voxel(MASK, 1.5),
         f"{MASK}: values 1.5 are no labels of M&Ms-2 … correct the mask"),
    Kind("mask voxel NaN", voxel(MASK, np.nan),
         f"{MASK}: 1 of … voxels are NaN or infinite … mend the file"),
    Kind("subject that the table lacks", rows(lambda old: [old[0], *old[2:]]),
         f"{SUBJECT}: {TABLE} has no row for this subject, so its vendor is unknown … add the row"),
    Kind("table without rows", rows(lambda old: old[:1]),
         f"{SUBJECT}: {TABLE} has no row for this subject … add the row"),
    Kind("vendor unknown", edit("SIEMENS", "SEIMENS"),
         f"{TABLE}: line 2: VENDOR is 'SEIMENS' … none of siemens, philips, ge … correct the row"),
    Kind("vendor missing", edit("SIEMENS", ""),
         f"{TABLE}: line 2: VENDOR is '' … none of siemens, philips, ge … correct the row"),
    Kind("disease missing", edit("1,NOR,SIEMENS", "1,,SIEMENS"),
         f"{TABLE}: line 2: DISEASE is empty; write the subject's"),
    Kind("subject's code no number", edit("161,NOR", "161a,NOR"),
         f"{TABLE}: line 3: SUBJECT_CODE is '161a', not a number from 1 to 360 … correct the row"),
    Kind("subject's code beyond the source's", edit("161,NOR", "400,NOR"),
         f"{TABLE}: line 3: SUBJECT_CODE is '400', not a number from 1 to 360 … correct the row"),
    Kind("subject twice", rows(lambda old: [*old, old[1].replace("1,NOR", "001,HCM", 1)]),
         f"{TABLE}: lines 2 and 5 are both about subject 001 … remove the wrong row"),
    Kind("column missing", edit("VENDOR", "MAKER"),
         f"{TABLE}: the first line is 'SUBJECT_CODE,DISEASE,MAKER,SCANNER,FIELD', without VENDOR … save it"),
    Kind("another separator", rows(lambda old: [line.replace(",", ";") for line in old]),
         f"{TABLE}: the first line is 'SUBJECT_CODE;DISEASE;VENDOR;SCANNER;FIELD', without SUBJECT_CODE … commas"),
    Kind("table empty", lambda _: TABLE.write_text(""),
         f"{TABLE}: the first line is '', without SUBJECT_CODE … save it"),
    Kind("table in another encoding", rows(lambda old: [*old, "é"], "latin-1"),
         f"{TABLE}: is no text in UTF-8 … fetch it again"),
    # cases that cannot be used
    Kind("voxel NaN", voxel(IMAGE, np.nan),
         f"unreadable … {IMAGE}: 1 of … voxels are NaN or infinite … mend the file", DROPS),
    Kind("empty mask", voxels(MASK, lambda old: old * 0),
         "empty_mask … no label in any slice", DROPS),
    Kind("mask of another shape", voxels(MASK, lambda old: old[:-1]),
         f"mask_mismatch … {MASK}: shape ( … but its image has ( … put the mask of {IMAGE.name} there", DROPS),
    Kind("mask of fewer slices", voxels(MASK, lambda old: old[..., 1:]),
         f"mask_mismatch … {MASK}: shape ( … but its image has ( … put the mask of {IMAGE.name} there", DROPS),
    Kind("mask of another spacing", both(turned(MASK, HALF, "sform"), placed(MASK, lambda head: head.set_zooms(
         np.array(head.get_zooms()) / 2))),
         f"mask_mismatch … {MASK}: spacing ( … but its image has ( … put the mask of {IMAGE.name} there", DROPS),
    Kind("mask flipped by its affine", flip(MASK),
         f"mask_mismatch … {MASK}: by the affines … flipped, turned or shifted … put the mask", DROPS),
    Kind("mask turned by its affine", turned(MASK, QUARTER_TURN, "sform"),
         f"mask_mismatch … {MASK}: by the affines … flipped, turned or shifted … put the mask", DROPS),
    Kind("axes not at right angles", turned(IMAGE, SHEARED, "sform"),
         f"unreadable … {IMAGE}: its sform has direction cosines that are not orthonormal … 87.1 degrees … {MEND}",
         DROPS),
    Kind("axes not at right angles in the mask", turned(MASK, SHEARED, "sform"),
         f"unreadable … {MASK}: its sform has direction cosines that are not orthonormal … {MEND}", DROPS),
    Kind("qform and sform disagree", turned(IMAGE, QUARTER_TURN, "qform"),
         f"unreadable … {IMAGE}: its qform and sform disagree: they lie up to … mm apart … {MEND}", DROPS),
    Kind("qform shifted", placed(IMAGE, lambda head: (head.set_qform(head.get_sform(), code="aligned"),
         head.__setitem__("qoffset_x", head["qoffset_x"] + 3))),
         f"unreadable … {IMAGE}: its qform and sform disagree: they lie up to 3 mm apart … {MEND}", DROPS),
    Kind("sform and pixdim disagree", turned(IMAGE, HALF, "sform"),
         f"unreadable … {IMAGE}: its sform has voxels of … mm, but pixdim says … {MEND}", DROPS),
    Kind("sform not finite", header(IMAGE, "srow_x", np.nan, 1),
         f"unreadable … {IMAGE}: its sform states no place … not finite … {MEND}", DROPS),
    Kind("axis without length", turned(IMAGE, np.diag([1, 0, 1]), "sform"),
         f"unreadable … {IMAGE}: its sform states no place … an axis without length … {MEND}", DROPS),
    # what a subject lacks
    Kind("SA without LA", remove(*files("LA_ED", "LA_ED_gt", "LA_ES", "LA_ES_gt", "LA_CINE")),
         "1 of 3 subjects have no image of view LA and phase ED, so no case: 001 … "
         "1 of 3 subjects have no image of view LA and phase ES, so no case: 001", COUNTS, "la", 4),
    Kind("LA without SA", remove(*files("SA_ED", "SA_ED_gt", "SA_ES", "SA_ES_gt")),
         "1 of 3 subjects have no image of view SA and phase ED, so no case: 001 … "
         "1 of 3 subjects have no image of view SA and phase ES, so no case: 001", COUNTS, "sa", 4),
    Kind("ED without ES", remove(SYSTOLE, SYSTOLE_MASK),
         "1 of 3 subjects have no image of view SA and phase ES, so no case: 001", COUNTS, "sa", 5),
    Kind("image without a mask", remove(SYSTOLE_MASK),
         "1 of 6 cases have no mask, so nothing is learnt from them: 001_SA_ES", COUNTS),
    # what only looks wrong
    Kind("the other view absent", remove(*files("LA_ED", "LA_ED_gt", "LA_ES", "LA_ES_gt")), outcome=READS),
    Kind("the other view unreadable", lambda _: [path.write_bytes(b"") for path in files("LA_ED", "LA_ES_gt")],
         outcome=READS),
    Kind("no heartbeat", remove(*files("SA_CINE", "LA_CINE")), outcome=READS),
    Kind("rows of commas below the table", rows(lambda old: [*old, ",,,,", "", ",,,,"]), outcome=READS),
    Kind("rows of subjects without a folder", rows(lambda old: [*old, "360,TRI,SIEMENS,Avanto,1.5"]), outcome=READS),
    Kind("byte order mark", rows(lambda old: old, "utf-8-sig"), outcome=READS),
    Kind("codes of three digits", edit("\n1,NOR", "\n001,NOR"), outcome=READS),
    Kind("columns in another order", rows(lambda old: [",".join(reversed(line.split(","))) for line in old]),
         outcome=READS),
    Kind("vendor spelt otherwise", edit("SIEMENS", " Siemens Healthineers "), outcome=READS),
    Kind("mask of bytes", stored_as(MASK, np.uint8), outcome=READS),
    Kind("image of 16 bits", stored_as(IMAGE, np.int16), outcome=READS),
    Kind("qform and sform agree", both(*[turned(path, np.eye(3), "qform", "sform") for path in (IMAGE, MASK)]),
         outcome=READS),
    Kind("qform alone", both(*[placed(path, lambda head: (head.set_qform(head.get_sform(), code="scanner"),
         head.set_sform(None))) for path in (IMAGE, MASK)]), outcome=READS),
    Kind("neither form", both(header(IMAGE, "sform_code", 0), header(MASK, "sform_code", 0)), outcome=READS),
    Kind("direction cosines rounded", turned(IMAGE, SHEARED_BY_ROUNDING, "sform"), outcome=READS),
    Kind("what file managers leave",
         lambda _: [(SUBJECT / name).write_bytes(b"x") for name in (".DS_Store", "._001_SA_ED")], outcome=READS),
    Kind("other folders beside the subjects'", lambda _: (FOLDER / "dataset/notes").mkdir(), outcome=READS),
]  # fmt: skip


def kinds(outcome: str) -> pytest.MarkDecorator:
    """Run a test for every kind with this outcome."""
    chosen = [kind for kind in KINDS if kind.outcome == outcome]
    return pytest.mark.parametrize("kind", chosen, ids=[kind.what for kind in chosen])


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three subjects, one of each part, one of each vendor."""
    folder = tmp_path_factory.mktemp("sound")
    mnms2_sa.make_phantom(folder / FOLDER, 3, 0.15, 0)
    return folder


@pytest.fixture(autouse=True)
def place(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a copy of the sound folder, to be spoilt."""
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def judge(view: str) -> None:
    """From the raw files to quality.csv."""
    index_cases.main(f"mnms2_{view}", str(FOLDER), "cases.csv")
    inspect_cases.main("cases.csv", f"mnms2_{view}", "quality.csv", "quality.png")


def contents() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def assert_says(kind: Kind, text: str) -> None:
    assert re.search(".*".join(re.escape(words) for words in kind.says.split(" … ")), text, re.DOTALL), text


def findings() -> list[dict[str, str]]:
    with Path("quality.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def every() -> list[Any]:
    """Return what the reader makes of every case, in the table's order."""
    source = datasets.reader("mnms2_sa")
    return [
        (case.case, case.part, case.vendor, case.pathology, case.labels, case.spacing,
         source.read_image(case).tolist(), source.read_mask(case).tolist())
        for case in source.index(FOLDER)
    ]  # fmt: skip


@kinds(STOPS)
def test_one_message_and_nothing_written(kind: Kind) -> None:
    kind.spoil(None)
    before = contents()
    with pytest.raises(InputError) as caught:
        judge(kind.view)
    assert_says(kind, str(caught.value))
    assert "\n" not in str(caught.value)
    assert contents() == before


@kinds(DROPS)
def test_case_is_dropped_and_the_table_says_why(kind: Kind) -> None:
    kind.spoil(None)
    judge(kind.view)
    cases, kept = read_cases("cases.csv"), read_kept("cases.csv", "quality.csv")
    assert len(cases) == 6 and set(cases) - set(kept) == {CASE}
    assert_says(kind, "\n".join(", ".join(row.values()) for row in findings() if row["case"] == CASE))


@kinds(COUNTS)
def test_what_is_left_out_is_counted(kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    kind.spoil(None)
    judge(kind.view)
    assert len(read_cases("cases.csv")) == kind.cases == len(read_kept("cases.csv", "quality.csv"))
    assert_says(kind, "\n".join(record.getMessage() for record in caplog.records if record.levelno == logging.WARNING))


@kinds(READS)
def test_what_only_looks_wrong_is_read_as_before(kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    before = every()
    kind.spoil(None)
    assert every() == before
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("view", ["sa", "la"])
def test_sound_input_passes(view: str, caplog: pytest.LogCaptureFixture) -> None:
    judge(view)
    assert len(read_cases("cases.csv")) == 6 == len(read_kept("cases.csv", "quality.csv"))
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.real
@pytest.mark.parametrize("view", ["sa", "la"])
def test_real_subject_passes(real: Path, view: str) -> None:
    index_cases.main(f"mnms2_{view}", str(real / "MnM2"), "cases.csv")
    inspect_cases.main("cases.csv", f"mnms2_{view}", "quality.csv", "quality.png")
    assert len(read_kept("cases.csv", "quality.csv")) == 2
