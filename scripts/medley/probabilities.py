"""Stored class probabilities: this module alone knows how they lie on the disk.

A folder of probabilities holds one file a case and ``labels.json``. A file is

- a header, one line: its CRC-32 and, in JSON, case, head, shape and, of each part, its bytes in the
  file, their CRC-32 and its size before it was deflated. Inflating is most of the time that reading
  an ensemble's members takes, so a part that deflating would not halve stays as it is;
- the decisions, one byte a voxel;
- the levels, 16 bits a foreground channel of each open voxel (see ``medley.encoding``), all their
  high bytes and then all their low ones: these seldom shrink.
"""

import collections
import dataclasses
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from isal import isal_zlib

from medley import encoding
from medley.encoding import MOST_CHANNELS, Bytes, Encoded, Levels, Mask, Probabilities
from medley.errors import InputError
from medley.files import read_json, whole_file, write_json

Folder = str | os.PathLike[str]
Read = TypeVar("Read")

COMPRESSION = 1  # isal's fastest level that looks for repeats; higher ones gain nothing here
AHEAD = 2  # members read while another is summed
SUM_TOLERANCE = 0.01  # half-precision softmax sums stray by 0.004


@dataclasses.dataclass(frozen=True)
class Entry:
    """Where a case's prediction comes from."""

    fold: int | None  # the fold whose network made it; None for the mean over folds
    part: str  # out_of_fold or test


@dataclasses.dataclass(frozen=True)
class Contents:
    """What a folder of probabilities holds."""

    head: str  # softmax or sigmoid
    labels: tuple[str, ...]  # in the order of the channels; a softmax head's background is not among them
    cases: dict[str, Entry]


def write_case(folder: Folder, case: str, probabilities: Probabilities, head: str = "softmax") -> None:
    """Write one case's probabilities, float32 (channels, slices, rows, columns), whole or not at all.

    Raises InputError when a value is not in [0, 1], or the channels of a softmax head do not sum to 1.
    """
    where = f"{_path(folder, case)}: case {case!r}"
    if probabilities.ndim != 4 or not 1 <= len(probabilities) <= MOST_CHANNELS[head]:
        raise InputError(f"{where}: probabilities of a {head} head cannot have shape {probabilities.shape}")
    if not (probabilities.min(initial=0) >= 0 and probabilities.max(initial=0) <= 1 + SUM_TOLERANCE):
        raise InputError(f"{where}: a probability is negative, above 1 or not a number; look at the member's training")
    if head == "softmax" and np.abs(probabilities.sum(axis=0) - 1).max(initial=0) > SUM_TOLERANCE:
        raise InputError(f"{where}: the channels of a softmax head do not sum to 1; is the head sigmoid?")
    encoded = encoding.encode(probabilities, head)
    high, low = (encoded.levels >> 8).astype(np.uint8), encoded.levels.astype(np.uint8)
    raw = [part.tobytes() for part in (encoded.decisions, high, low)]
    parts = [_deflated(part) for part in raw]
    header = json.dumps(
        {
            "case": case,
            "head": head,
            "shape": encoded.shape,
            "bytes": [len(part) for part in parts],
            "checksums": [isal_zlib.crc32(part) for part in parts],
            "sizes": [len(part) for part in raw],
        }
    ).encode()
    with whole_file(_path(folder, case)) as file:
        file.write_bytes(b"%08x %b\n" % (isal_zlib.crc32(header), header) + b"".join(parts))


def read_case(folder: Folder, case: str) -> Probabilities:
    """Return one case's probabilities, float32 (channels, slices, rows, columns), in steps of 1/65535.

    Raises InputError when the file is missing, torn or another case's.
    """
    encoded = _read(folder, case)
    return encoding.mean([encoded], [encoded.levels], [1])


