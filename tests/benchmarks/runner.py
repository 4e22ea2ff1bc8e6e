"""Run the benchmarks and print one table.

Each ``bench_{name}.py`` has ``run() -> list[dict]`` with name, ours, theirs (seconds unless the name says
otherwise), ratio (theirs / ours: larger is better, unless the row says ``less_is_better``), goal (of the ratio),
peak_memory_mb (ours) and note. None stands for what was not measured or has no goal.
Each runs in a process of its own, with one thread unless it asks for more, as Snakemake's jobs do. The exit
status is 0 whatever was measured: a busy machine breaks no build.
"""

import importlib
import os
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

HEADER = ("name", "ours", "theirs", "ratio", "goal", "", "memory MB", "note")
NUMBERS = ("ours", "theirs", "ratio", "goal", "peak_memory_mb")


def table(rows: Iterable[dict[str, Any]]) -> str:
    """Return the rows as an aligned table that marks what is below its goal."""
    cells = [HEADER, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if title in ("name", "note") else cell.rjust(width)
            for cell, width, title in zip(row, widths, HEADER, strict=True)
        ).rstrip()
        for row in cells
    )


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    ours, theirs, ratio, goal, memory = ("" if row[key] is None else f"{row[key]:.3g}" for key in NUMBERS)
    return row["name"], ours, theirs, ratio, goal, "below" if _missed(row) else "", memory, row["note"]


def _missed(row: dict[str, Any]) -> bool:
    if row["goal"] is None or row["ratio"] is None:
        return False
    return bool(row["ratio"] > row["goal"] if row.get("less_is_better") else row["ratio"] < row["goal"])


def rows_of(name: str) -> list[dict[str, Any]]:
    """Return the rows of the benchmark ``name``."""
    rows: list[dict[str, Any]] = importlib.import_module(f"tests.benchmarks.bench_{name}").run()
    return rows


def main(only: Sequence[str]) -> None:
    """Run the benchmarks named, or all."""
    found = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    for name in sorted(set(only) - set(found)):
        print(f"no benchmark {name!r}; there are {', '.join(found)}", file=sys.stderr)
    rows, failures = [], []
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as executor:
        for name in [name for name in found if not only or name in only]:
            start = time.perf_counter()
            try:
                rows.extend(executor.submit(rows_of, name).result())
            except Exception as error:
                failures.append(f"{name} failed: {error!r}")
            print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    print("\n".join([table(rows), *failures]))
