"""M&Ms-2 from the challenge's organisers, who hand it out to those who register, by hand."""

from pathlib import Path

from medley.datasets import mnms2_table
from medley.errors import InputError

PAGE = "https://www.ub.edu/mnms-2/"

BY_HAND = (
    f"M&Ms-2 is given to those who ask for it: register at {PAGE}, accept its terms (non-commercial research, "
    "citation) and take the archive that the answer leads to, of images, masks and a table of all 360 subjects. "
    f"Unpack it, so that there are MnM2/{mnms2_table.NAME} and MnM2/dataset/001/001_SA_ED.nii.gz, and write "
    "`source: {kind: local, path: …}`, the folder that holds MnM2/, for each of the datasets mnms2_sa and mnms2_la"
)


def download(folder: Path) -> None:
    """Do nothing where a person has unpacked the archive into ``folder``; else raise InputError, which says how."""
    if not any((place / mnms2_table.NAME).is_file() for place in (folder, folder / "MnM2")):
        raise InputError(f"{folder}: no {mnms2_table.NAME}, neither there nor in MnM2/\n{BY_HAND}")
