"""Probabilities as bytes: exact decisions, and levels where a network is unsure.

Probabilities are kept in steps of 1/255. Most voxels of a trained network are *saturated*: every
channel is 0 or 1, so that the decision says it all, and only the other, *open* voxels need values.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

TOP = 255  # the level of probability 1
OPEN = 0x80  # set in the decision of an open voxel
MOST_CHANNELS = {"softmax": 128, "sigmoid": 7}  # what the other seven bits of a decision can tell apart


@dataclasses.dataclass(frozen=True)
class Encoded:
    """One case's probabilities. *Foreground* channels are all but a softmax head's background."""

    head: str  # softmax or sigmoid
    shape: tuple[int, ...]  # channels, slices, rows, columns
    decisions: Bytes  # (voxels,): winning class (softmax), a bit for each channel above 0.5 (sigmoid); OPEN
    levels: Bytes  # (foreground channels, open voxels); a softmax head's channels sum to 255


def encode(probabilities: Probabilities, head: str) -> Encoded:
    """Return valid ``probabilities``, (channels, slices, rows, columns), as bytes.

    Decisions are those of the exact values: the argmax, the lowest class where several are
    equal, or strictly above 0.5. A level is less than 2/255 from its value.
    """
    values = np.ascontiguousarray(probabilities, dtype=np.float32).reshape(len(probabilities), -1)
    decisions, levels = _encode_softmax(values) if head == "softmax" else _encode_sigmoid(values)
    return Encoded(head, probabilities.shape, decisions, levels)


def mean(members: Sequence[Encoded], shares: Sequence[float]) -> Probabilities:
    """Return the sum of share x probabilities, float32 (channels, slices, rows, columns).

    ``members`` are of one head and shape, ``shares`` sum to 1. Only voxels where a member is
    open, or members differ, are summed: elsewhere the mean is what all of them say.
    """
    first = members[0]
    summed = first.decisions >= OPEN
    for member in members[1:]:  # where they are equal, the first's OPEN bit speaks for all
        summed |= member.decisions != first.decisions
    where = np.flatnonzero(summed)
    sums = np.zeros((_foreground(first), len(where)), dtype=np.float32)
    for member, share in zip(members, np.asarray(shares, dtype=np.float32), strict=True):
        here = member.decisions[where]
        unsure = np.flatnonzero(here >= OPEN)
        for channel, total in enumerate(sums):
            level = _is_chosen(first.head, here, channel) * np.uint8(TOP)
            level[unsure] = member.levels[channel]
            total += share * level
    return _spread(first, where, sums)


def classes(encoded: Encoded) -> Bytes:
    """Return decisions without the OPEN bit, uint8 (voxels,)."""
    return encoded.decisions & np.uint8(OPEN - 1)


def decide(encoded: Encoded) -> Mask:
    """Return where each foreground channel is decided for, bool (foreground channels, slices, rows, columns)."""
    decisions = classes(encoded)
    masks = [_is_chosen(encoded.head, decisions, channel) for channel in range(_foreground(encoded))]
    return np.reshape(masks, (-1, *encoded.shape[1:]))


def region(encoded: Encoded, channels: Sequence[int]) -> Mask:
    """Return where a union of channels is predicted, bool (slices, rows, columns).

    Softmax: the summed probability is above 0.5. Sigmoid: one of them is above 0.5.
    """
    decisions = classes(encoded)
    if encoded.head == "sigmoid":
        inside = (decisions & sum(1 << channel for channel in set(channels))) > 0
    elif 0 in channels:  # all channels sum to 255, an odd number: a region is exactly what its complement is not
        return ~region(encoded, [channel for channel in range(encoded.shape[0]) if channel not in channels])
    else:
        inside = np.isin(decisions, channels)
        total = encoded.levels[[channel - 1 for channel in set(channels)]].sum(axis=0, dtype=np.uint16)
        inside[np.flatnonzero(encoded.decisions >= OPEN)] = total > TOP // 2
    return inside.reshape(encoded.shape[1:])


def _encode_softmax(values: Probabilities) -> tuple[Bytes, Bytes]:
    """Return decisions (voxels,) and the open voxels' foreground levels."""
    decisions = np.zeros(values.shape[1], dtype=np.uint8)
    top = values[0].copy()
    for channel in range(1, len(values)):  # channel by channel: numpy's argmax over the first axis is 9 times slower
        decisions[values[channel] > top] = channel
        np.maximum(top, values[channel], out=top)
    total = values.sum(axis=0)
    where = np.flatnonzero(top * TOP < (TOP - 0.5) * total)
    levels = _round_to_sum(values[:, where] * (np.float32(TOP) / total[where]), decisions[where])
    still_open = levels.max(axis=0, initial=0) < TOP
    decisions[where[still_open]] |= OPEN
    return decisions, levels[1:, still_open]


def _round_to_sum(exact: Probabilities, winners: Bytes) -> Bytes:
    """Round ``exact`` (channels, voxels) to levels that sum to 255, the winner staying the argmax.

    By largest remainder: all are rounded down, and those with the largest fractions get one more.
    """
    levels = np.floor(exact)
    missing = TOP - levels.sum(axis=0)
    order = np.argsort(levels - exact, axis=0, kind="stable")  # largest fraction first
    extra = (np.arange(len(exact))[:, None] < missing).astype(np.float32)
    np.put_along_axis(levels, order, np.take_along_axis(levels, order, axis=0) + extra, axis=0)
    rivals = levels.argmax(axis=0)  # may be a lower class that rounding made equal to the winner
    voxels = np.flatnonzero(rivals != winners)
    levels[rivals[voxels], voxels] -= 1
    levels[winners[voxels], voxels] += 1
    return levels.astype(np.uint8)


def _encode_sigmoid(values: Probabilities) -> tuple[Bytes, Bytes]:
    """Return decisions (voxels,) and the open voxels' levels."""
    levels = np.ceil(np.minimum(values, 1) * TOP - np.float32(0.5)).astype(np.uint8)  # 0.5 itself is rounded down
    decisions = np.zeros(values.shape[1], dtype=np.uint8)
    unsure = np.zeros(values.shape[1], dtype=bool)
    for channel, level in enumerate(levels):
        decisions |= (level > TOP // 2).astype(np.uint8) << channel
        unsure |= (level > 0) & (level < TOP)
    decisions[unsure] |= OPEN
    return decisions, levels[:, unsure]


def _foreground(encoded: Encoded) -> int:
    """Return the number of foreground channels."""
    return encoded.shape[0] - (encoded.head == "softmax")


def _is_chosen(head: str, decisions: Bytes, channel: int) -> Mask:
    """Return where decisions (those of open voxels aside) choose the foreground ``channel``."""
    return decisions == channel + 1 if head == "softmax" else (decisions & (1 << channel)) > 0


def _spread(encoded: Encoded, where: npt.NDArray[np.intp], levels: Probabilities) -> Probabilities:
    """Return probabilities by the decisions, with foreground ``levels`` (channels, len(where)) put in."""
    out = np.empty((encoded.shape[0], len(encoded.decisions)), dtype=np.float32)
    if encoded.head == "softmax":
        out[0] = encoded.decisions == 0
        out[0, where] = np.maximum(TOP - levels.sum(axis=0), 0) / TOP  # sums of shares stray by 1e-5
    for channel, row in enumerate(out[len(out) - len(levels) :]):
        row[:] = _is_chosen(encoded.head, encoded.decisions, channel)
        row[where] = levels[channel] / TOP
    return out.reshape(encoded.shape)
