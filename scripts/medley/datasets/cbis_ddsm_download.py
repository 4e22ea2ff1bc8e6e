"""CBIS-DDSM from The Cancer Imaging Archive (TCIA), which hands it out through a program of its own, by hand."""

from pathlib import Path

from medley.datasets.cbis_ddsm_tables import TABLES, tables
from medley.errors import InputError

COLLECTION = "https://www.cancerimagingarchive.net/collection/cbis-ddsm/"
RETRIEVER = "https://wiki.cancerimagingarchive.net/display/NBIA/Downloading+TCIA+Images"

BY_HAND = (
    "CBIS-DDSM is fetched with TCIA's own program, the NBIA Data Retriever: no login, but its data usage policy and "
    f"licence (CC BY 3.0) are to be accepted. Install it ({RETRIEVER}); at {COLLECTION} take the tables "
    f"{' and '.join(TABLES)} and the manifest (.tcia): of everything (164 GB), or, where they are offered, the four "
    "of Mass-Training and Mass-Test, full mammograms and ROI with cropped images; open it with the program, and put "
    "the folder CBIS-DDSM that it fills and the two tables into one folder. Or take the form in JPEG that is handed "
    "on elsewhere (6 GB): one folder with csv/, which holds the tables, and jpeg/. Then write "
    "`source: {kind: local, path: …}`, that folder, for each of the datasets cbis_ddsm_*"
)


def download(folder: Path) -> None:
    """Do nothing where a person has put the tables into ``folder``; else raise InputError, which says how."""
    try:
        tables(folder)
    except InputError as error:
        raise InputError(f"{error}\n{BY_HAND}") from None
