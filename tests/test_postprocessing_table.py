import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

import tabulate_postprocessing
from medley.cases import Case, write_cases
from medley.errors import InputError
from medley.files import write_json
from medley.postprocess import HOLES, LARGEST, SMOOTHING
from medley.results.choices import Choice, read_choices
from medley.results.study import Study
from medley.tables import postprocessing, postprocessing_text
from medley.tables.write import markdown

LABELS = ["LV", "RV"]
MEMBER = {"keep": "last", "labels": LABELS, "recipe": "mnms2"}
ENSEMBLE = {"kind": "postprocessed", "members": ["unet"], "weights": None, "built_without": [], "labels": LABELS}
STUDY = Study("mnms2", ["mnms2_sa"], [], ["unet", "corrected"], {"unet": MEMBER}, {"corrected": ENSEMBLE}, {})
PATIENTS = list("abcdef")
NAMES = [f"{patient}_{phase}" for patient in PATIENTS for phase in ("ED", "ES")]
CASES = {
    "mnms2_sa": {
        name: Case(name, name[0], "i", "m", (8, 8, 2), (1.25, 1.25, 10.0), view="SA", phase=name[2:])
        for name in [*NAMES, "x_ED", "y_ED"]
    }
}
DICE = {name: 0.7 + 0.02 * place for place, name in enumerate(NAMES)}


def moved(step, dice=DICE):
    return {name: value + step for name, value in dice.items()}


def tried(operation, label, kept, **sides):
    return {"operation": operation, "label": label, "kept": kept} | sides


RUN = {
    "members": ["unet"],
    "kept": [{"operation": LARGEST, "label": None}, {"operation": HOLES, "label": "RV"}],
    "by_fold": {
        "0": {"kept": [{"operation": LARGEST, "label": None}]},
        "1": {"kept": [{"operation": LARGEST, "label": None}, {"operation": HOLES, "label": "RV"}]},
    },
    "tried": [
        tried(
            SMOOTHING, None, False, before={"LV": DICE, "RV": DICE}, after={"LV": moved(-0.01), "RV": moved(-0.03)}
        ),
        tried(LARGEST, None, True, before={"LV": DICE, "RV": DICE}, after={"LV": moved(0.02), "RV": moved(0.04)}),
        tried(HOLES, "RV", True, before={"RV": moved(0.04)}, after={"RV": {**moved(0.05), "a_ED": None}}),
    ],
}  # fmt: skip
CHOICES = {Choice("mnms2_sa", "corrected", 0): RUN}


def rows(predictor, part, values):
    """Return rows of metrics.csv of case: its Dice; HD is 100 times what is missing to 1."""
    about = {
        "study": "mnms2",
        "dataset": "mnms2_sa",
        "split": "folds",
        "predictor": predictor,
        "fold": pd.NA,
        "seed": 0,
    }
    return [
        about | {"part": part, "case": name, "patient": name[0], "label": label, "convention": "native"}
        | {"metric": metric, "value": value}
        for name, dice in values.items()
        for label in LABELS
        for metric, value in (("dice", dice), ("precision", dice), ("recall", dice), ("hd", 100 * (1 - dice)))
    ]  # fmt: skip


METRICS = pd.DataFrame(
    [
        *rows("unet", "out_of_fold", DICE),
        *rows("corrected", "out_of_fold", moved(0.03)),
        *rows("unet", "test", {"x_ED": 0.5, "y_ED": 0.9}),
        *rows("corrected", "test", {"x_ED": 0.8, "y_ED": 0.8}),
    ]
).astype({"seed": "Int64"})


def numbers(choices=CHOICES, metrics=METRICS, study=STUDY):
    return postprocessing.numbers(choices, metrics, CASES, study, 100)


def of(frame, **wanted):
    found = frame[np.logical_and.reduce([frame[key] == value for key, value in wanted.items()])]
    assert len(found) == 1
    return found.iloc[0]


