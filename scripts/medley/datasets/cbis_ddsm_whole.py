"""CBIS-DDSM, masses in whole mammograms: one case an abnormality, as reported.

A mammogram with several abnormalities is several cases of one picture, each with the mask of one of them: what a
network finds of the others counts against it (``cbis_ddsm_united`` has them in one mask). Files, names and units:
``cbis_ddsm``.
"""

from pathlib import Path

from medley.cases import Case
from medley.datasets import cbis_ddsm
from medley.datasets.cbis_ddsm_tables import abnormalities

LABELS: dict[str, tuple[int, ...]] = {"mass": (1,)}
read_image, read_mask, between = cbis_ddsm.read_mammogram, cbis_ddsm.read_masks, cbis_ddsm.between
make_phantom, download = cbis_ddsm.make_phantom, cbis_ddsm.download


def index(folder: Path) -> list[Case]:
    """Return the case of every abnormality, called as ``Mass-Test_P_00066_LEFT_CC_1``.

    Raises InputError for tables that are missing or wrong, and where no row has its picture.
    """
    return cbis_ddsm.cases(abnormalities(Path(folder)), cbis_ddsm.mammogram)
