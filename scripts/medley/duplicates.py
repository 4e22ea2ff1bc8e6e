"""Near copies among pictures: a perceptual hash of each, and a search for hashes that differ in few bits.

The hash is that of the DCT, by C. Zauner, "Implementation and benchmarking of perceptual image hash functions",
master's thesis, Upper Austria University of Applied Sciences, Hagenberg 2010
(https://www.phash.org/docs/pubs/thesis_zauner.pdf). It survives another size, format or brightness, not a turn
or a crop. Half of its bits are set, so that two hashes differ in an even number of bits.

Pictures of one kind look alike: of the chest X-rays of Shenzhen and Montgomery (247,456 pairs of different
patients) three pairs differ in 4 bits and none in fewer. Copies of them at half the size or as JPEG of quality 60
differ in at most 2.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import scipy.fft

from medley.cases import Case

BITS = 64
SIDE = 32  # pixels of the small picture
LOW = slice(1, 9)  # its lowest frequencies, along rows and columns, without the constant

Hashes = npt.NDArray[np.uint64]


class Copy(NamedTuple):
    """A case whose picture looks like that of ``original``: their hashes differ in ``distance`` bits."""

    case: Case
    original: Case
    distance: int


def perceptual_hash(image: npt.NDArray[np.float32]) -> int:
    """Return the 64 bits of a picture (channels, 1, rows, columns): which low frequencies lie above their median."""
    channels = [cv2.resize(channel, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for channel in image[:, 0]]
    low = scipy.fft.dctn(np.mean(channels, axis=0))[LOW, LOW]
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


def copies(cases: Sequence[Case], hashes: Mapping[str, int], within: int) -> list[Copy]:
    """Return the cases that look like an earlier one of ``cases``, each with the first it looks like.

    ``hashes`` holds those of all ``cases`` by name. Cases that share an image file are no copies of one another.
    """
    first = first_alike(np.array([hashes[case.case] for case in cases], dtype=np.uint64), within)
    pairs = ((case, cases[place]) for case, place in zip(cases, first.tolist(), strict=True))
    return [
        Copy(case, original, (hashes[case.case] ^ hashes[original.case]).bit_count())
        for case, original in pairs
        if original.image != case.image
    ]


def first_alike(hashes: Hashes, within: int) -> npt.NDArray[np.int64]:
    """Return for each hash the index of the first that differs from it in at most ``within`` bits, at most its own.

    Exact: of ``within + 1`` bands that the bits are cut into, two such hashes have at least one in common, so
    that only hashes with a band in common are compared (G. S. Manku, A. Jain, A. Das Sarma, "Detecting
    near-duplicates for web crawling", WWW 2007. https://doi.org/10.1145/1242572.1242592).
    """
    first = np.arange(len(hashes))
    edges = np.linspace(0, BITS, within + 2).astype(int).tolist()
    for low, high in itertools.pairwise(edges):
        band = (hashes >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
        order = np.argsort(band, kind="stable")  # so that of two with the same band the earlier comes first
        band = band[order]
        places, step = np.arange(len(hashes)), 0
        while len(places):
            step += 1
            places = places[: np.searchsorted(places, len(hashes) - step)]
            places = places[band[places] == band[places + step]]
            one, other = order[places], order[places + step]
            alike = np.bitwise_count(hashes[one] ^ hashes[other]) <= within
            # No index stands twice in ``other``: nothing is lost between reading and writing.
            first[other[alike]] = np.minimum(first[other[alike]], one[alike])
    return first
