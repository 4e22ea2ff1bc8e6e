"""Near copies: the hash against its formula, the search against the plain loop, real chest X-rays."""

import math
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.cases import Case
from medley.duplicates import copies, first_alike, perceptual_hash


def plain_loop(hashes: list[int], within: int) -> list[int]:
    return [
        next(earlier for earlier in range(place + 1) if (hashes[earlier] ^ own).bit_count() <= within)
        for place, own in enumerate(hashes)
    ]


@st.composite
def alike(draw: Any) -> list[int]:
    """Return hashes of which many differ in few bits."""
    bases = draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=3))
    flips = st.lists(st.integers(0, 63), max_size=6)
    chosen = draw(st.lists(st.tuples(st.sampled_from(bases), flips), max_size=25))
    return [base ^ sum(1 << bit for bit in set(bits)) for base, bits in chosen]


@given(alike(), st.sampled_from([0, 1, 2, 4, 6, 9, 63, 64]))
def test_the_search_finds_what_the_loop_finds(hashes: list[int], within: int) -> None:
    found = first_alike(np.array(hashes, dtype=np.uint64), within)
    assert found.tolist() == plain_loop(hashes, within)


def test_the_search_among_many() -> None:
    generator = np.random.default_rng(0)
    hashes = generator.integers(0, 2**64, 600, dtype=np.uint64)
    for place in range(0, 600, 2):
        for bit in generator.choice(64, generator.integers(0, 8), replace=False):
            hashes[place] = (hashes[place + 1] if bit % 2 else hashes[place]) ^ np.uint64(1 << int(bit))
    found = first_alike(hashes, 4)
    assert found.tolist() == plain_loop(hashes.tolist(), 4)
    assert 50 < np.count_nonzero(found < np.arange(600)) < 300


@pytest.mark.parametrize("block", [(1, 1), (3, 5)])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_hash_is_that_of_the_formula(block: tuple[int, int], channels: int) -> None:
    small = np.random.default_rng(0).integers(0, 256, (channels, 32, 32)).astype(float)
    image = np.kron(small, np.ones((1, *block)))[:, None].astype(np.float32)
    grey = small.mean(axis=0)
    low = [
        sum(
            grey[row, column]
            * math.cos(math.pi * (2 * row + 1) * down / 64)
            * math.cos(math.pi * (2 * column + 1) * across / 64)
            for row in range(32)
            for column in range(32)
        )
        for down in range(1, 9)
        for across in range(1, 9)
    ]
    bits = "".join("1" if value > sorted(low)[31] else "0" for value in low)  # half of them lie above
    assert f"{perceptual_hash(image):064b}" == bits
    assert bits.count("1") == 32


def test_brightness_and_contrast_do_not_matter() -> None:
    image = np.random.default_rng(0).uniform(0, 100, (1, 1, 50, 70)).astype(np.float32)
    assert perceptual_hash(image) == perceptual_hash(image * 2 + 30)


def test_a_copy_of_a_copy_is_one_of_the_copy() -> None:
    cases = [Case(name, name, f"{name}.png", "", (9, 9, 1), (1.0, 1.0, 1.0)) for name in "abc"]
    found = copies(cases, {"a": 0b0000, "b": 0b0011, "c": 0b1111}, within=2)
    assert [(copy.case.case, copy.original.case, copy.distance) for copy in found] == [("b", "a", 2), ("c", "b", 2)]
    assert copies(cases[:2], {"a": 0, "b": 7}, within=2) == []
    assert copies([], {}, within=2) == []


@pytest.mark.real
def test_no_two_real_patients_are_copies_and_changed_pictures_are(real: Any) -> None:
    paths = sorted((real / "CXR" / "CXR_png").glob("*.png"))
    pictures = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.float32) for path in paths]
    hashes = [perceptual_hash(picture[None, None]) for picture in pictures]
    first = first_alike(np.array(hashes, dtype=np.uint64), 2)
    assert len(paths) == 704
    np.testing.assert_array_equal(first, np.arange(704))

    for place in range(0, 704, 16):
        _, jpeg = cv2.imencode(".jpg", pictures[place], [cv2.IMWRITE_JPEG_QUALITY, 60])
        for changed in (
            pictures[place] * 1.4 + 20,
            cv2.resize(pictures[place], (128, 128), interpolation=cv2.INTER_AREA),
            cv2.resize(pictures[place], (500, 380), interpolation=cv2.INTER_LINEAR),
            cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE).astype(np.float32),
        ):
            of_copy = perceptual_hash(changed[None, None])
            assert first_alike(np.array([*hashes, of_copy], dtype=np.uint64), 2)[-1] == place
