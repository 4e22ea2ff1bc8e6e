"""Chest X-rays from the National Library of Medicine, and the masks of Shenzhen, which a person must fetch.

The library publishes the images of both hospitals and the masks of Montgomery as two archives. The masks of
Shenzhen are somebody else's (see ``chest_xray``), behind a login. No checksums are published: they are recorded at
the first download (see ``medley.manifest``). The archives, 4 GB of them, stay, so that they need not come again.
"""

import logging
from pathlib import Path

from medley import archive
from medley.download import fetch, session
from medley.errors import InputError

LIBRARY = "https://openi.nlm.nih.gov/imgs/collections"
ARCHIVES = ("ChinaSet_AllFiles", "NLM-MontgomeryCXRSet")
MASKS = "shcxr-lung-mask"
PACKED = f"{MASKS}.zip"

BY_HAND = (
    "The masks of Shenzhen are for those who accept their licence, CC BY-NC-SA 4.0: log in to Kaggle, press Download "
    f"at https://www.kaggle.com/datasets/yoctoman/{MASKS}, put the archive unopened into the dataset's folder as "
    f"{PACKED}, and start again: the images come from {LIBRARY}. Or fetch "
    f"{' and '.join(f'{name}.zip' for name in ARCHIVES)} from there by hand too, put them unopened beside it, and "
    "start again; or unpack all of them and write `source: {kind: local, path: …}`, the folder that holds them"
)


def download(folder: Path) -> None:
    """Fetch the library's archives into ``folder``, unless they are there, and unpack them and that of the masks.

    Raises InputError where the masks are missing, the server cannot be reached or an archive is damaged.
    """
    if not (folder / PACKED).is_file():
        raise InputError(f"{folder / PACKED}: no such file\n{BY_HAND}")
    with session() as http:
        for name in ARCHIVES:
            try:
                fetch(http, f"{LIBRARY}/{name}.zip", folder / f"{name}.zip")
            except InputError as error:
                raise InputError(f"{error}\n{BY_HAND}") from None
    for name in (*ARCHIVES, MASKS):
        logging.info("unpacking %s", folder / f"{name}.zip")
        archive.extract(folder / f"{name}.zip", folder / name)
