"""GI Tract from Kaggle, for who has accepted the competition's rules: its one archive, unpacked.

Kaggle's own client (https://github.com/Kaggle/kaggle-api) asks the same address with the same tokens, but
begins a broken download again from the start. The archive stays, so that it need not come again.
"""

import logging
import os
from pathlib import Path

import requests

from medley import archive
from medley.datasets.gi_tract import ARCHIVE
from medley.download import fetch, session
from medley.errors import InputError
from medley.files import read_json

COMPETITION = f"https://www.kaggle.com/competitions/{ARCHIVE}"
SERVER = "https://www.kaggle.com"
PACKED = f"{ARCHIVE}.zip"
ADDRESS = f"https://www.kaggle.com/api/v1/competitions/data/download-all/{ARCHIVE}"

BY_HAND = (
    f"GI Tract is for those who accept the competition's rules: log in to Kaggle, accept them at {COMPETITION}/rules "
    "(Late Submission), then either make a token in Kaggle's settings, put it into KAGGLE_API_TOKEN or "
    f"~/.kaggle/access_token, and start again; or download everything at {COMPETITION}/data, put the archive "
    f"unopened into the dataset's folder as {PACKED}, and start again; or unpack it and write "
    "`source: {kind: local, path: …}`, the folder that holds train.csv and train/"
)


def download(folder: Path) -> None:
    """Fetch the archive into ``folder``, unless it is there, and unpack it beside itself.

    Needs a token of Kaggle's: KAGGLE_API_TOKEN or ``access_token``, or the older pair of KAGGLE_USERNAME and
    KAGGLE_KEY or ``kaggle.json``; the files lie in KAGGLE_CONFIG_DIR or ``~/.kaggle``. Raises InputError
    where there is none, the server refuses it or cannot be reached, or the archive is damaged.
    """
    packed = folder / PACKED
    if not packed.is_file():
        try:
            with session() as http:
                http.auth = login()
                fetch(http, ADDRESS, packed)
        except InputError as error:
            raise InputError(f"{error}\n{BY_HAND}") from None
    logging.info("unpacking %s", packed)
    archive.extract(packed, folder / ARCHIVE)


class _Bearer(requests.auth.AuthBase):
    """One token for name and password. As requests' own kind, it does not follow to another server."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


def login() -> requests.auth.AuthBase:
    """Return the user's token, looked for where Kaggle's client does and in its order.

    Raises InputError where there is none.
    """
    folder = Path(os.environ.get("KAGGLE_CONFIG_DIR") or Path.home() / ".kaggle")
    if token := os.environ.get("KAGGLE_API_TOKEN", "").strip() or _text(folder / "access_token"):
        return _Bearer(token)
    user, key = (os.environ.get(name, "").strip() for name in ("KAGGLE_USERNAME", "KAGGLE_KEY"))
    if not (user and key):
        user, key = _pair(folder / "kaggle.json")
    return requests.auth.HTTPBasicAuth(user, key)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def _pair(path: Path) -> tuple[str, str]:
    """Return name and key of ``kaggle.json``."""
    if not path.is_file():
        raise InputError(f"{ADDRESS}: needs a login, and there is no token of Kaggle's")
    try:
        content = read_json(path)
        return content["username"], content["key"]
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: has no username and key; make a new token in Kaggle's settings") from None
