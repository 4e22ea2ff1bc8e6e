"""Run-length encoding, as Kaggle's competitions write masks: ``start length start length …``.

Pixels count from 1, along the rows: pixel 1 is the image's first row and column, the next is its second
column. Runs are sorted and do not overlap (the competitions' own rule). An empty text is an empty mask.
"""

from typing import NoReturn

import numpy as np
import numpy.typing as npt

from medley.errors import InputError

Lengths = npt.NDArray[np.int64]


def encode(mask: npt.NDArray[np.bool_]) -> str:
    """Return the runs of True in ``mask`` (rows, columns)."""
    padded = np.zeros(mask.size + 2, dtype=bool)
    padded[1:-1] = mask.reshape(-1)
    numbers = np.flatnonzero(padded[1:] != padded[:-1]) + 1  # first pixel inside and first outside, in turn
    numbers[1::2] -= numbers[::2]
    return " ".join(map(str, numbers.tolist()))


def decode(text: str, shape: tuple[int, int], value: int = 1) -> npt.NDArray[np.uint8]:
    """Return a mask of ``shape`` (rows, columns): ``value`` inside the runs, 0 elsewhere.

    Raises InputError as ``check`` does.
    """
    lengths = _lengths(text, shape[0] * shape[1])
    values = np.zeros(len(lengths), dtype=np.uint8)
    values[1::2] = value
    return values.repeat(lengths).reshape(shape)


def check(text: str, shape: tuple[int, int]) -> None:
    """Raise InputError for runs that are no mask of ``shape`` (rows, columns), without making one.

    Such are an odd count of numbers, anything but whole numbers, a start of 0, runs past the image's end, and
    runs that overlap or are not sorted. A run of length 0 is nothing, and allowed.
    """
    _lengths(text, shape[0] * shape[1])


def _lengths(text: str, size: int) -> Lengths:
    """Return how many pixels lie outside, inside, outside … the runs: ``size`` in all, beginning and ending outside."""
    if not text.strip():
        return np.array([size], dtype=np.int64)
    try:
        numbers = np.fromstring(text, dtype=np.int64, sep=" ")
    except ValueError:
        _refuse(text, size)
    if len(numbers) % 2:
        _refuse(text, size)
    lengths = np.empty(len(numbers) + 1, dtype=np.int64)
    lengths[:-1] = numbers
    lengths[-1] = size + 1
    lengths[2::2] -= numbers[::2] + numbers[1::2]  # from behind a run to the next run's start, or the end
    lengths[0] -= 1
    # Whatever is out of place makes one of them negative or too large; read as unsigned, negative is too large.
    if lengths.view(np.uint64).max() > size:
        _refuse(text, size)
    return lengths


def _refuse(text: str, size: int) -> NoReturn:
    """Raise InputError with what is wrong with ``text``, looking at it number by number."""
    words = text.split()
    for word in words:
        if not (word.isascii() and word.isdigit()):
            raise InputError(f"{word[:20]!r} is no whole number of 0 or more; runs are starts and lengths")
    if len(words) % 2:
        raise InputError(f"an odd count of numbers ({len(words)}); every start needs its length: is the row cut off?")
    before = 0  # last pixel of the run before
    for start, length in zip(map(int, words[::2]), map(int, words[1::2]), strict=True):
        run = f"run '{start} {length}'"
        if start < 1:
            raise InputError(f"{run}: starts count from 1")
        if start <= before:
            raise InputError(f"{run} begins at or before pixel {before}, which the run before it reaches")
        before = start + length - 1
        if before > size:
            raise InputError(f"{run} ends at pixel {before}, but the image has {size}")
    raise InputError(f"{text[:20]!r} is no list of starts and lengths with a space between any two")
