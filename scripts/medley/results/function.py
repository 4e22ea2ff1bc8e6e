"""What a cardiologist reads off a heart: volumes at end diastole and end systole, ejection fractions, myocardial mass.

A volume is the number of a label's voxels on the native grid times the volume of one, as ``medley.evaluate`` counts
it. Only the short axis has volumes: a long-axis image is one slice.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pandas as pd

from medley.cases import Case
from medley.errors import InputError
from medley.results.study import Study

DIASTOLE, SYSTOLE = "ED", "ES"
LONG_AXIS = "LA"
LV, RV, MYOCARDIUM = "LV", "RV", "MYO"
DENSITY = 1.05  # of myocardium, g/ml; Society for Cardiovascular Magnetic Resonance, Schulz-Menger et al., 2020
VOLUME, DIFFERENCE = "volume", "volume_difference"  # metrics: true, and predicted minus true (ml)

KEYS = ["dataset", "part", "predictor", "seed", "patient"]
# Why a pair of true and predicted value is missing, in this order where several hold.
NO_IMAGE, NO_TRUTH, NO_PREDICTION = "no image", "empty truth", "empty prediction"
REASONS = (NO_IMAGE, NO_TRUTH, NO_PREDICTION)

Volumes = Mapping[str, "pd.Series[float]"]  # by phase, ml


class Quantity(NamedTuple):
    """One of the quantities: of a label at one phase, or at both."""

    name: str
    unit: str
    label: str
    phases: tuple[str, ...]

    def of(self, volumes: Volumes) -> "pd.Series[float]":
        """Return the quantity of the label's volumes by phase."""
        if len(self.phases) == 2:
            diastole, systole = (volumes[phase] for phase in self.phases)
            return 100 * (diastole - systole) / diastole
        return volumes[self.phases[0]] * (DENSITY if self.unit == "g" else 1)


QUANTITIES = (
    *(
        Quantity(f"{label} {name}", unit, label, phases)
        for label in (LV, RV)
        for name, unit, phases in (
            ("end-diastolic volume", "ml", (DIASTOLE,)),
            ("end-systolic volume", "ml", (SYSTOLE,)),
            ("ejection fraction", "%", (DIASTOLE, SYSTOLE)),
        )
    ),
    Quantity("LV mass", "g", MYOCARDIUM, (DIASTOLE,)),
)
COLUMNS = [*KEYS, "quantity", "unit", "true", "predicted", "missing"]


def per_patient(metrics: pd.DataFrame, cases: Mapping[str, Mapping[str, Case]], study: Study) -> pd.DataFrame:
    """Return one row (COLUMNS) per dataset, part, predictor, seed, patient and quantity of the predictor's labels.

    ``metrics`` holds rows of metrics.csv, ``cases`` each dataset's cases. ``missing`` is one of REASONS, or empty; with
    it ``true`` and ``predicted`` are not a number: a phase without image or an empty mask says nothing of a heart.
    Raises InputError when no short-axis case has a phase, or a patient has several of one.
    """
    volumes = _volumes(metrics, cases)
    frames = [
        _of_quantity(own, quantity)
        for name, own in volumes.groupby(level="predictor", sort=False)
        for quantity in QUANTITIES
        if quantity.label in study.labels(str(name))
    ]
    if not frames:
        raise InputError(
            f"{study.name}: no predictor of {LV}, {RV} or {MYOCARDIUM} is judged on short-axis cases of phase "
            f"{DIASTOLE} or {SYSTOLE}; take function and bland_altman out of the study"
        )
    return pd.concat(frames, ignore_index=True)[COLUMNS]


def has_volumes(case: Case) -> bool:
    """Return whether a case is a short-axis image at one of the two phases. Some sources name no view."""
    return case.view != LONG_AXIS and case.phase in (DIASTOLE, SYSTOLE)


def _volumes(metrics: pd.DataFrame, cases: Mapping[str, Mapping[str, Case]]) -> pd.DataFrame:
    """Return true and predicted volumes (ml), one row per KEYS, columns (``true`` or ``predicted``, label, phase).

    0 for an empty mask, not a number where there is no image.
    """
    wanted = metrics["metric"].isin([VOLUME, DIFFERENCE]) & metrics["label"].isin([LV, RV, MYOCARDIUM])
    rows = metrics[wanted & (metrics["convention"] == "native")]
    of = [cases[dataset][name] for dataset, name in zip(rows["dataset"], rows["case"], strict=True)]
    rows = rows.assign(phase=[case.phase for case in of])[[has_volumes(case) for case in of]]
    keys = [*KEYS, "label", "phase"]
    twice = rows[rows.duplicated([*keys, "metric"])]
    if len(twice):
        first = twice.iloc[0]
        raise InputError(
            f"dataset {first['dataset']}: patient {first['patient']} has several short-axis cases of phase "
            f"{first['phase']} ({first['case']}); a volume needs one"
        )
    # Both masks are empty where metrics have no value.
    wide = rows.assign(value=rows["value"].fillna(0)).set_index([*keys, "metric"])["value"].unstack("metric")
    wide = wide.reindex(columns=[VOLUME, DIFFERENCE])
    both = pd.DataFrame({"true": wide[VOLUME], "predicted": wide[VOLUME] + wide[DIFFERENCE]})
    return both.reset_index().pivot(index=KEYS, columns=["label", "phase"], values=["true", "predicted"])


def _of_quantity(volumes: pd.DataFrame, quantity: Quantity) -> pd.DataFrame:
    """Return the rows of ``per_patient`` of one quantity."""
    wanted = [(side, quantity.label, phase) for side in ("true", "predicted") for phase in quantity.phases]
    needed = volumes.reindex(columns=pd.MultiIndex.from_tuples(wanted))
    sides: dict[str, Volumes] = {
        side: {phase: needed[side, quantity.label, phase] for phase in quantity.phases}
        for side in ("true", "predicted")
    }
    missing = pd.Series("", index=needed.index)
    missing[_any_is(sides["predicted"], 0)] = NO_PREDICTION
    missing[_any_is(sides["true"], 0)] = NO_TRUTH
    missing[needed.isna().any(axis=1)] = NO_IMAGE
    known = missing == ""
    found = {side: quantity.of(own).where(known) for side, own in sides.items()}
    frame = pd.DataFrame({**found, "missing": missing, "quantity": quantity.name, "unit": quantity.unit})
    return frame.reset_index()


def _any_is(volumes: Volumes, value: float) -> "pd.Series[bool]":
    return pd.DataFrame(dict(volumes)).eq(value).any(axis=1)


def in_order(quantities: Iterable[str]) -> list[str]:
    """Return names of quantities, each once, in the order of QUANTITIES."""
    return [quantity.name for quantity in QUANTITIES if quantity.name in set(quantities)]