def read_mean(folders: Sequence[Folder], case: str, weights: Sequence[float] | None = None) -> Probabilities:
    """Return the mean over ``folders`` of one case's probabilities, weighted where ``weights`` are given.

    The same as the mean of ``read_case`` of each, and much faster: see ``medley.encoding.mean``.
    Weights need not sum to 1. Raises InputError when shapes or heads differ, a weight is
    negative or all are 0.
    """
    given = [1.0] * len(folders) if weights is None else list(weights)
    if not (min(given) >= 0 and 0 < sum(given) < np.inf):
        raise InputError(f"weights {given}: none may be negative, and not all 0")
    members = _read_alike(folders, case)
    return encoding.mean(members, _read_each(_read_levels, folders, case), given)


def read_shape(folder: Folder, case: str) -> tuple[int, ...]:
    """Return the shape of a case's probabilities (channels, slices, rows, columns) without reading them."""
    with _open(folder, case) as stream:
        return tuple(_parse_header(stream, case)["shape"])


def copy_case(source: Folder, target: Folder, case: str) -> None:
    """Copy one stored case from folder to folder, whole or not at all."""
    with whole_file(_path(target, case)) as file, _open(source, case) as stream:
        _parse_header(stream, case)
        shutil.copyfile(_path(source, case), file)


def read_label_map(folder: Folder, case: str) -> Bytes:
    """Return the most probable class of each voxel, uint8 (slices, rows, columns): 0 is background.

    Exactly the argmax of what was written, the lowest class where several are equal. Raises
    InputError for a sigmoid head, which has no such map: see ``decide``.
    """
    encoded = _read_decisions(folder, case)
    if encoded.head != "softmax":
        raise InputError(f"{_path(folder, case)}: case {case!r}: a {encoded.head} head has no label map")
    return encoding.classes(encoded).reshape(encoded.shape[1:])


def decide(folder: Folder, case: str) -> Mask:
    """Return where each label is predicted, bool (labels, slices, rows, columns).

    The most probable class of a softmax head (so labels exclude each other), probability above
    0.5 of a sigmoid head; exact, as ``read_label_map`` is.
    """
    return encoding.decide(_read_decisions(folder, case))


def region(folder: Folder, case: str, channels: Sequence[int]) -> Mask:
    """Return where a union of channels is predicted, bool (slices, rows, columns).

    Softmax: their summed probability is above 0.5. Sigmoid: one of them is above 0.5, since
    the channels of a sigmoid head do not exclude each other.
    """
    return encoding.region(_read(folder, case), channels)


def agreement(folders: Sequence[Folder], case: str) -> Mask:
    """Return where all members decide the same, bool (slices, rows, columns).

    Every convex combination of them decides so there too: only the other voxels need a sum.
    Raises InputError when shapes or heads differ.
    """
    members = _read_alike(folders, case)
    first = encoding.classes(members[0])
    same = np.ones(first.shape, dtype=bool)
    for member in members[1:]:
        same &= encoding.classes(member) == first
    return same.reshape(members[0].shape[1:])


def write_contents(folder: Folder, contents: Contents) -> None:
    """Write ``labels.json`` into a folder whose cases are all written, with the checksum of each."""
    cases = {
        case: {**dataclasses.asdict(entry), "checksum": _checksum(folder, case)}
        for case, entry in contents.cases.items()
    }
    write_json(Path(folder) / "labels.json", {"head": contents.head, "labels": list(contents.labels), "cases": cases})


