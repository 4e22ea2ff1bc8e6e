"""What a training depends on, besides its data."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from medley.labels import Values


@dataclasses.dataclass(frozen=True)
class Task:
    """One network to train."""

    member: dict[str, Any]  # the resolved member of config.yaml
    values: Values  # label → mask values
    seed: int
    threads: int
    weights: str | None  # file of the encoder's pretrained weights
    domains: Mapping[str, int] = dataclasses.field(default_factory=dict)  # training case → vendor, for an adversary
