"""ACDC from its public server, file by file.

The collection lies on a Girder server (https://girder.readthedocs.io), which also sends all of it as
one archive; but that archive is made while it is sent, so a broken download of its 2 GB cannot be
continued, and nine tenths of it are the 4D files, which nothing here reads. No checksums are
published: they are recorded at the first download (see ``medley.manifest``).

Collection: https://humanheart-project.creatis.insa-lyon.fr/database/#collection/637218c173e9f0047faa00fb
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from medley.download import fetch, fetch_json, session
from medley.errors import InputError

SERVER = "https://humanheart-project.creatis.insa-lyon.fr/database/api/v1"
DATABASE = "637218e573e9f0047faa00fc"  # the folder that holds training/ and testing/
PARTS = ("testing", "training")
PATIENT = re.compile(r"patient\d{3}")
WANTED = re.compile(r"Info\.cfg|patient\d{3}_frame\d{2}(_gt)?\.nii\.gz")
PROGRESS = 50  # files between two progress lines

BY_HAND = (
    "ACDC can also be fetched with a browser from https://www.creatis.insa-lyon.fr/Challenge/acdc/databases.html: "
    "unpack it and write `source: {kind: local, path: …}`, the folder that holds training/ and testing/"
)


def download(folder: Path) -> None:
    """Fetch Info.cfg, both frames and their masks of all 150 patients into ``folder``.

    Files that are there with their size stay, so that a broken download goes on. Raises InputError
    when the server cannot be reached or has changed; the message says how to go on by hand.
    """
    with session() as http:
        try:
            files = sorted(_files(http), key=lambda file: file[0])
            if not files:
                raise InputError(f"{SERVER}: folder {DATABASE} lists no patients; the collection may have moved")
            for number, (path, identity, size) in enumerate(files, start=1):
                fetch(http, f"{SERVER}/item/{identity}/download", folder / path, size=size)
                if number % PROGRESS == 0 or number == len(files):
                    logging.info("%d of %d files", number, len(files))
        except InputError as error:
            raise InputError(f"{error}\n{BY_HAND}") from None


def _files(http: requests.Session) -> Iterator[tuple[str, str, int]]:
    """Yield path, item and bytes of every wanted file in the collection.

    Names come from the server, so only those that match whole become paths.
    """
    for part in _children(http, DATABASE):
        if part["name"] not in PARTS:
            continue
        patients = [child for child in _children(http, part["_id"]) if PATIENT.fullmatch(child["name"])]
        logging.info("listing %d patients in %s", len(patients), part["name"])
        for patient in patients:
            for item in fetch_json(http, f"{SERVER}/item?folderId={patient['_id']}&limit=0"):
                if WANTED.fullmatch(item["name"]):
                    yield f"{part['name']}/{patient['name']}/{item['name']}", item["_id"], int(item["size"])


def _children(http: requests.Session, folder: str) -> list[dict[str, Any]]:
    """Return the folders in a folder of the server."""
    listing: list[dict[str, Any]] = fetch_json(http, f"{SERVER}/folder?parentType=folder&parentId={folder}&limit=0")
    return listing
