"""Networks that were trained without one vendor's cases, and what they give on test cases of all vendors."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from medley.cases import Case
from medley.errors import InputError
from medley.results.cases import native_cases
from medley.results.slices import Folds, patients_of
from medley.results.study import Study
from medley.splits import TEST, TRAIN

NONE = "none"  # in the place of the vendor that a network was trained without
EACH = "each"  # in its place: all networks that were trained without one, together
METRICS = ("dice", "hd", "precision", "recall")  # of metrics.csv; the last two tell where one mask is empty
NETWORK = ["dataset", "predictor", "without"]

Cases = Mapping[str, Mapping[str, Case]]  # dataset → name → case


def by_case(
    metrics: pd.DataFrame,
    cases: Cases,
    splits: Mapping[tuple[str, str], Folds],
    left_out: Mapping[str, str | None],
    study: Study,
) -> pd.DataFrame:
    """Return what ``native_cases`` does of the test cases of ``study``, one row per network, label and case.

    ``metrics`` holds rows of metrics.csv, ``left_out`` the vendor that a split leaves out of training. ``without`` is
    that vendor, ``vendor`` and ``pathology`` are the case's, and ``vendor_seen`` and ``pathology_seen`` say whether
    the split has cases of them outside its test part: whatever is not test may have shaped the network.
    ``trained_on`` counts the patients of its training part, of several folds those of the largest. Raises InputError
    without test cases, and for one without vendor.
    """
    shown = metrics[metrics["predictor"].isin(study.run) & (metrics["part"] == TEST)]
    frames = []
    for dataset in study.datasets:
        for split, vendor in left_out.items():
            own = shown[(shown["dataset"] == dataset) & (shown["split"] == split)]
            if len(own):
                described = _described(native_cases(own), dataset, cases[dataset], splits[dataset, split])
                frames.append(described.assign(without=vendor or NONE))
    if not frames:
        raise InputError(
            f"studies.{study.name}: the splits {', '.join(left_out)} have no test cases; write test: official"
        )
    return pd.concat(frames, ignore_index=True)


def minus(frame: pd.DataFrame, reference: pd.DataFrame, column: str, keys: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return ``column`` of ``frame`` minus that of ``reference``, paired by ``keys``.

    Not a number where the reference has no such row. Where it has several, their mean is taken.
    """
    theirs = reference.groupby(list(keys))[column].mean()
    pairs = pd.MultiIndex.from_frame(frame[list(keys)])
    found: npt.NDArray[np.float64] = frame[column].to_numpy(np.float64) - theirs.reindex(pairs).to_numpy(np.float64)
    return found


def vendors_of(frame: pd.DataFrame, dataset: str) -> list[str]:
    """Return the vendors of a dataset's test cases in ``frame`` (see ``by_case``), sorted."""
    return sorted(set(frame.loc[frame["dataset"] == dataset, "vendor"]))


def _described(rows: pd.DataFrame, dataset: str, cases: Mapping[str, Case], folds: Folds) -> pd.DataFrame:
    """Return ``rows`` of the cases of one dataset and split with the vendor and pathology of each."""
    learnt = [cases[name] for parts in folds.values() for part in parts if part != TEST for name in parts[part]]
    own = [cases[name] for name in rows["case"]]
    if nameless := next((case.case for case in own if not case.vendor), None):
        raise InputError(
            f"{dataset}: the test case {nameless} has no vendor in cases.csv; add the source's table of subjects, or "
            "take vendors and domain_adaptation out of `tables`, and vendor_matrix out of `figures`"
        )
    vendors, pathologies = {case.vendor for case in learnt}, {case.pathology for case in learnt}
    return rows.assign(
        vendor=[case.vendor for case in own],
        pathology=[case.pathology for case in own],
        vendor_seen=[case.vendor in vendors for case in own],
        pathology_seen=[case.pathology in pathologies for case in own],
        trained_on=max(len(patients_of(cases, parts[TRAIN])) for parts in folds.values()),
    )
