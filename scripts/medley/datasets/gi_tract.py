"""UW-Madison GI Tract: MRI of the abdomen during radiotherapy, with masks of stomach and bowels (Kaggle, 2022).

Layout of the folder, or of the one in it that the competition's archive unpacks to::

    train.csv                               id,class,segmentation: three rows a slice
    train/case123/case123_day20/scans/slice_0001_266_266_1.50_1.50.png

The ids of train.csv are ``case123_day20_slice_0001``; an empty segmentation says that the organ is not in
the slice, others are runs (see ``medley.rle``). Organs may overlap. Images are 16-bit grey; the numbers in
their names are columns, rows, and a pixel's width and height in mm.

A case is one slice; all slices of a patient's scan have its day as phase. A mask's value is the sum of
1 (large bowel), 2 (small bowel) and 4 (stomach). ``pathology`` is the combination of organs present.

Nothing in the files says how far apart slices lie: 3 mm is our reading, after the treatment machine's usual
protocol of 1.5 x 1.5 x 3 mm (S. Klüter, "Technical design and concept of a 0.35 T MR-Linac", Clinical and
Translational Radiation Oncology 18, 98-101, 2019. https://doi.org/10.1016/j.ctro.2019.04.007).

Licence: the competition's rules, non-commercial use only.
https://www.kaggle.com/competitions/uw-madison-gi-tract-image-segmentation
"""

import contextlib
import csv
import functools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from medley import datasets, rle
from medley.cases import Case
from medley.errors import InputError

LABELS: dict[str, tuple[int, ...]] = {
    "large_bowel": (1, 3, 5, 7),
    "small_bowel": (2, 3, 6, 7),
    "stomach": (4, 5, 6, 7),
}
BITS = {organ: min(values) for organ, values in LABELS.items()}
ARCHIVE = "uw-madison-gi-tract-image-segmentation"
TABLE, HEADER = "train.csv", ["id", "class", "segmentation"]
SLICE_SPACING = 3.0  # mm
NO_ORGAN = "none"

SCAN = re.compile(
    r"(?P<case>case\d+)/(?P=case)_(?P<day>day\d+)/scans/"
    r"slice_(?P<number>\d{4})_(?P<columns>\d+)_(?P<rows>\d+)_(?P<width>\d+\.\d+)_(?P<height>\d+\.\d+)\.png"
)
EXAMPLE = "case123/case123_day20/scans/slice_0001_266_266_1.50_1.50.png"
AGAIN = "fetch or copy it again"

# A PNG's first bytes: signature, then length and name of the chunk that describes the image.
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
DESCRIPTION = 10  # bytes that follow: columns and rows (4 each), bits a channel, kind of colour
GREY = 0

Segmentations = dict[str, dict[str, str]]  # id → organ → runs
Scans = dict[str, tuple[Path, re.Match[str]]]  # id → the image and what its name says


def index(folder: Path) -> list[Case]:
    """Return the case of every slice in ``folder``, having read ``train.csv`` and the header of every image.

    Raises InputError for a table that is not the competition's, for runs that are no mask of their
    slice, for an id without an image and an image without an id, and for images of another kind or
    size than their names say. Damaged pixels are left to the inspection.
    """
    root = _root(Path(folder))
    table = root / TABLE
    segmentations, scans = _segmentations(table), _scans(root / "train")
    if lacking := sorted(segmentations.keys() - scans.keys()):
        what = f"{table}: {lacking[0]} has no image below {root / 'train'} (ids like it: {len(lacking)})"
        raise InputError(f"{what}; add the images, or remove the rows")
    if lacking := sorted(scans.keys() - segmentations.keys()):
        what = f"{scans[lacking[0]][0]}: {table} has no row with its id, {lacking[0]} (images like it: {len(lacking)})"
        raise InputError(f"{what}; add the rows, or move the images elsewhere")
    return [_case(name, *scan, table, segmentations[name]) for name, scan in scans.items()]


def read_image(case: Case) -> npt.NDArray[np.float32]:
    """Return the image as float32 of shape (1, 1, rows, columns)."""
    try:
        content = Path(case.image).read_bytes()
    except OSError as error:
        raise InputError(f"{case.image}: cannot be read ({error.strerror}); {AGAIN}") from None
    # Unlike others, OpenCV holds pixels to their checksum.
    pixels = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_UNCHANGED) if content else None
    if pixels is None:
        raise InputError(f"{case.image}: is no whole PNG, or damaged; {AGAIN}")
    if pixels.dtype != np.uint16 or pixels.ndim != 2:
        raise InputError(f"{case.image}: is not 16-bit grey; put the competition's own file there")
    return pixels.astype(np.float32)[None, None]


def read_mask(case: Case) -> npt.NDArray[np.uint8]:
    """Return the mask as uint8 of shape (1, rows, columns), values as in LABELS."""
    segmentations = _segmentations(Path(case.mask)).get(case.case)
    if segmentations is None:
        raise InputError(f"{case.mask}: has no row with id {case.case}; list the cases again")
    mask = np.zeros(case.shape[:2], dtype=np.uint8)
    for organ, runs in segmentations.items():
        if runs:
            with _saying_where(Path(case.mask), case.case, organ):
                mask |= rle.decode(runs, case.shape[:2], BITS[organ])
    return mask[None]


def make_phantom(folder: Path, patients: int, scale: float, seed: int) -> None:
    """Write made-up patients in this layout; see ``gi_tract_phantom``."""
    datasets.reader("gi_tract_phantom").make_phantom(folder, patients, scale, seed)


