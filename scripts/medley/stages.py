"""Stages of a training: in which epochs which parts of a network learn, and how fast.

A member without ``stages`` has one, in which everything learns. The way of fine-tuning a pretrained network
stepwise: first its encoder is frozen, then some of it thawed (Howard and Ruder 2018, arXiv:1801.06146).
"""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from medley.errors import InputError


@dataclasses.dataclass(frozen=True)
class Stage:
    """Some epochs of a training, with an optimiser and a schedule of their own."""

    epochs: int
    lr: float
    optimiser: Any
    schedule: Any
    freeze: Sequence[str] = ()  # names of modules, as in the keys of the weights: encoder
    thaw: Sequence[str] = ()  # modules below these that learn nevertheless


def of(member: Mapping[str, Any]) -> list[Stage]:
    """Return the stages of a resolved member; what a stage does not say is the member's."""
    common = {key: member[key] for key in ("epochs", "lr", "optimiser", "schedule")}
    return [Stage(**{**common, **own}) for own in member.get("stages", [{}])]


def at(stages: Sequence[Stage], epoch: int) -> Stage:
    """Return the stage of the epoch after ``epoch`` finished ones, the last one after them all."""
    ends = itertools.accumulate(stage.epochs for stage in stages)
    return next((stage for stage, end in zip(stages, ends, strict=True) if epoch < end), stages[-1])


def begins(stages: Sequence[Stage], epoch: int) -> bool:
    """Return whether a new stage begins after ``epoch`` finished epochs."""
    ends = list(itertools.accumulate(stage.epochs for stage in stages))
    return epoch in ends[:-1]


def freeze(network: nn.Module, stage: Stage) -> list[nn.Module]:
    """Let the parameters learn that ``stage`` says, and return the modules that are frozen.

    Raises InputError where the network has no module of a name that the stage freezes or thaws.
    """
    modules = dict(network.named_modules())
    for name in (*stage.freeze, *stage.thaw):
        if name not in modules:
            near = ", ".join(other for other in modules if other.count(".") == 0 and other)
            raise InputError(f"stages: the network has no module {name!r} to freeze or thaw; the outermost are {near}")
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not _is_frozen(name, stage))
    return [module for name, module in modules.items() if _is_frozen(name, stage)]


def keep_frozen(modules: Sequence[nn.Module]) -> None:
    """Put frozen modules into evaluation mode, without those below them: what was thawed there stays in training.

    Frozen weights with batch-norm statistics that move, or with drop-connect, would not be the pretrained ones.
    """
    for module in modules:
        module.training = False


def _is_frozen(name: str, stage: Stage) -> bool:
    return _is_below(name, stage.freeze) and not _is_below(name, stage.thaw)


def _is_below(name: str, tops: Sequence[str]) -> bool:
    return any(name == top or name.startswith(f"{top}.") for top in tops)
