"""Networks by name: each architecture is a module of this package with a function ``build``.

A module says what configuration may say of its members: ``ENCODER = False`` where there is no encoder to choose,
and in ``OPTIONS`` the keys of a member that only some networks take.
"""

import importlib
from pathlib import Path
from typing import Any

from medley.errors import InputError


def module_name(architecture: str) -> str:
    """Return the module that builds ``architecture``: ``FPN`` → ``medley.models.fpn``.

    Raises InputError when there is none.
    """
    known = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py") if path.stem != "encoders")
    name = architecture.lower()
    if name not in known:
        raise InputError(f"architecture {architecture!r} is not known; known are {', '.join(known)}")
    return f"{__name__}.{name}"


def build(member: dict[str, Any], channels: int, weights: str | None) -> Any:
    """Return the network of ``member`` (a torch module: images (n, channels, …) → logits (n, classes, …)).

    ``channels`` is the number of image channels; ``weights`` the file with the encoder's pretrained
    weights, or None for random ones.
    """
    classes = len(member["labels"]) + (member["head"] == "softmax")
    return importlib.import_module(module_name(member["architecture"])).build(member, channels, classes, weights)
