"""The search for near copies among 20,000 pictures' hashes, against the loop over all pairs.

Made-up hashes: random bits, and copies with up to six of them changed. The loop compares each hash with every
earlier one, as plain integers; that is timed on SAMPLE hashes, evenly spaced, and scaled. What the search finds is
compared with all pairs, and the loop's with it.
"""

from typing import Any

import numpy as np

from medley.duplicates import BITS, Hashes, first_alike
from tests.benchmarks.timing import compare

PICTURES, COPIES, CHANGED = 20_000, 1_000, 6
WITHIN = 4
SAMPLE = 1_000  # hashes that a pass of the loop compares with the earlier ones
GOAL = 100


def run() -> list[dict[str, Any]]:
    """Return one row for the search."""
    hashes = some_hashes()
    integers: list[int] = hashes.tolist()
    # Symmetric about the middle: the sample's pairs are as many as its share of all pairs.
    sample = np.linspace(0, PICTURES - 1, SAMPLE).round().astype(int).tolist()
    found = first_alike(hashes, WITHIN)
    np.testing.assert_array_equal(found, against_all(hashes))
    assert loop(integers, sample) == found[sample].tolist()
    row = compare(
        "near copies among 20,000 hashes",
        lambda: first_alike(hashes, WITHIN),
        lambda: loop(integers, sample),
        goal=GOAL,
        note=f"{np.count_nonzero(found < np.arange(PICTURES))} found; the loop is timed on {SAMPLE} and scaled",
        stands_for=(1, PICTURES / SAMPLE),
    )
    return [row]


def some_hashes() -> Hashes:
    """Return hashes in random order, COPIES of them copies of others with 0 to CHANGED bits changed."""
    generator = np.random.default_rng(0)
    originals = generator.integers(0, 2**BITS, PICTURES - COPIES, dtype=np.uint64)
    copied = originals[:COPIES].copy()
    for number in range(COPIES):
        for bit in generator.choice(BITS, generator.integers(0, CHANGED + 1), replace=False):
            copied[number] ^= np.uint64(1) << np.uint64(bit)
    return generator.permutation(np.concatenate([originals, copied]))


def loop(hashes: list[int], sample: list[int]) -> list[int]:
    """Return for each of ``sample`` the first hash that is alike, from all earlier ones."""
    found = []
    for place in sample:
        own, first = hashes[place], place
        for earlier in range(place):
            if (own ^ hashes[earlier]).bit_count() <= WITHIN and earlier < first:
                first = earlier
        found.append(first)
    return found


def against_all(hashes: Hashes) -> np.ndarray:
    """Return the first hash that is alike for each, from all hashes up to its own."""
    return np.array(
        [np.argmax(np.bitwise_count(hashes[: place + 1] ^ own) <= WITHIN) for place, own in enumerate(hashes)]
    )
