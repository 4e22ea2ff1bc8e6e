"""Losses, optimisers and schedules, against values worked out by hand."""

import math

import pytest
import torch

from medley import losses, optimisers, schedules
from medley.errors import InputError


def test_dice_bce_by_hand():
    logits = torch.zeros(1, 2, 1, 4)  # probability one half everywhere
    targets = torch.tensor([[[[1.0, 1.0, 0.0, 0.0]], [[0.0, 0.0, 0.0, 0.0]]]])
    # First label: Dice 2 · (2 · ½) / (4 · ½ + 2) = ½, so 1 − ½; the second is absent and counts 0: mean ¼.
    # Cross-entropy: log 2 at every pixel.
    expected = 0.4 * 0.25 + 0.6 * math.log(2)
    assert losses.build("dice_bce", "sigmoid")(logits, targets).item() == pytest.approx(expected)


def test_dice_bce_averages_the_cross_entropy_over_pixels_and_labels():
    logits = torch.tensor([2.0, -1.0]).reshape(1, 2, 1, 1)
    targets = torch.tensor([1.0, 1.0]).reshape(1, 2, 1, 1)
    inside, outside = 1 / (1 + math.exp(-2)), 1 / (1 + math.exp(1))
    dice = [2 * p / (p + 1) for p in (inside, outside)]
    expected = 0.4 * (1 - sum(dice) / 2) + 0.6 * -(math.log(inside) + math.log(outside)) / 2
    assert losses.build("dice_bce", "sigmoid")(logits, targets).item() == pytest.approx(expected, rel=1e-5)


def test_dice_bce_is_not_for_labels_that_exclude_each_other():
    with pytest.raises(InputError, match="head: sigmoid"):
        losses.build("dice_bce", "softmax")


def test_bce_by_hand():
    logits = torch.tensor([2.0, -1.0]).reshape(1, 1, 1, 2)
    targets = torch.tensor([1.0, 1.0]).reshape(1, 1, 1, 2)
    expected = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(1))) / 2
    assert losses.build("bce", "sigmoid")(logits, targets).item() == pytest.approx(expected)
    with pytest.raises(InputError, match="head: sigmoid"):
        losses.build("bce", "softmax")


def test_log_cosh_dice_by_hand():
    logits = torch.zeros(1, 1, 1, 4)  # probability one half everywhere: Dice 2 · 1 / (2 + 2) = ½
    targets = torch.tensor([1.0, 1.0, 0.0, 0.0]).reshape(1, 1, 1, 4)
    expected = math.log(math.cosh(0.5))
    assert losses.build("log_cosh_dice", "sigmoid")(logits, targets).item() == pytest.approx(expected, rel=1e-5)


def test_rmsprop_with_momentum_by_hand():
    parameter = torch.nn.Parameter(torch.tensor([1.0]))
    optimiser = optimisers.build("rmsprop", [parameter], 0.01)
    value, square, velocity = 1.0, 0.0, 0.0
    for gradient in (2.0, -1.0, 0.5):
        parameter.grad = torch.tensor([gradient])
        optimiser.step()
        square = 0.99 * square + 0.01 * gradient**2
        velocity = 0.9 * velocity + gradient / (math.sqrt(square) + 1e-8)
        value -= 0.01 * velocity
    assert parameter.item() == pytest.approx(value, rel=1e-5)


def rates(specification, epochs, lr=5e-4):
    """The learning rates of the epochs."""
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    schedule, seen = schedules.build(specification, optimiser, epochs), []
    for _ in range(epochs):
        seen.append(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()
    return seen


def test_cosine_of_a_longer_period_does_not_reach_its_minimum():
    seen = rates({"name": "cosine", "period": 50, "minimum": 1e-5}, 30)
    expected = [1e-5 + (5e-4 - 1e-5) * (1 + math.cos(math.pi * epoch / 50)) / 2 for epoch in range(30)]
    assert seen == pytest.approx(expected)
    assert seen[-1] > 1e-4


def test_cosine_without_a_period_falls_over_the_training():
    expected = [1e-3 * (1 + math.cos(math.pi * epoch / 4)) / 2 for epoch in range(4)]
    assert rates("cosine", 4, 1e-3) == pytest.approx(expected)


def test_step_by_hand():
    assert rates({"name": "step", "factor": 0.9}, 4, 1e-6) == pytest.approx([1e-6, 9e-7, 8.1e-7, 7.29e-7])
    assert rates({"name": "step", "factor": 0.1, "every": 2}, 5, 1.0) == pytest.approx([1, 1, 0.1, 0.1, 0.01])
