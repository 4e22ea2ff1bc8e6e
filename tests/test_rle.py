"""Runs against what Kaggle's own notebooks do, against the study's example, and against every real mask at hand."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley import rle
from medley.errors import InputError

shapes = st.tuples(st.integers(1, 12), st.integers(1, 12))


def usual_decode(text: str, shape: tuple[int, int]) -> np.ndarray:
    """Decode as the notebooks of Kaggle's competitions do."""
    words = text.split()
    starts, lengths = (np.asarray(numbers, dtype=int) for numbers in (words[::2], words[1::2]))
    starts -= 1
    image = np.zeros(shape[0] * shape[1], dtype=np.uint8)
    for start, end in zip(starts, starts + lengths, strict=True):
        image[start:end] = 1
    return image.reshape(shape)


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    rows, columns = draw(shapes)
    flat = draw(st.lists(st.booleans(), min_size=rows * columns, max_size=rows * columns))
    return np.array(flat).reshape(rows, columns)


def test_pixels_count_from_1_along_the_rows() -> None:
    mask = np.array([[0, 1, 1, 0], [1, 0, 0, 1], [1, 1, 0, 1]], dtype=bool)
    assert rle.encode(mask) == "2 2 5 1 8 3 12 1"
    np.testing.assert_array_equal(rle.decode("2 2 5 1 8 3 12 1", (3, 4)), mask)


def test_the_360_by_310_slice_of_the_study() -> None:
    """case9_day0_slice_0086: 360 columns, 310 rows. A column of the organ is a column of the mask."""
    shape = (310, 360)
    small = rle.decode("27877 5 28236 7 28595 11 28955 11 29315 11", shape)
    large = rle.decode("22451 1 22804 10 22827 10 23163 12 23185 13", shape, value=2)
    assert small.shape == shape and small.dtype == np.uint8
    extents = [(row, int(line.nonzero()[0][0]), int(line.sum())) for row, line in enumerate(small) if line.any()]
    assert extents == [(77, 156, 5), (78, 155, 7), (79, 154, 11), (80, 154, 11), (81, 154, 11)]
    assert np.argwhere(large)[[0, 1, 10, 11, -1]].tolist() == [[62, 130], [63, 123], [63, 132], [63, 146], [64, 156]]
    assert set(np.unique(large)) == {0, 2} and np.count_nonzero(large) == 46
    # Columns for rows would tear the same runs apart.
    assert len(np.flatnonzero(rle.decode("27877 5 28236 7 28595 11 28955 11 29315 11", (360, 310)).any(axis=0))) > 40


@given(masks())
def test_there_and_back(mask: np.ndarray) -> None:
    text = rle.encode(mask)
    rle.check(text, mask.shape)
    np.testing.assert_array_equal(rle.decode(text, mask.shape).astype(bool), mask)
    np.testing.assert_array_equal(rle.decode(text, mask.shape), usual_decode(text, mask.shape))


@pytest.mark.parametrize("value", [1, 4, 255])
def test_value_stands_inside_the_runs(value: int) -> None:
    np.testing.assert_array_equal(rle.decode("1 2", (1, 3), value), [[value, value, 0]])


@pytest.mark.parametrize("text", ["", " "])
def test_no_runs_are_an_empty_mask(text: str) -> None:
    np.testing.assert_array_equal(rle.decode(text, (2, 3)), np.zeros((2, 3)))
    assert rle.encode(np.zeros((2, 3), dtype=bool)) == ""


def test_whole_image_is_one_run() -> None:
    assert rle.encode(np.ones((4, 5), dtype=bool)) == "1 20"
    assert rle.decode("1 20", (4, 5)).all()


def test_run_of_length_0_is_nothing() -> None:
    np.testing.assert_array_equal(rle.decode("2 0 3 1 4 0", (1, 4)), [[0, 0, 1, 0]])


def test_runs_may_touch() -> None:
    np.testing.assert_array_equal(rle.decode("1 2 3 1", (1, 4)), [[1, 1, 1, 0]])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1", "an odd count of numbers (1)"),
        ("1 2 3", "an odd count of numbers (3)"),
        ("0 2", "run '0 2': starts count from 1"),
        ("11 3", "run '11 3' ends at pixel 13, but the image has 12"),
        ("13 1", "run '13 1' ends at pixel 13, but the image has 12"),
        ("9223372036854775807 5", "but the image has 12"),
        ("9223372036854775807 9223372036854775807", "but the image has 12"),
        ("1 9223372036854775807 9223372036854775807 3", "but the image has 12"),
        ("5 99999999999999999999", "but the image has 12"),
        ("1 4 3 2", "run '3 2' begins at or before pixel 4"),
        ("1 4 4 2", "run '4 2' begins at or before pixel 4"),
        ("7 2 1 2", "run '1 2' begins at or before pixel 8"),
        ("-1 2", "'-1' is no whole number"),
        ("1 -2", "'-2' is no whole number"),
        ("1 2.5", "'2.5' is no whole number"),
        ("1 2 nan", "'nan' is no whole number"),
        ("1 2e1", "'2e1' is no whole number"),
        ("1 ٣", "'٣' is no whole number"),
        ("1 ²", "'²' is no whole number"),
        ("1\u00a02", "is no list of starts and lengths with a space between any two"),
        ("1,2", "'1,2' is no whole number"),
    ],
)
def test_what_is_no_mask(text: str, says: str) -> None:
    for refused in (lambda: rle.decode(text, (3, 4)), lambda: rle.check(text, (3, 4))):
        with pytest.raises(InputError) as caught:
            refused()
        assert says in str(caught.value)


@given(st.lists(st.integers(0, 15), min_size=1, max_size=8))
def test_never_a_wrong_mask(numbers: list[int]) -> None:
    """Whatever numbers come: either the usual loop's mask, each pixel once and within the image, or an error."""
    text, pairs = " ".join(map(str, numbers)), list(zip(numbers[::2], numbers[1::2], strict=False))
    pixels = [pixel for start, length in pairs for pixel in range(start, start + length)]
    ends = [1] + [start + length for start, length in pairs]
    in_place = all(start >= end for start, end in zip(numbers[::2], ends, strict=False)) and max(ends) <= 13
    sound = len(numbers) % 2 == 0 and in_place
    assert not sound or pixels == sorted(set(pixels))
    if sound:
        np.testing.assert_array_equal(rle.decode(text, (3, 4)), usual_decode(text, (3, 4)))
    else:
        with pytest.raises(InputError):
            rle.decode(text, (3, 4))


@pytest.mark.real
def test_every_real_mask_there_and_back(real: Path) -> None:
    shape = (310, 360)  # the largest of the competition's sizes; the width does not matter to the runs
    filled = 0
    with (real / "UW-Madison" / "train_part.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            mask = rle.decode(row["segmentation"], shape)
            np.testing.assert_array_equal(mask, usual_decode(row["segmentation"], shape))
            assert rle.encode(mask > 0) == row["segmentation"], row["id"]
            filled += bool(row["segmentation"])
    assert filled == 1995
