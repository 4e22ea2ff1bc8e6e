"""Pretrained weights of encoders, from where segmentation-models-pytorch would take them."""

import ast
import functools
import importlib.util
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from medley.download import fetch, published_checksum, session
from medley.errors import InputError

SERVER = "https://huggingface.co"
LIBRARY = "segmentation_models_pytorch"


def address(encoder: str, weights: str) -> str:
    """Return the URL of the weights, at the revision that segmentation-models-pytorch pins.

    Raises InputError for an encoder or for weights that it does not have.
    """
    pins = _pins()
    name = f"{encoder}.{weights}"
    if name not in pins:
        has = sorted(pin.removeprefix(f"{encoder}.") for pin in pins if pin.startswith(f"{encoder}."))
        choice = f"it has {', '.join(has)}" if has else "nor any others; is the encoder's name right?"
        raise InputError(f"{LIBRARY}: encoder {encoder!r} has no weights {weights!r}, {choice}")
    repository, revision = pins[name]
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


@functools.cache
def _pins() -> dict[str, tuple[str, str]]:
    """Return repository and revision of everything the library pins, by ``encoder.weights``.

    Read from its source, whose settings are literals: importing it would load torch. A repository
    is named after what it holds, ``smp-hub/resnet34.imagenet``.
    """
    found = importlib.util.find_spec(LIBRARY)
    if found is None or found.origin is None:
        raise InputError(f"{LIBRARY} is not installed; make the environment anew with `make env`")
    pins = {}
    for path in sorted((Path(found.origin).parent / "encoders").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Dict):
                settings = dict(_constants(node))
                if "repo_id" in settings:
                    name = settings["repo_id"].rpartition("/")[2]
                    pins[name] = (settings["repo_id"], settings["revision"])
    return pins


def _constants(mapping: ast.Dict) -> Iterator[tuple[str, str]]:
    """Yield the keys and values of a mapping's source that are both written out."""
    for key, value in zip(mapping.keys, mapping.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(value, ast.Constant):
            yield str(key.value), str(value.value)
