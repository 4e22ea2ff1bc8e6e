"""Made-up results of a small study, as the stages before tables and figures would have written them."""

import numpy as np
import pandas as pd

from medley.plan import Training
from medley.results.study import Study

STUDY = "acdc"
TRAINING = {"keep": "best_validation_loss", "labels": ["heart"], "recipe": "minmax_pad"}
FOUR = {"keep": "last", "labels": ["RV", "MYO", "LV"], "recipe": "audited"}
MEMBERS = {"fpn": TRAINING, "deeplabv3plus": TRAINING, "fpn-4class": FOUR, "deeplabv3plus-4class": FOUR}


def _ensemble(kind, members, like, weights=None, built_without=()):
    return {
        "kind": kind,
        "members": members,
        "weights": weights,
        "built_without": list(built_without),
        "labels": like["labels"],
        "recipe": like["recipe"],
    }


PAIR = ["deeplabv3plus", "fpn"]
PAIR4 = ["deeplabv3plus-4class", "fpn-4class"]
ENSEMBLES = {
    "background": _ensemble("background", PAIR, TRAINING),
    "mean": _ensemble("mean", PAIR, TRAINING),
    "weighted": _ensemble("weighted", PAIR, TRAINING, {"deeplabv3plus": 0.6, "fpn": 0.4}),
    "weighted-imagenet": _ensemble("weighted", PAIR[:1], TRAINING, {"deeplabv3plus": 1.0}, ["fpn-imagenet"]),
    "best": _ensemble("best", PAIR, TRAINING),
    "mean-4class": _ensemble("mean", PAIR4, FOUR),
    "best-4class": _ensemble("best", PAIR4, FOUR),
}
NOT_RUN = {"fpn-imagenet": "weights missing", "deeplabv3plus-imagenet": "weights missing", "pair": "weights missing"}
ALL_MEMBERS = [*MEMBERS, "fpn-imagenet", "deeplabv3plus-imagenet"]  # "pair" is an ensemble of the last two
BINARY = ["deeplabv3plus", "deeplabv3plus-imagenet", "fpn", "fpn-imagenet", "weighted", "weighted-imagenet", "mean"]
AS_REPORTED = [*BINARY, "background"]
AUDITED = [
    *BINARY,
    "best",
    *("deeplabv3plus-4class", "fpn-4class", "mean-4class", "best-4class"),
]


def study(protocol="audited", phantoms=()):
    predictors = AS_REPORTED if protocol == "as_reported" else AUDITED
    return Study(STUDY, ["acdc"], list(phantoms), predictors, MEMBERS, ENSEMBLES, NOT_RUN)


QUALITY = {
    "deeplabv3plus": 0.89,
    "fpn": 0.82,
    "weighted": 0.88,
    "weighted-imagenet": 0.89,
    "mean": 0.875,
    "best": 0.89,
    "deeplabv3plus-4class": 0.86,
    "fpn-4class": 0.8,
    "mean-4class": 0.855,
    "best-4class": 0.86,
}


def names(patients):
    """Return (case, patient, phase) of every patient's two frames."""
    return [
        (f"patient{patient:03d}_frame{frame:02d}", f"patient{patient:03d}", phase)
        for patient in range(1, patients + 1)
        for frame, phase in ((1, "ED"), (9, "ES"))
    ]


def stores(patients, spacing=None):
    """Return the indices of the array stores: of each case's 100 true voxels 30 lie outside the window, in ES 10."""
    counts = {
        case: {"foreground": 100, "foreground_outside": 30 if phase == "ED" else 10}
        for case, _, phase in names(patients)
    }
    recipes = {"minmax_pad": {"spacing": spacing}, "audited": {"spacing": [1.5, 1.5, None]}}
    return {("acdc", name): {"recipe": recipe, "cases": counts} for name, recipe in recipes.items()}


def phases(patients):
    return {case: phase for case, _, phase in names(patients)}


def metric_row(predictor, part, case, patient, label, metric, value, convention="native", seed=0, dataset="acdc"):
    return {
        "study": STUDY,
        "dataset": dataset,
        "split": "folds",
        "predictor": predictor,
        "fold": pd.NA,
        "seed": seed,
        "part": part,
        "case": case,
        "patient": patient,
        "label": label,
        "metric": metric,
        "value": value,
        "convention": convention,
    }


