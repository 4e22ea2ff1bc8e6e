"""ISIC 2018 task 1 from the challenge's public archives, unpacked beside themselves.

No checksums are published: they are recorded at the first download (see ``medley.manifest``); the numbers of images
and masks are, and are checked. The archives, 13 GB of them, stay, so that they need not come again.
"""

import logging
from pathlib import Path

from medley import archive
from medley.datasets import pictures
from medley.datasets.isic2018 import images_folder, masks_folder
from medley.download import fetch, session
from medley.errors import InputError

SERVER = "https://isic-challenge-data.s3.amazonaws.com/2018"
COUNTS = {"training": 2594, "validation": 100, "testing": 1000}

BY_HAND = (
    "ISIC 2018 can also be fetched with a browser from https://challenge.isic-archive.com/data/#2018: the images of "
    "tasks 1 and 2 and the ground truth of task 1, for training, validation and test; either put the six archives "
    "unopened into the dataset's folder and start again, or unpack them and write "
    "`source: {kind: local, path: …}`, the folder that holds ISIC2018_Task1-2_Training_Input/"
)


def download(folder: Path) -> None:
    """Fetch the six archives into ``folder``, those that are there excepted, and unpack each into a folder of its name.

    Raises InputError when the server cannot be reached, an archive is damaged, or a part does not have the challenge's
    number of files; the message says how to go on by hand.
    """
    with session() as http:
        for part, count in COUNTS.items():
            for name in (images_folder(part), masks_folder(part)):
                packed = folder / f"{name}.zip"
                try:
                    fetch(http, f"{SERVER}/{packed.name}", packed)
                except InputError as error:
                    raise InputError(f"{error}\n{BY_HAND}") from None
                logging.info("unpacking %s", packed)
                archive.extract(packed, folder / name)
                found = len(pictures.files(folder / name / name))
                if found != count:
                    what = f"{packed}: holds {found} pictures, not the challenge's {count}"
                    raise InputError(f"{what}; delete it to fetch it again")
