"""Which epoch is kept, and when a training has had enough: by hand, and in trainings that are stopped."""

import json

import pytest

from medley import epochs
from tests.test_training import MEMBER, arrays, run, stop_after

__all__ = ["arrays"]
STOP = {"min_delta": 0.01, "patience": 2}


def history(*losses):
    return [{"epoch": number, "validation_loss": loss} for number, loss in enumerate(losses, start=1)]


@pytest.mark.parametrize(
    ("losses", "over"),
    [
        ([0.5], False),
        ([0.5, 0.495], False),
        ([0.5, 0.495, 0.492], True),  # neither is more than 0.01 below 0.5
        ([0.5, 0.495, 0.485], False),  # 0.485 is
        ([0.5, 0.495, 0.485, 0.48, 0.48], True),
        ([0.5, 0.6, 0.4, 0.5], False),
        ([0.5, 0.4, 0.3, 0.2, 0.1], False),
        ([0.5, 0.4, 0.3, 0.2, 0.1, 0.05], True),  # all its epochs
    ],
)
def test_enough_by_hand(losses, over):
    assert epochs.enough(history(*losses), {"epochs": 6, "stop": STOP}) == over


def test_without_stop_all_epochs_are_done():
    losses = [0.5] * 5
    assert not epochs.enough(history(*losses), {"epochs": 6})
    assert epochs.enough(history(*losses, 0.5), {"epochs": 6})


@pytest.mark.parametrize(("keep", "kept"), [("last", 4), ("best_validation_loss", 2), ("best_validation_dice", 1)])
def test_best_of_equals_is_the_first(keep, kept):
    rows = [
        {**row, "validation_dice": dice}
        for row, dice in zip(history(0.5, 0.4, 0.4, 0.6), (0.8, 0.7, 0.8, 0.1), strict=True)
    ]
    assert epochs.best(rows, keep)["epoch"] == kept


def test_a_training_stops_where_it_makes_no_progress_and_goes_on_the_same(arrays, tmp_path, monkeypatch):
    member = {**MEMBER, "epochs": 9, "stop": {"min_delta": 10.0, "patience": 3}}  # only the first epoch is progress
    whole = run(arrays, tmp_path / "whole", member)
    record = json.loads((tmp_path / "whole" / "run.json").read_text())
    assert record["epochs"] == 4
    assert len((tmp_path / "whole" / "history.csv").read_text().splitlines()) == 5
    for epoch in (2, 4):
        with monkeypatch.context() as patched:
            stop_after(patched, epoch)
            with pytest.raises(KeyboardInterrupt):
                run(arrays, tmp_path / str(epoch), member)
        assert run(arrays, tmp_path / str(epoch), member) == whole
        assert len((tmp_path / str(epoch) / "history.csv").read_text().splitlines()) == 5
