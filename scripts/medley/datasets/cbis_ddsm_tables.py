"""The tables of CBIS-DDSM's masses: one row an abnormality, with the paths of its three pictures.

What is a table's and what is read of it stands in COLUMNS; where the pictures lie, ``cbis_ddsm`` knows.
"""

import csv
import dataclasses
import functools
import re
from collections.abc import Iterator
from pathlib import Path

from medley.errors import InputError

TABLES = {  # file → how its cases are called, their part
    "mass_case_description_train_set.csv": ("Mass-Training", "training"),
    "mass_case_description_test_set.csv": ("Mass-Test", "testing"),
}
PATIENT, SIDE, VIEW, NUMBER = "patient_id", "left or right breast", "image view", "abnormality id"
KIND, PATHOLOGY = "abnormality type", "pathology"
IMAGE, CROP, MASK = "image file path", "cropped image file path", "ROI mask file path"
GRAVEST_FIRST = ("MALIGNANT", "BENIGN", "BENIGN_WITHOUT_CALLBACK")
A_PATH = (r"[^/]+/[^/]+/[^/]+/[^/]+", "case/study/series/file")
COLUMNS = {  # column → what its values are, as an expression and in words
    PATIENT: (r"P_\d{5}", "P_ and five digits"),
    SIDE: ("LEFT|RIGHT", "LEFT or RIGHT"),
    VIEW: ("CC|MLO", "CC or MLO"),
    NUMBER: (r"\d+", "a number"),
    KIND: ("mass", "mass (calcifications have tables of their own)"),
    PATHOLOGY: ("|".join(GRAVEST_FIRST), ", ".join(GRAVEST_FIRST)),
    IMAGE: A_PATH,
    CROP: A_PATH,
    MASK: A_PATH,
}
CSV = "csv"
AGAIN = "fetch or copy it again"


@dataclasses.dataclass(frozen=True)
class Abnormality:
    """A row of a table. The paths are as it names them, whatever lies there."""

    name: str  # Mass-Test_P_00066_LEFT_CC_1
    mammogram: str  # Mass-Test_P_00066_LEFT_CC
    patient: str
    view: str  # LEFT-CC
    pathology: str
    part: str
    image: str
    crop: str
    mask: str
    table: Path
    line: int  # where the row begins


def abnormalities(folder: Path) -> list[Abnormality]:
    """Return the rows of the tables in ``folder``, sorted by name.

    Raises InputError for a folder without the tables and for what ``read_table`` refuses.
    """
    rows = [row for table in tables(folder) for row in read_table(table)]
    return sorted(rows, key=lambda row: row.name)


def tables(folder: Path) -> list[Path]:
    """Return the tables in ``folder``, or in ``csv/`` there. Raises InputError where there is none."""
    for place in (folder / CSV, folder):
        if found := [place / name for name in TABLES if (place / name).is_file()]:
            return found
    problem = f"neither {' nor '.join(TABLES)}, there or in {CSV}/" if folder.is_dir() else "no such folder"
    raise InputError(f"{folder}: {problem}; put CBIS-DDSM there or correct the dataset's source in config.yaml")


def read_table(table: Path) -> tuple[Abnormality, ...]:
    """Return the rows of ``table``, which is read once for as long as the file stays the same.

    Raises InputError for a missing column, a value that the column cannot have (another type of abnormality, for
    one), an abnormality that stands twice, and a view of two mammograms.
    """
    try:
        state = table.stat()
    except OSError as error:
        raise InputError(f"{table}: cannot be read ({error.strerror}); {AGAIN}") from None
    return _read_table(table, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=4)
def _read_table(table: Path, _changed: int, _size: int) -> tuple[Abnormality, ...]:
    found: dict[str, Abnormality] = {}
    images: dict[str, Abnormality] = {}
    for line, record in _records(table):
        row = _abnormality(table, line, record)
        if row.name in found:
            what = f"{table}: lines {found[row.name].line} and {line} are both about {row.name}"
            raise InputError(f"{what}; remove the wrong row")
        found[row.name] = row
        if images.setdefault(row.mammogram, row).image != row.image:
            what = f"{table}: lines {images[row.mammogram].line} and {line} name two mammograms of one view"
            raise InputError(f"{what}, {row.mammogram}; correct one of them")
    if not found:
        raise InputError(f"{table}: has no rows; {AGAIN}")
    return tuple(found.values())


def _abnormality(table: Path, line: int, record: dict[str, str]) -> Abnormality:
    """Return a row, having checked every value that is used."""
    for column, (expression, words) in COLUMNS.items():
        if not re.fullmatch(expression, record[column]):
            what = f"{table}: line {line}: {column} is {record[column]!r}, not {words}"
            raise InputError(f"{what}; correct the row, or fetch the table again")
    prefix, part = TABLES[table.name]
    view = f"{prefix}_{record[PATIENT]}_{record[SIDE]}_{record[VIEW]}"
    return Abnormality(
        name=f"{view}_{record[NUMBER]}",
        mammogram=view,
        patient=record[PATIENT],
        view=f"{record[SIDE]}-{record[VIEW]}",
        pathology=record[PATHOLOGY],
        part=part,
        image=record[IMAGE],
        crop=record[CROP],
        mask=record[MASK],
        table=table,
        line=line,
    )


def _records(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line at which each row begins, and its values by column; paths may end with an end of line."""
    try:
        text = table.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{table}: is no text in UTF-8; {AGAIN}") from None
    rows = csv.reader(text.splitlines(keepends=True))
    header = [name.strip() for name in next(rows, [])]
    if missing := [column for column in COLUMNS if column not in header]:
        raise InputError(f"{table}: has no column {missing[0]!r}; {AGAIN}")
    line = rows.line_num + 1
    for row in rows:
        if len(row) != len(header) and row:
            what = f"{table}: line {line} has {len(row)} fields, but the first one has {len(header)}"
            raise InputError(f"{what}; {AGAIN}")
        if row:
            yield line, {column: value.strip() for column, value in zip(header, row, strict=True)}
        line = rows.line_num + 1
