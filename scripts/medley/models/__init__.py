"""Networks by name: each architecture is a module of this package with a function ``build``.

A module says what configuration may say of its members: ``ENCODER = False`` where there is no encoder to choose,
and in ``OPTIONS`` the keys of a member that only some networks take.
"""

import importlib
import math
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
    weights, or None for random ones. With a ``prior`` in the member the bias of the last layer is its logit, so that
    training does not begin by unlearning that half of all pixels are foreground (Lin et al. 2017, arXiv:1708.02002,
    section 4.1).
    """
    classes = len(member["labels"]) + (member["head"] == "softmax")
    network = importlib.import_module(module_name(member["architecture"])).build(member, channels, classes, weights)
    if "prior" in member:
        *_, last = (value for name, value in network.named_parameters() if name.endswith("bias"))
        if len(last) != classes:
            raise InputError(f"{member['architecture']}: its last layer has no bias of its own; remove `prior`")
        last.data.fill_(math.log(member["prior"] / (1 - member["prior"])))
    return network
