"""Probabilities as small integers: exact decisions, and levels where a network is unsure.

Probabilities are kept in steps of 1/65535. Most voxels of a trained network are *saturated*: every
channel is 0 or 1, so that the decision says it all, and only the other, *open* voxels need values.
Steps of 1/255 would not do: where two members disagree with confidence, 0.9995 against 0.002, both
would be saturated, and their mean a tie.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Levels = npt.NDArray[np.uint16]
Mask = npt.NDArray[np.bool_]

TOP = 65535  # the level of probability 1
OPEN = 0x80  # set in the decision of an open voxel
MOST_CHANNELS = {"softmax": 128, "sigmoid": 7}  # what the other seven bits of a decision can tell apart


@dataclasses.dataclass(frozen=True)
class Encoded:
    """One case's probabilities. *Foreground* channels are all but a softmax head's background."""

    head: str  # softmax or sigmoid
    shape: tuple[int, ...]  # channels, slices, rows, columns
    decisions: Bytes  # (voxels,): winning class (softmax), a bit for each channel above 0.5 (sigmoid); OPEN
    levels: Levels  # (foreground channels, open voxels); a softmax head's channels sum to TOP


def encode(probabilities: Probabilities, head: str) -> Encoded:
    """Return valid ``probabilities``, (channels, slices, rows, columns), as decisions and levels.

    Decisions are those of the exact values: the argmax, the lowest class where several are
    equal, or strictly above 0.5. A level is less than 2/65535 from its value (softmax: scaled to
    sum to 1).
    """
    values = np.ascontiguousarray(probabilities, dtype=np.float32).reshape(len(probabilities), -1)
    decisions, levels = _encode_softmax(values) if head == "softmax" else _encode_sigmoid(values)
    return Encoded(head, probabilities.shape, decisions, levels)


def mean(members: Sequence[Encoded], levels: Iterable[Levels], weights: Sequence[float]) -> Probabilities:
    """Return the weighted mean, float32 (channels, slices, rows, columns).

    ``members`` are of one head and shape, and give their decisions alone; ``levels`` gives theirs
    one by one, so that a generator need not hold them all in memory. Only voxels where a member is
    open, or members differ, are summed: elsewhere the mean is what all of them say. Sums of whole
    weights are exact up to 256 of them: float32 counts to 256 x TOP.
    """
    first = members[0]
    summed = first.decisions >= OPEN
    for member in members[1:]:  # where they are equal, the first's OPEN bit speaks for all
        summed |= member.decisions != first.decisions
    where = np.flatnonzero(summed)
    sums = np.zeros((_foreground(first), len(where)), dtype=np.float32)
    for member, own, weight in zip(members, levels, np.asarray(weights, dtype=np.float32), strict=True):
        here = member.decisions[where]
        unsure = np.flatnonzero(here >= OPEN)
        for channel, total in enumerate(sums):
            level = _is_chosen(first.head, here, channel) * np.uint16(TOP)
            level[unsure] = own[channel]
            total += weight * level
    return _spread(first, where, sums, TOP * sum(weights))


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
    elif 0 in channels:  # all channels sum to TOP, an odd number: a region is exactly what its complement is not
        return ~region(encoded, [channel for channel in range(encoded.shape[0]) if channel not in channels])
    else:
        inside = np.isin(decisions, channels)
        total = encoded.levels[[channel - 1 for channel in set(channels)]].sum(axis=0, dtype=np.uint16)
        inside[np.flatnonzero(encoded.decisions >= OPEN)] = total > TOP // 2
    return inside.reshape(encoded.shape[1:])


def _encode_softmax(values: Probabilities) -> tuple[Bytes, Levels]:
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


def _round_to_sum(exact: Probabilities, winners: Bytes) -> Levels:
    """Round ``exact`` (channels, voxels) to levels that sum to TOP, the winner staying the argmax.

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
    return levels.astype(np.uint16)


def _encode_sigmoid(values: Probabilities) -> tuple[Bytes, Levels]:
    """Return decisions (voxels,) and the open voxels' levels."""
    levels = np.ceil(np.minimum(values, 1) * TOP - np.float32(0.5)).astype(np.uint16)  # 0.5 itself is rounded down
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


def _spread(encoded: Encoded, where: npt.NDArray[np.intp], sums: Probabilities, one: float) -> Probabilities:
    """Return probabilities by the decisions, with foreground ``sums`` (channels, len(where)) of ``one`` put in."""
    out = np.empty((encoded.shape[0], len(encoded.decisions)), dtype=np.float32)
    if encoded.head == "softmax":
        out[0] = encoded.decisions == 0
        out[0, where] = np.maximum(one - sums.sum(axis=0), 0) / one  # weighted sums stray by a rounding error
    for channel, row in enumerate(out[len(out) - len(sums) :]):
        row[:] = _is_chosen(encoded.head, encoded.decisions, channel)
        row[where] = sums[channel] / one
    return out.reshape(encoded.shape)
