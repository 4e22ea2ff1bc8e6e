"""CBIS-DDSM, masses in whole mammograms: one case a view, with the masks of its abnormalities united.

The pathology of a case is the gravest among its abnormalities. Where one of the masks cannot be had, the whole case
cannot: the rest would say that the missing mass is none. Files, names and units: ``cbis_ddsm``.
"""

import dataclasses
import itertools
from pathlib import Path

from medley.cases import Case
from medley.datasets import cbis_ddsm
from medley.datasets.cbis_ddsm_tables import GRAVEST_FIRST, Abnormality, abnormalities

LABELS: dict[str, tuple[int, ...]] = {"mass": (1,)}
read_image, read_mask, between = cbis_ddsm.read_mammogram, cbis_ddsm.read_masks, cbis_ddsm.between
make_phantom, download = cbis_ddsm.make_phantom, cbis_ddsm.download


def index(folder: Path) -> list[Case]:
    """Return the case of every view, called as ``Mass-Test_P_00066_LEFT_CC``.

    Raises InputError for tables that are missing or wrong, and where no view has its picture.
    """
    views = itertools.groupby(abnormalities(Path(folder)), key=lambda row: row.mammogram)
    return cbis_ddsm.cases([_united(list(rows)) for _, rows in views], cbis_ddsm.mammogram)


def _united(rows: list[Abnormality]) -> Abnormality:
    """Return one row for the view of ``rows``."""
    gravest = min((row.pathology for row in rows), key=GRAVEST_FIRST.index)
    return dataclasses.replace(rows[0], name=rows[0].mammogram, pathology=gravest)