def read_contents(folder: Folder) -> Contents:
    """Return what the folder holds, cases sorted by name.

    Raises InputError when ``labels.json`` is missing, or a case's file is not the one it was written for.
    """
    path = Path(folder) / "labels.json"
    if not path.is_file():
        raise InputError(f"{path}: missing, so this is no folder of probabilities; predict again")
    try:
        record = read_json(path)
        cases = {case: Entry(entry["fold"], entry["part"]) for case, entry in sorted(record["cases"].items())}
        contents = Contents(record["head"], tuple(record["labels"]), cases)
        checksums = {case: entry["checksum"] for case, entry in record["cases"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path}: not a description of probabilities; predict again") from None
    for case in contents.cases:
        if _checksum(folder, case) != checksums[case]:
            raise InputError(f"{_path(folder, case)}: case {case!r} is of another run than {path}; predict again")
    return contents


def _path(folder: Folder, case: str) -> Path:
    return Path(folder) / f"{case}.probabilities"


def _read(folder: Folder, case: str) -> Encoded:
    """Return one case as stored."""
    return dataclasses.replace(_read_decisions(folder, case), levels=_read_levels(folder, case))


def _read_decisions(folder: Folder, case: str) -> Encoded:
    """Return one case without its levels."""
    with _open(folder, case) as stream:
        header = _parse_header(stream, case)
        decisions = _read_part(stream, header, 0)
        return Encoded(header["head"], tuple(header["shape"]), decisions, np.empty((0, 0), dtype=np.uint16))


def _read_levels(folder: Folder, case: str) -> Levels:
    """Return one case's levels (foreground channels, open voxels)."""
    with _open(folder, case) as stream:
        header = _parse_header(stream, case)
        stream.seek(header["bytes"][0], os.SEEK_CUR)  # past the decisions
        levels = _read_part(stream, header, 1).astype(np.uint16)
        levels <<= 8
        levels |= _read_part(stream, header, 2)
    channels = header["shape"][0] - (header["head"] == "softmax")
    return levels.reshape(channels, levels.size // max(channels, 1))


def _read_each(read: Callable[[Folder, str], Read], folders: Sequence[Folder], case: str) -> Iterator[Read]:
    """Yield what ``read`` returns for each folder; threads read the next ones while one is used: isal lets them run."""
    with ThreadPoolExecutor(AHEAD) as threads:
        coming = collections.deque[Future[Read]]()
        for folder in folders:
            coming.append(threads.submit(read, folder, case))
            if len(coming) > AHEAD:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def _read_alike(folders: Sequence[Folder], case: str) -> list[Encoded]:
    """Return the decisions of each folder; raise InputError where one has another head or shape than the first."""
    members = list(_read_each(_read_decisions, folders, case))
    first = members[0]
    for folder, member in zip(folders, members, strict=True):
        if (member.head, member.shape) != (first.head, first.shape):
            raise InputError(
                f"{_path(folder, case)}: case {case!r} is {member.head} of shape {member.shape}, "
                f"but {first.head} of shape {first.shape} in {folders[0]}; members must share head, labels and grid"
            )
    return members


def _open(folder: Folder, case: str) -> BinaryIO:
    try:
        return _path(folder, case).open("rb")
    except FileNotFoundError:
        raise InputError(f"{_path(folder, case)}: missing; predict case {case!r} of this member again") from None


def _checksum(folder: Folder, case: str) -> str:
    """Return the checksum of a case's header, and so, since that holds theirs, of all parts."""
    with _open(folder, case) as stream:
        _parse_header(stream, case)
        stream.seek(0)
        return stream.read(8).decode()


def _parse_header(stream: BinaryIO, case: str) -> dict[str, Any]:
    checksum, _, text = stream.readline().rstrip(b"\n").partition(b" ")
    if checksum != b"%08x" % isal_zlib.crc32(text):
        raise InputError(f"{stream.name}: case {case!r}: torn, or no file of probabilities; predict again")
    header: dict[str, Any] = json.loads(text)
    if header["case"] != case:
        raise InputError(f"{stream.name}: holds case {header['case']!r} in place of {case!r}; predict again")
    return header


def _deflated(part: bytes) -> bytes:
    """Return the part deflated, or as it is where that would not halve it."""
    small: bytes = isal_zlib.compress(part, COMPRESSION)
    return small if 2 * len(small) < len(part) else part


def _read_part(stream: BinaryIO, header: dict[str, Any], part: int) -> Bytes:
    """Return the next part of an open file as it was before it was deflated."""
    data = stream.read(header["bytes"][part])
    if isal_zlib.crc32(data) != header["checksums"][part]:
        raise InputError(f"{stream.name}: case {header['case']!r}: torn; predict again")
    size = header["sizes"][part]
    return np.frombuffer(data if len(data) == size else isal_zlib.decompress(data, bufsize=size), dtype=np.uint8)
