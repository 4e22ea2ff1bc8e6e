"""Timing of two functions side by side."""

import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

PAIRS = 5


def seconds(function: Callable[[], Any]) -> float:
    """Return how long one call takes."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def peak_megabytes(function: Callable[[], Any]) -> float:
    """Return the most memory that Python and NumPy held during one call."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def compare(
    name: str,
    ours: Callable[[], Any],
    theirs: Callable[[], Any],
    goal: float | None,
    note: str = "",
    stands_for: tuple[float, float] = (1, 1),
) -> dict[str, Any]:
    """Time both functions in PAIRS interleaved pairs; the ratio is the median of theirs over ours.

    Where a pass is a stated sample of the work, ours or theirs, its seconds count ``stands_for`` times.
    """
    ours(), theirs()  # warm up
    pairs = [(stands_for[0] * seconds(ours), stands_for[1] * seconds(theirs)) for _ in range(PAIRS)]
    return {
        "name": name,
        "ours": statistics.median(own for own, _ in pairs),
        "theirs": statistics.median(other for _, other in pairs),
        "ratio": statistics.median(other / own for own, other in pairs),
        "goal": goal,
        "peak_memory_mb": peak_megabytes(ours),
        "note": note,
    }
