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
    name: str, ours: Callable[[], Any], theirs: Callable[[], Any], goal: float | None, note: str = "", scale: int = 1
) -> dict[str, Any]:
    """Time both functions in PAIRS interleaved pairs; the ratio is the median of theirs over ours.

    A slow peer does a stated sample of our work: its seconds count ``scale`` times.
    """
    ours(), theirs()  # warm up
    pairs = [(seconds(ours), scale * seconds(theirs)) for _ in range(PAIRS)]
    return {
        "name": name,
        "ours": statistics.median(own for own, _ in pairs),
        "theirs": statistics.median(other for _, other in pairs),
        "ratio": statistics.median(other / own for own, other in pairs),
        "goal": goal,
        "peak_memory_mb": peak_megabytes(ours),
        "note": note,
    }