def download(folder: Path) -> None:
    """Fetch the competition's archive and unpack it; see ``gi_tract_download``."""
    datasets.reader("gi_tract_download").download(folder)


def combination(organs: Iterable[str]) -> str:
    """Return the name of a combination of organs, such as ``large_bowel-stomach``; ``none`` for no organ."""
    return "-".join(sorted(organs)) or NO_ORGAN


def _root(folder: Path) -> Path:
    """Return the folder that holds the table."""
    for root in (folder, folder / ARCHIVE):
        if (root / TABLE).is_file():
            return root
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; put GI Tract there or correct the dataset's source in config.yaml")
    raise InputError(f"{folder}: no {TABLE}, neither there nor in {ARCHIVE}/; is this the GI Tract competition?")


def _segmentations(table: Path) -> Segmentations:
    """Return what the rows of ``table`` say, which is read once for as long as the file stays the same."""
    try:
        state = table.stat()
    except OSError as error:
        raise InputError(f"{table}: cannot be read ({error.strerror}); {AGAIN}") from None
    return _read_table(table, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=2)
def _read_table(table: Path, _changed: int, _size: int) -> Segmentations:
    """Group the rows by id, in one pass. Raises InputError for rows that are not three of an id, one an organ."""
    try:
        text = table.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{table}: is no text in UTF-8; {AGAIN}") from None
    lines = iter(text.splitlines())
    # Where nothing is quoted, the csv module would only take longer.
    rows = csv.reader(lines) if '"' in text else (line.split(",") for line in lines)
    header = next(rows, [])
    if header != HEADER:
        what = f"{table}: the first line is {','.join(header)[:60]!r}, not {','.join(HEADER)!r} (with commas)"
        raise InputError(f"{what}; {AGAIN}, or save it with these columns")
    grouped: Segmentations = {}
    for number, row in enumerate(rows, start=2):
        if len(row) != 3:
            raise InputError(f"{table}: line {number} has {len(row)} fields, not 3; {AGAIN}")
        name, organ, runs = row
        if organ not in BITS:
            raise InputError(f"{table}: line {number}: no class {organ!r}; the classes are {', '.join(BITS)}")
        organs = grouped.setdefault(name, {})
        if organ in organs:
            raise InputError(f"{table}: line {number}: {name}, {organ} stands twice; remove the wrong row")
        organs[organ] = runs
    for name, organs in grouped.items():
        if len(organs) < len(BITS):
            what = f"{table}: {name} has no row for {next(organ for organ in BITS if organ not in organs)}"
            raise InputError(f"{what}; add it (with no segmentation where the organ is absent), or {AGAIN}")
    return grouped


def _scans(folder: Path) -> Scans:
    """Return the images below ``folder`` by the id that their names stand for, sorted by path."""
    found: Scans = {}
    for path in sorted(folder.glob("*/*/scans/*")):
        place = path.relative_to(folder).as_posix()
        if any(part.startswith(".") for part in place.split("/")):
            continue  # what file managers leave
        says = SCAN.fullmatch(place)
        if says is None:
            raise InputError(f"{path}: is not called as {EXAMPLE} is; rename it or move it elsewhere")
        name = f"{says['case']}_{says['day']}_slice_{says['number']}"
        if name in found:
            raise InputError(f"{path}: {found[name][0].name} is the same slice, {name}; remove one of the two")
        found[name] = (path, says)
    return found


def _case(name: str, path: Path, says: re.Match[str], table: Path, segmentations: dict[str, str]) -> Case:
    """Return the case of a slice, having read its image's header and checked its runs."""
    rows, columns = int(says["rows"]), int(says["columns"])
    spacing = (float(says["height"]), float(says["width"]), SLICE_SPACING)
    if min(spacing) == 0:
        raise InputError(f"{path}: says that pixels have no size; correct the name")
    _check_header(path, rows, columns)
    for organ, runs in segmentations.items():
        if runs:
            with _saying_where(table, name, organ):
                rle.check(runs, (rows, columns))
    labels = tuple(organ for organ in LABELS if segmentations[organ])
    return Case(
        case=name,
        patient=says["case"],
        image=str(path),
        mask=str(table),
        shape=(rows, columns, 1),
        spacing=spacing,
        part="training",
        phase=says["day"],
        pathology=combination(labels),
        labels=labels,
    )


def _check_header(path: Path, rows: int, columns: int) -> None:
    """Raise InputError unless ``path`` begins as a PNG of 16-bit grey and this size does."""
    try:
        with path.open("rb", buffering=0) as stream:
            head = stream.read(len(PNG) + DESCRIPTION)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {AGAIN}") from None
    if not head.startswith(PNG) or len(head) < len(PNG) + DESCRIPTION:
        raise InputError(f"{path}: is no PNG; {AGAIN}")
    description = head[len(PNG) :]
    width, height = int.from_bytes(description[:4], "big"), int.from_bytes(description[4:8], "big")
    if (width, height) != (columns, rows):
        what = f"{path}: has {width} x {height} pixels, but its name says {columns} x {rows}"
        raise InputError(f"{what}; put the competition's own file there")
    bits, colour = description[8:]
    if (bits, colour) != (16, GREY):
        kind = "grey" if colour == GREY else "colour"
        raise InputError(f"{path}: is {bits}-bit {kind}, not 16-bit grey; put the competition's own file there")


@contextlib.contextmanager
def _saying_where(table: Path, name: str, organ: str) -> Iterator[None]:
    """Put the row before the message of an InputError."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{table}: {name}, {organ}: {error}; correct the row, or fetch the table again") from None
