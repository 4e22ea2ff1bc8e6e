"""Memory that runs out in a training, said in the words of config.yaml."""

import contextlib
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from medley.errors import InputError

# What a failed allocation says: torch on the processor, CUDA itself, its libraries.
OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED")


@contextlib.contextmanager
def explained(member: Mapping[str, Any], where: str, kept: str) -> Iterator[None]:
    """Turn an allocation that fails, on GPU or processor, into an InputError that says which keys to lower.

    ``where`` says in which epoch and on what device, ``kept`` which state there is to go on from.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(words in str(error) for words in OUT_OF_MEMORY):
            raise
        logging.info("%s", error)
        size = "its `patch`" if "patch" in member else f"rows and columns of `shape` in recipe {member['recipe']}"
        raise InputError(
            f"memory ran out in {where}: in config.yaml lower the member's `batch` ({member['batch']}), or {size}; "
            f"{kept}"
        ) from None
