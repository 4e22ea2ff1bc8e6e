"""M&Ms-2, the short-axis stacks: one case a subject and phase.

The long-axis slices are ``mnms2_la``. Files and units: ``mnms2``.
"""

from pathlib import Path

from medley.cases import Case
from medley.datasets import mnms2

LABELS: dict[str, tuple[int, ...]] = {"LV": (1,), "MYO": (2,), "RV": (3,)}  # the reverse of ACDC's
VIEW = "SA"
read_image, read_mask = mnms2.read_image, mnms2.read_mask
read_cine, cine_file = mnms2.read_cine, mnms2.cine_file
make_phantom, download = mnms2.make_phantom, mnms2.download


def index(folder: Path) -> list[Case]:
    """Return the cases of this view, called as ``001_SA_ED``; raises as ``mnms2.index`` does."""
    return mnms2.index(folder, VIEW, LABELS)


def subject_cases(folder: Path) -> list[Case]:
    """Return the cases of one new subject's folder in this view; raises as ``mnms2.subject_cases`` does."""
    return mnms2.subject_cases(folder, VIEW, LABELS)
