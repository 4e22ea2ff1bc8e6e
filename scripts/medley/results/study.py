"""What a table or figure must know of its study: who is shown under one protocol, and how they were made."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Study:
    """A study as one protocol shows it."""

    name: str
    datasets: Sequence[str]
    phantoms: Sequence[str]  # those of the datasets that are made up
    predictors: Sequence[str]  # in configured order, also those that are not run
    members: Mapping[str, Mapping[str, Any]]  # those that run, shown or not
    ensembles: Mapping[str, Mapping[str, Any]]
    not_run: Mapping[str, str]  # name -> reason
    random_start: Mapping[str, str] = dataclasses.field(default_factory=dict)  # member -> the weights it does without
    remarks: Sequence[str] = ()  # what stands below every table
    grid: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)  # member -> key -> choice's name

    @property
    def run(self) -> list[str]:
        """Return the shown predictors that run."""
        return [name for name in self.predictors if name not in self.not_run]

    @property
    def background(self) -> str | None:
        """Return the shown all-background prediction, None where there is none."""
        return next((name for name in self.run if self.kind(name) == "background"), None)

    def kind(self, name: str) -> str:
        """Return an ensemble's kind, ``member`` for a member."""
        return str(self.ensembles[name]["kind"]) if name in self.ensembles else "member"

    def specification(self, name: str) -> Mapping[str, Any]:
        """Return how a member or ensemble that runs is made."""
        return self.ensembles[name] if name in self.ensembles else self.members[name]

    def labels(self, name: str) -> list[str]:
        """Return the labels that a predictor was made for."""
        return list(self.specification(name)["labels"])

    def members_of(self, name: str) -> list[str]:
        """Return the members that an ensemble takes, or the member itself."""
        return list(self.ensembles[name]["members"]) if name in self.ensembles else [name]

    def built_without(self, name: str) -> list[str]:
        """Return the members that an ensemble lacks."""
        return list(self.ensembles[name]["built_without"]) if name in self.ensembles else []

    def combined(self) -> list[list[str]]:
        """Return, for each label set, an ensemble (last) after those of its members that are shown.

        It is the first shown one that has all its members and combines them (neither ``best`` nor
        ``background``). Without any, all shown members are one group.
        """
        found: dict[tuple[str, ...], list[str]] = {}
        for name in self.run:
            combines = self.kind(name) not in ("member", "background", "best")
            if combines and not self.built_without(name):
                members = [member for member in self.members_of(name) if member in self.run]
                found.setdefault(tuple(self.labels(name)), [*members, name])
        return list(found.values()) or [[name for name in self.run if self.kind(name) == "member"]]

    def in_order(self, labels: Iterable[str]) -> list[str]:
        """Return ``labels``, each once, in the order in which predictors name them, then by name."""
        named = [label for name in (*self.members, *self.ensembles) for label in self.labels(name)]
        order = {label: place for place, label in enumerate(dict.fromkeys(named))}
        return sorted(set(labels), key=lambda label: (order.get(label, len(order)), label))