def native_metrics(patients=6, parts=("test", "out_of_fold")):
    """Return rows of metrics.csv of every predictor of AUDITED that runs."""
    generator = np.random.default_rng(1)
    rows = []
    for part in parts:
        for case, patient, phase in names(patients):
            ease = generator.normal(0, 0.03) - (0.03 if phase == "ES" else 0)
            fold = pd.NA if part == "test" else int(patient[-3:]) % 2
            for predictor, quality in QUALITY.items():
                labels = ("RV", "MYO", "LV", "heart") if "4class" in predictor else ("heart",)
                for label in labels:
                    own = {"RV": -0.04, "MYO": -0.08, "LV": 0.03, "heart": 0.02}[label]
                    dice = float(np.clip(quality + ease + own + generator.normal(0, 0.03), 0, 1))
                    values = {
                        "dice": dice,
                        "iou": dice / (2 - dice),
                        "hd": 60 * (1 - dice),
                        "hd95": 40 * (1 - dice),
                        "assd": 10 * (1 - dice),
                        "nsd": dice**2,
                        "precision": dice,
                        "recall": dice,
                        "volume_difference": float(generator.normal(-3, 5)),
                    }
                    measured = [metric_row(predictor, part, case, patient, label, key, v) for key, v in values.items()]
                    rows += [row | {"fold": fold} for row in measured]
    return pd.DataFrame(rows).astype({"fold": "Int64", "seed": "Int64"})


def accuracies(patients=5, batches=25):
    """Return rows of metrics.csv (pixel accuracy) and of batches.csv of every predictor of AS_REPORTED that runs."""
    generator = np.random.default_rng(2)
    level = {"deeplabv3plus": 0.988, "fpn": 0.98, "weighted": 0.986, "weighted-imagenet": 0.988, "mean": 0.985}
    level["background"] = 0.956
    hard = generator.normal(0, 0.004, 100)
    cases, parts = [], []
    for predictor, value in level.items():
        noise = 0.001 if predictor != "background" else 0.0
        for number, (case, patient, _) in enumerate(names(patients)):
            own = value + hard[number] + generator.normal(0, noise)
            cases.append(metric_row(predictor, "test", case, patient, "all", "pixel_accuracy", own, "recipe"))
        for batch in range(1, batches + 1):
            own = value + hard[50 + batch] + generator.normal(0, noise)
            for metric, shown in (("pixel_accuracy", own), ("iou", own - 0.2), ("weighted_jaccard", own - 0.05)):
                parts.append(
                    {"study": STUDY, "dataset": "acdc", "split": "single", "predictor": predictor, "seed": 0,
                     "part": "test", "batch": batch, "slices": 13, "metric": metric, "value": shown}
                )  # fmt: skip
    return pd.DataFrame(cases).astype({"seed": "Int64"}), pd.DataFrame(parts)


def trainings(split="folds", folds=2):
    """Return run.json, prediction.json and history.csv of every member's trainings."""
    generator = np.random.default_rng(3)
    runs, predictions, histories = {}, {}, {}
    for place, member in enumerate(MEMBERS):
        for fold in range(folds):
            training = Training("acdc", split, member, fold, 0)
            epochs = np.arange(1, 11)
            loss = 0.12 + 0.6 * np.exp(-epochs / 2.5) + generator.normal(0, 0.008, 10)
            checked = loss + 0.02 + generator.normal(0, 0.015, 10)
            histories[training] = pd.DataFrame({"epoch": epochs, "train_loss": loss, "validation_loss": checked})
            runs[training] = {
                "parameters": 22_000_000 + place,
                "train_seconds": 300.0 + 80 * place,
                "validation_seconds": 20.0,
                "queue_seconds": 30.0,
                "images_per_second": 30.0,
                "peak_memory_mb": 2100.5 + fold,
                "peak_gpu_memory_mb": 0.0,
                "device": "cpu",
                "precision": "bfloat16",
                "epochs": 10,
                "attempts": 1,
                "member": {"loss": "dice"},
                "best_epoch": int(checked.argmin()) + 1,
            }
            predictions[training] = {
                "images": 100,
                "seconds": 4.0 + fold,
                "queue_seconds": 6.0,
                "peak_memory_mb": 900.0,
                "device": "cpu",
            }
    return runs, predictions, histories


def published():
    """Return the published rows of the study, all tables."""
    rows = [
        ("accuracy", "deeplabv3plus", "pixel_accuracy", 0.9495),
        ("accuracy", "fpn-imagenet", "pixel_accuracy", 0.8877),
        ("accuracy", "weighted-imagenet", "pixel_accuracy", 0.949),
        ("training", "deeplabv3plus", "loss", 0.1077),
        ("training", "deeplabv3plus", "best_epoch", 7),
        ("training", "fpn-imagenet", "best_epoch", 5),
    ]
    frame = pd.DataFrame(rows, columns=["table", "predictor", "metric", "value"])
    return dict(list(frame.groupby("table")))
