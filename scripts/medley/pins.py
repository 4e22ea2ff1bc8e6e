"""Pretrained weights of encoders that segmentation-models-pytorch pins, and so its encoders by name.

Read from its source, since importing it loads torch, and by a regular expression: parsing the source
takes 70 ms, and every run waits for this.
"""

import functools
import importlib.util
import re
from pathlib import Path
from typing import NamedTuple

from medley.errors import InputError

LIBRARY = "segmentation_models_pytorch"
# A repository is named after what it holds: smp-hub/resnet34.imagenet.
SETTINGS = re.compile(r'"repo_id": "([^"]+/([^".]+)\.([^"]+))",\s*"revision": "([^"]+)"')


class Pin(NamedTuple):
    """Where pretrained weights lie on the server."""

    repository: str
    revision: str


@functools.cache
def pins() -> dict[tuple[str, str], Pin]:
    """Return the pin of each (encoder, weights).

    Raises InputError where the library is not installed.
    """
    found = importlib.util.find_spec(LIBRARY)
    if found is None or found.origin is None:
        raise InputError(f"{LIBRARY} is not installed; make the environment anew with `make env`")
    return {
        (encoder, weights): Pin(repository, revision)
        for path in sorted((Path(found.origin).parent / "encoders").glob("*.py"))
        for repository, encoder, weights, revision in SETTINGS.findall(path.read_text(encoding="utf-8"))
    }
