"""Made-up results of a study over vendors: two views, networks trained without one vendor, and on all."""

import itertools

import made_up_results as made_up
import numpy as np
import pandas as pd

from medley.cases import Case
from medley.results.study import Study

VENDORS = ("ge", "philips", "siemens")
PATHOLOGIES = ("nor", "lv", "hcm", "rv")  # rv: only in the test part
LABELS = ["LV", "MYO", "RV"]
MADE = {"labels": LABELS, "recipe": "mnms2", "keep": "best_validation_dice"}
MEMBERS = {
    "plain": MADE,
    "augmented": MADE | {"augmentation": "mnms2"},
    "adversarial": MADE | {"adversary": 0.1},
    "adversarial_augmented": MADE | {"augmentation": "mnms2", "adversary": 0.1},
}
LEFT_OUT = {f"without_{vendor}": vendor for vendor in VENDORS}
WHOLE = "folds"
DATASETS = {"mnms2_sa": "SA", "mnms2_la": "LA"}
GAINS = {"plain": 0.0, "augmented": 0.04, "adversarial": -0.01, "adversarial_augmented": 0.04}


def study(predictors=tuple(MEMBERS), datasets=("mnms2_sa",), phantoms=(), without=()):
    """Return a study that shows ``predictors``, of which ``without`` are not run."""
    members = {name: made for name, made in MEMBERS.items() if name not in without}
    return Study("mnms2", list(datasets), list(phantoms), list(predictors), members, {}, dict.fromkeys(without, "why"))


def case(patient, phase="ED", view="SA", vendor="", pathology="", part="testing"):
    name = f"{patient}_{view}_{phase}"
    return Case(name, patient, "i", "m", (4, 4, 1), (1.0, 1.0, 8.0), part, phase, view, vendor, pathology)


def cases(patients=24):
    """Return dataset → name → case: a third of the patients for training, without the pathology rv."""
    found = {}
    for dataset, view in DATASETS.items():
        own = []
        for number, phase in itertools.product(range(patients), ("ED", "ES")):
            part = "training" if number < patients // 3 else "testing"
            known = PATHOLOGIES[: 3 if part == "training" else 4]
            who = VENDORS[number % 3], known[number // 3 % len(known)]
            own.append(case(f"{number:03d}", phase, view, *who, part))
        found[dataset] = {one.case: one for one in own}
    return found


def splits(known):
    """Return (dataset, split) → fold → part → cases: of two folds, and without each vendor."""
    found = {}
    for dataset, own in known.items():
        test = [name for name, one in own.items() if one.part == "testing"]
        learnt = [name for name, one in own.items() if one.part == "training"]
        halves = [[name for name in learnt if int(name[:3]) % 2 == half] for half in (0, 1)]
        found[dataset, WHOLE] = {
            fold: {"train": halves[1 - fold], "validation": halves[fold], "test": test} for fold in (0, 1)
        }
        for split, vendor in LEFT_OUT.items():
            rest = [name for name in learnt if own[name].vendor != vendor]
            found[dataset, split] = {0: {"train": rest[2:], "validation": rest[:2], "test": test}}
    return found


def rows(dataset, split, predictor, one, dice, hd=5.0, part="test", seed=0):
    """Return rows of metrics.csv of a case and label → Dice; None where both masks are empty."""
    found = []
    for label, value in dice.items():
        number = float("nan") if value is None else value
        values = {"dice": number, "hd": hd, "precision": number, "recall": number}
        found += [
            made_up.metric_row(predictor, part, one.case, one.patient, label, key, each, "native", seed, dataset)
            | {"study": "mnms2", "split": split}
            for key, each in values.items()
        ]
    return found


def metrics(known, predictors=tuple(MEMBERS), seeds=(0,)):
    """Return rows of metrics.csv: on all vendors ``augmented`` alone; a vendor left out costs 0.1."""
    generator = np.random.default_rng(1)
    found = []
    for dataset, own in known.items():
        networks = [(WHOLE, "augmented")]
        networks += [(split, name) for split in LEFT_OUT for name in predictors if dataset == "mnms2_sa"]
        ease = {one.patient: generator.normal(0, 0.04) for one in own.values()}
        for (split, name), seed in itertools.product(networks, seeds):
            for one in own.values():
                if one.part != "testing":
                    continue
                level = 0.85 + GAINS[name] + ease[one.patient] - 0.1 * (LEFT_OUT.get(split) == one.vendor)
                noise = generator.normal(0, 0.01, 3)
                dice = dict(zip(LABELS, np.clip(level + noise + (0.03, -0.06, 0), 0, 1), strict=True))
                found += rows(dataset, split, name, one, dice, hd=float(40 * (1 - level)), seed=seed)
    return pd.DataFrame(found).astype({"seed": "Int64"})