def test_operations_by_hand():
    frame = numbers()
    operations = frame[frame["operation"] != "all kept"]
    said = operations[["operation", "label", "kept", "folds_keeping", "folds", "part"]].to_numpy().tolist()
    assert said == [
        [SMOOTHING, "mean", 0, 0, 2, "out_of_fold"],
        [LARGEST, "mean", 1, 2, 2, "out_of_fold"],
        [HOLES, "RV", 1, 1, 2, "out_of_fold"],
    ]
    heart = of(frame, operation=LARGEST)
    mean = sum(DICE.values()) / len(DICE)
    assert heart["dice_before"] == pytest.approx(mean) and heart["dice_after"] == pytest.approx(mean + 0.03)
    # Every case gains the same, whoever is drawn.
    assert [heart[f"dice_gain{end}"] for end in ("", "_low", "_high")] == pytest.approx([0.03] * 3)
    assert (heart["cases"], heart["patients"]) == (12, 6)
    # Without a_ED, where both masks are then empty, the mean after is that of the eleven others.
    others = (sum(DICE.values()) - DICE["a_ED"]) / 11 + 0.05
    filled = of(frame, operation=HOLES)
    assert filled["dice_after"] == pytest.approx(others)
    assert filled["dice_gain"] == pytest.approx(others - mean - 0.04)
    assert filled["dice_gain_low"] < filled["dice_gain"] < filled["dice_gain_high"]


def test_effect_is_the_ensemble_against_its_member_on_each_part():
    frame = numbers()
    effect = frame[frame["operation"] == "all kept"]
    assert effect[["part", "label"]].to_numpy().tolist() == [
        [part, label] for part in ("out_of_fold", "test") for label in ("LV", "RV", "mean")
    ]
    test = of(effect, part="test", label="mean")
    assert [test[f"dice_{side}"] for side in ("before", "after", "gain")] == pytest.approx([0.7, 0.8, 0.1])
    assert [test[f"hd_{side}"] for side in ("before", "after", "gain")] == pytest.approx([30, 20, -10])
    assert math.isnan(test["dice_gain_low"])  # two patients
    inside = of(effect, part="out_of_fold", label="RV")
    assert [inside[f"dice_gain{end}"] for end in ("", "_low", "_high")] == pytest.approx([0.03] * 3)


def test_the_text_says_what_is_kept_and_on_whom():
    text = markdown(postprocessing_text.table(numbers(), STUDY))
    assert f"- mnms2_sa, corrected, seed 0: keeps {LARGEST} of all labels, {HOLES} of RV." in text
    assert "- mnms2_sa, out of fold: 12 cases of 6 patients." in text
    assert "- mnms2_sa, test: 2 cases of 2 patients." in text
    assert f"| corrected | {LARGEST} | all labels | 0.8100" in text and "| yes | 2 of 2 |" in text
    assert "| +0.0300 [+0.0300, +0.0300] |" in text
    assert "| corrected | unet | test | mean | 0.7000 | 0.8000 | +0.1000 | −10.00 | – |" in text
    nothing = {choice: run | {"tried": run["tried"][:1], "by_fold": {}} for choice, run in CHOICES.items()}
    text = markdown(postprocessing_text.table(numbers(nothing), dataclasses.replace(STUDY, phantoms=["mnms2_sa"])))
    assert "seed 0: keeps nothing: none helps." in text and "| no | – |" in text
    assert "phantom results" in text.splitlines()[0]


def test_seeds_choose_for_themselves():
    twice = {Choice("mnms2_sa", "corrected", seed): RUN for seed in (0, 1)}
    table = postprocessing_text.table(numbers(twice), STUDY)
    assert list(table.views[0].cells["seed"]) == ["0"] * 3 + ["1"] * 3
    assert table.notes[-1] == "Seeds: 2."


def test_a_study_without_such_an_ensemble_is_told_so():
    with pytest.raises(InputError, match="no ensemble of kind postprocessed is shown; take postprocessing out"):
        numbers({}, METRICS, dataclasses.replace(STUDY, predictors=["unet"]))


def test_the_script_from_files_to_files(tmp_path):
    run = tmp_path / "mnms2_sa" / "folds" / "ensembles" / "corrected" / "seed-0" / "run.json"
    run.parent.mkdir(parents=True)
    write_json(run, RUN)
    assert read_choices([run]) == CHOICES
    METRICS.to_csv(tmp_path / "metrics.csv", index=False, float_format="%.9g")
    cases = tmp_path / "datasets" / "mnms2_sa" / "cases.csv"
    cases.parent.mkdir(parents=True)
    write_cases(cases, CASES["mnms2_sa"].values())
    study = {field.name: getattr(STUDY, field.name) for field in dataclasses.fields(STUDY)}
    for name in ("one", "two"):
        target = tmp_path / name / "postprocessing.csv"
        inputs = ([str(run)], [str(tmp_path / "metrics.csv")], [str(cases)])
        tabulate_postprocessing.main(*inputs, str(target), str(target.with_suffix(".json")), study, 50)
    for path in (tmp_path / "one").iterdir():
        if path.suffix != ".json":
            assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    assert len(pd.read_csv(tmp_path / "one" / "postprocessing.csv")) == 3 + 6
