"""The GI Tract competition's table, as long as the real one, against what its notebooks do.

Made up: 38,496 slices of three rows, 33,913 of these with runs, which are the real ones at hand where they are,
else those of phantoms; images of headers alone, since indexing reads no more. The notebooks' loop looks for each
slice with a filter over the whole table (``df[df.id == id]``, then the class among its rows). It is timed on
SAMPLE slices and scaled.
"""

import csv
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from medley import rle
from medley.cases import Case
from medley.datasets import gi_tract
from tests.benchmarks.timing import compare

REAL = Path(__file__).parents[3] / "shared" / "real" / "UW-Madison" / "train_part.csv"
SHAPE = (310, 360)
SLICES, FILLED = 38_496, 33_913
SCAN = 144  # slices a day
SAMPLE = 20  # slices that a pass of the notebooks' loop looks for
TEXTS = 500  # that the decoders are timed on
MEMORY = 500  # MB

INDEX = """
import sys, resource
from pathlib import Path
sys.path.insert(0, "scripts")
from medley.datasets import gi_tract
cases = gi_tract.index(Path(sys.argv[1]))
print(len(cases), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def run() -> list[dict[str, Any]]:
    """Return rows for the decoder, for the table's rows, for the masks of the whole table, and for memory."""
    texts, source = some_runs()
    with tempfile.TemporaryDirectory() as folder:
        names = make_table(Path(folder), texts)
        table = Path(folder) / "train.csv"
        frame = pd.read_csv(table)
        cases = [Case(name, "", "", str(table), (*SHAPE, 1), (1.5, 1.5, 3.0)) for name in names]
        sample = np.random.default_rng(0).choice(SLICES, SAMPLE, replace=False)
        for place in sample:
            np.testing.assert_array_equal(usual_mask(frame, names[place]), gi_tract.read_mask(cases[place])[0])
        scaled = (1.0, SLICES / SAMPLE)
        note = f"{source}; the filter is timed on {SAMPLE} slices and scaled"
        return [
            decoder(texts[:TEXTS], source),
            compare(
                "the rows of 38,496 slices in one pass",
                lambda: read_table(table),
                lambda: [usual_rows(frame, names[place]) for place in sample],
                goal=1000,
                note=f"{note}; ours reads the file, the filter's is read",
                stands_for=scaled,
            ),
            compare(
                "the masks of 38,496 slices",
                lambda: (read_table(table), consume(cases)),
                lambda: [usual_mask(frame, names[place]) for place in sample],
                goal=None,
                note=f"{note}; ours is bound by parsing and painting {FILLED} masks",
                stands_for=scaled,
            ),
            memory(Path(folder)),
        ]


def decoder(texts: list[str], source: str) -> dict[str, Any]:
    """Compare bits, then speed, mask by mask."""
    for text in texts:
        ours, theirs = rle.decode(text, SHAPE), usual_decode(text)
        assert (ours.dtype, ours.tobytes()) == (theirs.dtype, theirs.tobytes())
    lengths = np.mean([len(text.split()) / 2 for text in texts])
    note = f"{source}, {lengths:.0f} runs a mask, equal bit for bit"
    return compare(
        f"decoding {TEXTS} masks of 310 x 360", each(rle.decode, texts), each(usual_decode, texts), goal=3, note=note
    )


def each(decode: Callable[[str, tuple[int, int]], Any], texts: list[str]) -> Callable[[], None]:
    """Return what decodes every text and keeps no mask."""

    def pass_() -> None:
        for text in texts:
            decode(text, SHAPE)

    return pass_


def usual_decode(text: str, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Split, slice by slice: the decoder of Kaggle's notebooks."""
    words = text.split()
    starts, lengths = (np.asarray(numbers, dtype=int) for numbers in (words[0:][::2], words[1:][::2]))
    starts -= 1
    image = np.zeros(shape[0] * shape[1], dtype=np.uint8)
    for start, end in zip(starts, starts + lengths, strict=True):
        image[start:end] = 1
    return image.reshape(shape)


def usual_rows(frame: pd.DataFrame, name: str) -> dict[str, str]:
    """Filter the table for a slice, and its rows for each organ with runs."""
    own = frame[frame["id"] == name]
    found = {organ: own[own["class"] == organ]["segmentation"].squeeze() for organ in gi_tract.BITS}
    return {organ: text for organ, text in found.items() if not pd.isna(text)}


def usual_mask(frame: pd.DataFrame, name: str) -> np.ndarray:
    """Decode a slice's organs into one mask of bits."""
    mask = np.zeros(SHAPE, dtype=np.uint8)
    for organ, text in usual_rows(frame, name).items():
        mask |= usual_decode(text) * np.uint8(gi_tract.BITS[organ])
    return mask


def read_table(table: Path) -> None:
    """Read and group the table anew."""
    gi_tract._read_table.cache_clear()
    gi_tract._segmentations(table)


def consume(cases: list[Case]) -> None:
    """Read every mask and keep none."""
    for case in cases:
        gi_tract.read_mask(case)


def memory(folder: Path) -> dict[str, Any]:
    """Return the most memory that a process had which indexed the whole set."""
    output = subprocess.run([sys.executable, "-c", INDEX, str(folder)], check=True, capture_output=True, text=True)
    count, megabytes = output.stdout.split()
    assert int(count) == SLICES
    return {
        "name": "indexing 38,496 slices (MB)",
        "ours": float(megabytes),
        "theirs": None,
        "ratio": float(megabytes),
        "goal": MEMORY,
        "less_is_better": True,
        "peak_memory_mb": float(megabytes),
        "note": "the whole process, interpreter and libraries included",
    }


def some_runs() -> tuple[list[str], str]:
    """Return the runs of masks, and where they are from."""
    if REAL.is_file():
        table, source = REAL, "real runs"
        rows = list(csv.DictReader(table.open(newline="")))
    else:
        source = "runs of phantoms"
        with tempfile.TemporaryDirectory() as folder:
            gi_tract.make_phantom(Path(folder), 8, 0.9, 0)
            rows = list(csv.DictReader((Path(folder) / "train.csv").open(newline="")))
    texts = [row["segmentation"] for row in rows if row["segmentation"]]
    return np.random.default_rng(0).permutation(texts).tolist(), source


def make_table(folder: Path, texts: list[str]) -> list[str]:
    """Write train.csv and the images' headers; return the slices' names."""
    generator = np.random.default_rng(0)
    filled = np.zeros(3 * SLICES, dtype=bool)
    filled[generator.choice(3 * SLICES, FILLED, replace=False)] = True
    chosen = iter(generator.choice(len(texts), FILLED))
    header = gi_tract.PNG + SHAPE[1].to_bytes(4, "big") + SHAPE[0].to_bytes(4, "big") + bytes([16, 0])
    names, lines = [], ["id,class,segmentation"]
    for number in range(SLICES):
        scan, slice_ = divmod(number, SCAN)
        case, day = f"case{1 + scan // 3}", f"day{scan % 3}"
        names.append(f"{case}_{day}_slice_{1 + slice_:04d}")
        scans = folder / "train" / case / f"{case}_{day}" / "scans"
        if slice_ == 0:
            scans.mkdir(parents=True)
        (scans / f"slice_{1 + slice_:04d}_360_310_1.50_1.50.png").write_bytes(header)
        for organ, has_runs in zip(gi_tract.BITS, filled[3 * number : 3 * number + 3], strict=True):
            lines.append(f"{names[-1]},{organ},{texts[next(chosen)] if has_runs else ''}")
    (folder / "train.csv").write_text("\n".join(lines) + "\n")
    return names
