"""Domain-adversarial training: a head tells vendors by the bottleneck, and the network learns to leave it in the dark.

Ganin et al. 2016, Domain-Adversarial Training of Neural Networks (JMLR 17:59). The head learns as any classifier does;
the gradient that goes on from it into the network is reversed.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from medley.errors import InputError

HIDDEN = 64  # units between bottleneck and answer
STEEPNESS = 10  # of the ramp, as in the paper


def build(member: Mapping[str, Any], network: Any, domains: Mapping[str, int]) -> "Adversary | None":
    """Return the adversary of ``network``, on its device; None where ``member`` has none.

    The network has ``encode`` and ``decode``, and its ``bottleneck`` is a number of channels.

    Raises InputError where ``domains`` (training case → number) are one alone.
    """
    if "adversary" not in member:
        return None
    if len(set(domains.values())) < 2:
        raise InputError("adversary: the training part has one vendor alone; take it out, or train on more")
    return Adversary(network.bottleneck, domains, member["adversary"]).to(next(network.parameters()).device)


def numbered(vendors: Mapping[str, str]) -> dict[str, int]:
    """Return case → number of its vendor, of ``vendors`` (case → name) in the order of their names."""
    names = sorted(set(vendors.values()))
    return {case: names.index(name) for case, name in vendors.items()}


class Adversary(nn.Module):
    """The loss of a head that tells the domains of cases, as a network in training sees it."""

    def __init__(self, channels: int, domains: Mapping[str, int], weight: float) -> None:
        """Build a head for a bottleneck of ``channels``; ``domains`` maps each training case to its own, from 0 on."""
        super().__init__()
        self.domains, self.weight = domains, weight
        self.head = Head(channels, len(set(domains.values())))

    def forward(self, bottleneck: torch.Tensor, cases: Sequence[str], done: float) -> torch.Tensor:
        """Return the head's cross-entropy over maps (n, channels, …) of n ``cases``.

        ``done`` is the share of the training that is over: the reversed gradient grows with it.
        """
        logits = self.head(bottleneck, self.weight * ramp(done))
        truth = torch.tensor([self.domains[case] for case in cases], device=logits.device)
        return nn.functional.cross_entropy(logits.float(), truth)


class Head(nn.Module):
    """Tells the domain of an image by the mean of each channel of its bottleneck."""

    def __init__(self, channels: int, domains: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(channels, HIDDEN), nn.LeakyReLU(), nn.Linear(HIDDEN, domains))

    def forward(self, bottleneck: torch.Tensor, strength: float) -> torch.Tensor:
        """Return logits (n, domains) of maps (n, channels, …); their gradient comes back times ``-strength``."""
        logits: torch.Tensor = self.layers(_Reversed.apply(bottleneck.flatten(2).mean(2), strength))
        return logits


class _Reversed(torch.autograd.Function):
    """The identity, whose gradient is multiplied by a negative number."""

    @staticmethod
    def forward(context: Any, values: torch.Tensor, strength: float) -> torch.Tensor:
        context.strength = strength
        return values.view_as(values)

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return -context.strength * gradient, None


def ramp(done: float) -> float:
    """Return how much of its weight the reversed gradient has after the share ``done`` of a training: from 0 to 1."""
    return 2 / (1 + math.exp(-STEEPNESS * done)) - 1
