"""The epochs of a training: what is noted of each, whose weights are kept, and when there have been enough."""

from collections.abc import Mapping, Sequence
from typing import Any

HISTORY = ("epoch", "train_loss", "validation_loss", "learning_rate", "seconds")
BEST_DICE = "best_validation_dice"  # adds the column validation_dice

Row = Mapping[str, float]


def best(history: Sequence[Row], keep: str) -> Row:
    """Return the row of ``history`` whose weights are kept: the lowest validation loss, the highest Dice, or the last.

    Of equal epochs the first is kept.
    """
    if keep == "last":
        return history[-1]
    if keep == BEST_DICE:
        return max(history, key=lambda row: (row["validation_dice"], -row["epoch"]))
    return min(history, key=lambda row: (row["validation_loss"], row["epoch"]))


def enough(history: Sequence[Row], member: Mapping[str, Any]) -> bool:
    """Return whether a training of ``member`` is over: all epochs done, or no progress in some, where it has ``stop``.

    Progress is a validation loss more than ``min_delta`` below that of the last epoch with progress; after
    ``patience`` epochs without, training stops (as Keras' EarlyStopping does).
    """
    if len(history) >= member["epochs"]:
        return True
    if "stop" not in member:
        return False
    lowest, waited = float("inf"), 0
    for row in history:
        waited += 1
        if row["validation_loss"] < lowest - member["stop"]["min_delta"]:
            lowest, waited = row["validation_loss"], 0
    return waited >= int(member["stop"]["patience"])
