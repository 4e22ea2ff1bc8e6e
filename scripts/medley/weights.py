"""Pretrained weights of encoders, from where segmentation-models-pytorch would take them."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medley.download import fetch, published_checksum, session
from medley.errors import InputError
from medley.pins import LIBRARY, pins

SERVER = "https://huggingface.co"


def address(encoder: str, weights: str) -> str:
    """Return the URL of the weights, at the revision that segmentation-models-pytorch pins.

    Raises InputError for an encoder or for weights that it does not have.
    """
    if (encoder, weights) not in pins():
        has = sorted(name for owner, name in pins() if owner == encoder)
        choice = f"it has {', '.join(has)}" if has else "nor any others; is the encoder's name right?"
        raise InputError(f"{LIBRARY}: encoder {encoder!r} has no weights {weights!r}, {choice}")
    repository, revision = pins()[encoder, weights]
    return f"{SERVER}/{repository}/resolve/{revision}/model.safetensors"


def download(encoder: str, weights: str, path: Path) -> None:
    """Bring the weights of ``encoder`` to ``path``, with the checksum that the server publishes.

    Raises InputError as ``address`` and ``medley.download.fetch`` do.
    """
    url = address(encoder, weights)
    with session() as http:
        checksum = published_checksum(http, url)
        logging.info("%s, SHA-256 %s", url, checksum or "not published")
        fetch(http, url, path, checksum=checksum)


def members_starting_from(studies: Mapping[str, Any], encoder: str, weights: str) -> list[str]:
    """Return the members ``study/member`` of resolved ``studies`` that start from these weights."""
    return [
        f"{study}/{name}"
        for study, content in sorted(studies.items())
        for name, member in sorted(content["members"].items())
        if (member["encoder"], member["weights"]) == (encoder, weights)
    ]
