"""What tables of single slices print alike: a value with its interval, and parts of notes."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from medley.statistics import FEWEST
from medley.tables.compare import ENDS
from medley.tables.write import count, with_interval

DIGITS = 3
INTERVALS = "In brackets: 95 % interval from a bootstrap that resamples patients, all slices of a patient together"
FEW = f"none with fewer than {FEWEST} patients, and too narrow with few: with 8 about nine of ten such intervals hold"


EPOCHS = (
    "Each member's epoch was chosen on validation slices with organs; where that is by Dice, an organ in neither mask "
    "counted 1. The ensemble best is chosen on each split for itself."
)


def value(row: Mapping[str, Any], name: str, signed: bool = False) -> str:
    """Return the value ``name`` of a row with its interval, as ``0.873 [0.851, 0.894]``."""
    mean, low, high = (row[f"{name}{end}"] for end in ENDS)
    return with_interval(mean, low, high, DIGITS, signed)


def seeds(frame: pd.DataFrame) -> str:
    """Return a note, without its full stop, on the seeds that values are of."""
    return f"Seeds: {count(frame['seeds'].max())}; values are means over seeds"
