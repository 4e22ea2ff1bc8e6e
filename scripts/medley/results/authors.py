"""What the authors of base_architectures say of their data: what they call it, and how much of it they used."""

from typing import NamedTuple

import pandas as pd


class Used(NamedTuple):
    """Cases of a part before and after the authors' inspection."""

    cases: int
    kept: int


# That they do not say whether a case of CBIS-DDSM is a whole mammogram or a region of it: it stands beside both.
CBIS = "cbis_ddsm"
PUBLISHED_AS = {"cbis_ddsm_region": CBIS, "cbis_ddsm_whole": CBIS}

# By dataset and official part, as they state them; of the rejected they show pictures and give no rule.
INSPECTED = {
    ("isic2018", "training"): Used(2594, 2480),
    ("isic2018", "testing"): Used(1000, 1000),
    (CBIS, "training"): Used(1318, 1301),
    (CBIS, "testing"): Used(378, 377),
    ("chest_xray", "training"): Used(566, 566),
    ("chest_xray", "testing"): Used(138, 138),
}


def published_as(dataset: str) -> str:
    """Return what the authors call ``dataset``."""
    return PUBLISHED_AS.get(dataset, dataset)


def inspected(dataset: str, part: str) -> Used | None:
    """Return how many cases of an official part of ``dataset`` the authors used, None where they say nothing."""
    return INSPECTED.get((published_as(dataset), part))


def published_of(published: pd.DataFrame, dataset: str, place: str) -> pd.DataFrame:
    """Return the rows of published.csv on ``place`` (``test``, or the name of an image) of ``dataset``."""
    return published[published["subset"] == f"{published_as(dataset)}/{place}"]
