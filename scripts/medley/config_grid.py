"""Shorthands of config.yaml, written out: members as a product of their keys, and names with a ``*``."""

import copy
import fnmatch
import itertools
from collections.abc import Iterable, Mapping
from typing import Any


def expand(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``config`` with the members of each study's ``grid`` among its members, and every ``*`` replaced.

    A grid maps keys of members to choices, and each choice's name to its value. A member's name is the names of
    its choices with _ between, in the order of the keys; what ``members`` says under such a name is laid over it.
    A name with * in an ensemble's ``of`` stands for all members that it fits, in a protocol's ``predictors`` for
    ensembles as well; one that fits nothing stays, and is found by the check.
    """
    expanded = copy.deepcopy(dict(config))
    for study in expanded.get("studies", {}).values():
        own = study.get("members", {})
        grid = study.get("grid", {})
        product = {
            name: {key: grid[key][choice] for key, choice in chosen.items()} for name, chosen in choices(grid).items()
        }
        study["members"] = {name: member | own.get(name, {}) for name, member in product.items()}
        study["members"] |= {name: member for name, member in own.items() if name not in product}
        for ensemble in study.get("ensembles", {}).values():
            if "of" in ensemble:
                ensemble["of"] = _fitting(ensemble["of"], study["members"])
        names = [*study["members"], *study.get("ensembles", {})]
        for protocol in study.get("protocols", {}).values():
            if "predictors" in protocol:
                protocol["predictors"] = _fitting(protocol["predictors"], names)
    return expanded


def choices(grid: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Return the members of a grid by name, each with the name of its choice for every key."""
    products = itertools.product(*(list(named) for named in grid.values())) if grid else []
    return {"_".join(chosen): dict(zip(grid, chosen, strict=True)) for chosen in products}


def _fitting(patterns: Iterable[str], names: Iterable[str]) -> list[str]:
    known, found = list(names), dict[str, None]()
    for pattern in patterns:
        fitting = [name for name in known if fnmatch.fnmatchcase(name, pattern)] if "*" in pattern else []
        found |= dict.fromkeys(fitting or [pattern])
    return list(found)
