import json
from html.parser import HTMLParser
from typing import ClassVar

import made_up_results as made_up
import numpy as np
import pandas as pd
import pytest

import tabulate_accuracy
import tabulate_audited
import tabulate_cost
from medley.cases import Case, write_cases
from medley.errors import InputError
from medley.files import write_json
from medley.plan import Training
from medley.results import read
from medley.results.cases import METRICS, outside_share, per_case
from medley.results.study import Study
from medley.tables import accuracy, accuracy_text, audited, audited_text, cost, write
from medley.tables.compare import means_with_intervals, minus

RESAMPLES = 50
pytestmark = pytest.mark.usefixtures("two_patients_are_enough")


def row_of(frame, **wanted):
    """Return the one row of ``frame`` with the values ``wanted``."""
    found = frame[np.logical_and.reduce([frame[key] == value for key, value in wanted.items()])]
    assert len(found) == 1
    return found.iloc[0]


def accuracy_numbers(study=None, results=None):
    metrics, batches = results or made_up.accuracies()
    study, published = study or made_up.study("as_reported"), made_up.published()["accuracy"]
    return accuracy.numbers(metrics, batches, published, made_up.stores(5), study, RESAMPLES)


def accuracy_table(frame, study=None, spacing=None):
    return accuracy_text.table(frame, made_up.stores(5, spacing), study or made_up.study("as_reported"))


def audited_numbers(metrics, study=None, patients=6):
    phases = {"acdc": made_up.phases(patients)}
    return audited.numbers(metrics, phases, made_up.stores(patients), study or made_up.study(), RESAMPLES)


@pytest.fixture(scope="module")
def whole():
    """Return the numbers of the audited table on all made-up metrics."""
    return audited_numbers(made_up.native_metrics())


# Accuracy


def test_accuracy_is_the_mean_of_batch_means_and_the_rest_follows_by_hand():
    _, batches = made_up.accuracies()
    row = row_of(accuracy_numbers(), predictor="deeplabv3plus")
    own = batches[batches["predictor"] == "deeplabv3plus"]
    values = own.loc[own["metric"] == "pixel_accuracy", "value"]
    assert row["reproduced"] == pytest.approx(sum(values) / 25)
    assert row["published"] == 0.9495
    assert row["difference"] == pytest.approx(sum(values) / 25 - 0.9495)
    assert row["weighted_jaccard"] == pytest.approx(sum(values - 0.05) / 25)
    assert row["foreground_iou"] == pytest.approx(sum(values - 0.2) / 25)
    assert (row["batches"], row["cases"], row["patients"], row["seeds"]) == (25, 10, 5, 1)


def test_rows_stand_in_configured_order_and_none_is_dropped():
    frame = accuracy_numbers()
    assert list(frame["predictor"]) == made_up.AS_REPORTED
    missing = row_of(frame, predictor="fpn-imagenet")
    assert missing["note"] == "not run: weights missing"
    assert missing["published"] == 0.8877
    assert np.isnan(missing["reproduced"])
    assert row_of(frame, predictor="weighted-imagenet")["built_without"] == "fpn-imagenet"


def test_what_has_an_interval_is_over_cases_and_paired_with_the_background():
    metrics, _ = made_up.accuracies()
    values = {name: own.set_index("case")["value"] for name, own in metrics.groupby("predictor")}
    frame = accuracy_numbers()
    row, line = row_of(frame, predictor="fpn"), row_of(frame, predictor="background")
    gains = [values["fpn"][case] - values["background"][case] for case in values["fpn"].index]
    assert row["per_case"] == pytest.approx(values["fpn"].mean())
    assert row["per_case_to_background"] == pytest.approx(np.mean(gains))
    # A reader who takes one row of the column from the other gets the same number.
    assert row["per_case_to_background"] == pytest.approx(row["per_case"] - line["per_case"])
    # Cases differ by 0.4 points, the two predictors' differences by 0.1: pairing removes the cases' part.
    gain_width = row["per_case_to_background_high"] - row["per_case_to_background_low"]
    assert gain_width < row["per_case_high"] - row["per_case_low"]
    assert row["per_case_low"] <= row["per_case"] <= row["per_case_high"]
    cells = accuracy_table(frame).views[0].cells.set_index("predictor")
    assert "[" not in cells.loc["fpn", "reproduced"]
    assert "[" in cells.loc["fpn", "per case"] and "[" in cells.loc["fpn", "per case, to background"]


def test_there_is_no_difference_to_what_was_not_repeated():
    real, made = (accuracy_numbers(made_up.study("as_reported", phantoms)) for phantoms in ((), ("acdc",)))
    assert row_of(real, predictor="deeplabv3plus")["difference"] == pytest.approx(
        row_of(real, predictor="deeplabv3plus")["reproduced"] - 0.9495
    )
    incomplete = row_of(real, predictor="weighted-imagenet")
    assert incomplete["published"] == 0.949 and incomplete["reproduced"] > 0.9
    assert np.isnan(incomplete["difference"])
    assert made["difference"].isna().all()
    assert made["published"].notna().sum() == 3


def test_a_predictor_without_a_recipe_of_its_own_has_a_row_that_says_so():
    mixed = made_up.ENSEMBLES | {name: made_up.ENSEMBLES[name] | {"recipe": None} for name in ("mean", "background")}
    study = Study("acdc", ["acdc"], [], ["fpn", "mean", "background"], made_up.MEMBERS, mixed, {})
    results = [frame[frame["predictor"] == "fpn"] for frame in made_up.accuracies()]
    frame = accuracy_numbers(study, results)
    assert list(frame["predictor"]) == ["fpn", "mean", "background"]
    assert frame[["background", "per_case_to_background"]].isna().all(axis=None)
    assert row_of(frame, predictor="fpn")["reproduced"] > 0.9
    assert "its members have different recipes" in write.markdown(accuracy_table(frame, study))


def test_without_test_cases_there_are_cases_but_no_batches():
    metrics, batches = made_up.accuracies()
    frame = accuracy_numbers(results=(metrics.assign(part="out_of_fold"), batches.iloc[:0]))
    row = row_of(frame, predictor="fpn")
    assert np.isnan(row["reproduced"]) and row["per_case"] > 0.9 and row["cases"] == 10
    assert "fpn" in write.markdown(accuracy_table(frame))


def test_batches_without_foreground_are_left_out_and_counted():
    metrics, batches = made_up.accuracies()
    iou = (batches["predictor"] == "fpn") & (batches["metric"] == "iou")
    batches.loc[iou & (batches["batch"] <= 2), "value"] = np.nan
    frame = accuracy_numbers(results=(metrics, batches))
    row = row_of(frame, predictor="fpn")
    assert row["foreground_iou"] == pytest.approx(batches.loc[iou & (batches["batch"] > 2), "value"].mean())
    assert (row["batches"], row["batches_without_foreground"]) == (25, 2)
    assert row_of(frame, predictor="mean")["batches_without_foreground"] == 0
    assert "truth and prediction left out: fpn 2." in write.markdown(accuracy_table(frame))
    assert "truth and prediction left out: none." in write.markdown(accuracy_table(accuracy_numbers()))


def test_the_grid_and_what_it_does_not_see_are_printed_by_recipe():
    frame = accuracy_numbers()
    assert row_of(frame, predictor="fpn")["foreground_outside"] == pytest.approx(0.2)
    assert row_of(frame, predictor="fpn")["recipe"] == "minmax_pad"
    padded = write.markdown(accuracy_table(frame))
    assert "recipe minmax_pad: computed on the recipe's grid, after its pad and crop" in padded
    assert "20.0 % of the true foreground of these cases lies outside its window and is not counted at all" in padded
    resampled = write.markdown(accuracy_table(frame, spacing=[1.5, 1.5, None]))
    assert "decisions were resampled" in resampled and "after its pad and crop" not in resampled


def test_what_lies_below_the_background_is_marked_but_not_against_a_line_of_phantoms():
    metrics, batches = made_up.accuracies()
    low = batches["predictor"].eq("fpn") & batches["metric"].eq("pixel_accuracy")
    batches.loc[low, "value"] = 0.9
    for phantoms, published in (((), "94.95 ↓"), (("acdc",), "94.95")):
        study = made_up.study("as_reported", phantoms)
        frame = accuracy_numbers(study, (metrics, batches))
        cells = accuracy_table(frame, study).views[0].cells.set_index("predictor")
        assert cells.loc["fpn", "reproduced"] == "90.00 ↓"
        assert not cells.loc["mean", "reproduced"].endswith("↓")
        assert cells.loc["deeplabv3plus", "published"] == published


def test_seeds_are_averaged_and_counted():
    metrics, batches = made_up.accuracies()
    shifted = [frame.assign(seed=1, value=frame["value"] - 0.01) for frame in (metrics, batches)]
    both = [pd.concat(pair) for pair in zip((metrics, batches), shifted, strict=True)]
    two = row_of(accuracy_numbers(results=both), predictor="fpn")
    one = row_of(accuracy_numbers(), predictor="fpn")
    assert two["reproduced"] == pytest.approx(one["reproduced"] - 0.005)
    assert two["per_case_low"] == pytest.approx(one["per_case_low"] - 0.005)
    assert (two["seeds"], two["cases"]) == (2, 10)


def test_each_dataset_has_its_rows_and_its_own_background():
    metrics, batches = made_up.accuracies()
    other = [frame.assign(dataset="other", value=frame["value"] - 0.1) for frame in (metrics, batches)]
    both = [pd.concat(pair) for pair in zip((metrics, batches), other, strict=True)]
    study = Study("acdc", ["acdc", "other"], [], ["fpn", "background"], made_up.MEMBERS, made_up.ENSEMBLES, {})
    frame = accuracy_numbers(study, both)
    assert list(zip(frame["dataset"], frame["predictor"], strict=True)) == [
        ("acdc", "fpn"), ("acdc", "background"), ("other", "fpn"), ("other", "background"),
    ]  # fmt: skip
    assert frame["background"].tolist()[0] - frame["background"].tolist()[2] == pytest.approx(0.1)
    assert "dataset" in accuracy_table(frame, study).views[0].cells


# Audited


def few(values, predictor="fpn-4class", part="test"):
    """Return native rows of one predictor: {(label, case number): Dice}; every other metric is 1."""
    rows = []
    for (label, number), dice in values.items():
        case, patient, _ = made_up.names(3)[number]
        defined = dict.fromkeys(METRICS[:-1], 1.0 if dice is not None else np.nan)
        for metric, value in (defined | {"dice": dice}).items():
            rows.append(made_up.metric_row(predictor, part, case, patient, label, metric, value))
    return pd.DataFrame(rows).astype({"seed": "Int64", "value": "float64"})


def alone(*names):
    return Study("acdc", ["acdc"], [], names or ["fpn-4class"], made_up.MEMBERS, made_up.ENSEMBLES, {})


def test_averages_are_over_cases_then_over_labels():
    values = {("RV", 0): 0.2, ("RV", 1): 0.4, ("MYO", 0): 0.8, ("MYO", 1): None, ("LV", 0): 0.9, ("LV", 1): 0.7}
    frame = audited_numbers(few(values), alone())
    assert row_of(frame, label="RV", phase="all")["dice"] == pytest.approx(0.3)
    assert row_of(frame, label="MYO", phase="all")["dice"] == pytest.approx(0.8)
    assert row_of(frame, label="mean", phase="all")["dice"] == pytest.approx((0.3 + 0.8 + 0.8) / 3)
    assert row_of(frame, label="RV", phase="ED")["dice"] == pytest.approx(0.2)
    assert row_of(frame, label="mean", phase="ES")["dice"] == pytest.approx((0.4 + 0.7) / 2)
    assert list(dict.fromkeys(frame["label"])) == ["RV", "MYO", "LV", "mean"]


def test_both_empty_is_left_out_one_empty_is_counted():
    metrics = few({("RV", 0): 0.5, ("RV", 1): None, ("RV", 2): 0.0, ("RV", 3): 0.0})
    names = [case for case, _, _ in made_up.names(3)]
    # Case 2 has no truth (recall has nothing to divide by); case 3 has both masks, apart from one another.
    metrics.loc[(metrics["case"] == names[2]) & (metrics["metric"] == "recall"), "value"] = np.nan
    row = row_of(audited_numbers(metrics, alone()), label="RV", phase="all")
    assert (row["cases"], row["left_out"], row["one_empty"]) == (4, 1, 1)
    assert row["dice"] == pytest.approx(0.5 / 3)


def test_a_label_missing_in_many_cases_counts_as_much_as_any_other():
    rows = [("A", f"p{number}", 0.9 + number / 1000) for number in range(20)]
    rows += [("B", f"p{number}", 0.3) for number in range(4)] + [("B", f"p{number}", np.nan) for number in range(4, 20)]
    cases = pd.DataFrame(rows, columns=["label", "patient", "dice"]).assign(other=1.0)
    found = means_with_intervals(cases, ["dice", "other"], 500)
    assert found["dice"].mean == pytest.approx((0.9095 + 0.3) / 2)
    # B never varies, so half the interval of A alone.
    alone = means_with_intervals(cases[cases["label"] == "A"], ["dice"], 500)["dice"]
    assert found["dice"].high - found["dice"].low == pytest.approx((alone.high - alone.low) / 2, rel=0.1)
    assert found["other"] == (1, 1, 1)


def test_without_any_value_there_is_no_mean():
    cases = pd.DataFrame({"label": ["RV"], "patient": ["p"], "dice": [np.nan]})
    assert np.isnan(means_with_intervals(cases, ["dice"], RESAMPLES)["dice"]).all()
    assert np.isnan(means_with_intervals(cases.iloc[:0], ["dice"], RESAMPLES)["dice"]).all()


def test_signed_volume_differences_are_not_averaged_over_labels():
    metrics = few({("RV", 0): 0.5, ("RV", 1): 0.5, ("MYO", 0): 0.5, ("MYO", 1): 0.5})
    volumes = {"RV": [10.0, -2.0], "MYO": [-10.0, -4.0]}
    for label, values in volumes.items():
        metrics.loc[(metrics["label"] == label) & (metrics["metric"] == "volume_difference"), "value"] = values
    frame = audited_numbers(metrics, alone())
    by_label = frame[frame["phase"] == "all"].set_index("label")
    assert by_label.loc[["RV", "MYO"], "volume_difference"].tolist() == [4, -7]
    assert by_label.loc[["RV", "MYO", "mean"], "volume_error"].tolist() == [6, 7, 6.5]
    assert np.isnan(by_label.loc["mean", "volume_difference"])
    surface = audited_text.table(frame, alone(), 2.0).views[1].cells.set_index("label")
    assert surface.loc["mean", "volume difference (ml)"] == write.MISSING
    assert surface.loc["mean", "volume error (ml)"].startswith("6.5")


def test_volume_errors_are_absolute_in_each_seed_before_they_are_averaged():
    metrics = few({("RV", 0): 0.5})
    both = pd.concat([metrics, metrics.assign(seed=1)])
    both.loc[both["metric"] == "volume_difference", "value"] = [3.0, -3.0]
    cases = per_case(both, {"acdc": made_up.phases(3)})
    assert cases[["volume_difference", "volume_error"]].to_numpy().tolist() == [[0, 3]]


def test_a_row_does_not_depend_on_which_other_predictors_are_there(whole):
    metrics = made_up.native_metrics()
    lone = audited_numbers(metrics[metrics["predictor"] == "fpn-4class"], alone()).drop(columns=["best"])
    same = whole[whole["predictor"] == "fpn-4class"].drop(columns=["best"]).reset_index(drop=True)
    kept = [column for column in lone if not column.startswith("dice_to_best")]
    pd.testing.assert_frame_equal(lone[kept], same[kept], rtol=1e-12)


def test_what_lies_outside_is_of_the_cases_that_are_judged(whole):
    index = {"cases": {"a": {"foreground": 100, "foreground_outside": 30}, "b": {"foreground": 300,
             "foreground_outside": 10}, "c": {"foreground": 50, "foreground_outside": 50}}}  # fmt: skip
    assert outside_share(index, ["a", "b", "a"]) == 0.1
    assert np.isnan(outside_share(None, ["a"])) and np.isnan(outside_share({"cases": {}}, []))
    ends = [case for case, _, phase in made_up.names(6) if phase == "ES"]
    metrics = made_up.native_metrics()
    late = metrics[(metrics["part"] == "out_of_fold") | metrics["case"].isin(ends)]
    frame = audited_numbers(late)
    shares = frame[frame["predictor"] == "fpn"].groupby("part")["foreground_outside"].unique()
    assert shares["test"] == pytest.approx([0.1]) and shares["out_of_fold"] == pytest.approx([0.2])
    text = write.markdown(audited_text.table(frame, made_up.study(), 2.0))
    assert "10.0 % of the true foreground of the judged cases lies outside the window of the recipe minmax_pad" in text
    assert "20.0 %" not in text


def test_pairs_are_found_by_label_and_case_not_by_order():
    own = pd.DataFrame({"label": ["RV", "RV", "LV"], "case": ["a", "b", "a"], "dice": [0.5, 0.6, 0.7]})
    reference = pd.DataFrame({"label": ["LV", "RV"], "case": ["a", "b"], "dice": [0.3, 0.1]})
    assert minus(own, reference, "dice") == pytest.approx([np.nan, 0.5, 0.4], nan_ok=True)


def test_dice_is_compared_with_the_best_of_the_same_labels(whole):
    test = whole[(whole["part"] == "test") & (whole["phase"] == "all")]
    best = dict(zip(test["predictor"], test["best"], strict=True))
    assert best["fpn"] == "best" and best["fpn-4class"] == "best-4class"
    assert pd.isna(best["best"]) and pd.isna(best["best-4class"])
    heart = test[test["label"] == "heart"].set_index("predictor")
    assert heart.loc["fpn", "dice_to_best"] == pytest.approx(heart.loc["fpn", "dice"] - heart.loc["best", "dice"])


def test_both_parts_are_in_the_numbers_and_the_test_part_is_printed(whole):
    assert set(whole["part"]) == {"test", "out_of_fold"}
    assert set(whole.loc[whole["judged"] == 1, "part"]) == {"test"}
    only = audited_numbers(made_up.native_metrics(parts=("out_of_fold",)))
    assert set(only.loc[only["judged"] == 1, "part"]) == {"out_of_fold"}
    printed = write.markdown(audited_text.table(only, made_up.study(), 2.0))
    assert "out-of-fold" in printed and "test cases" not in printed
    assert "† these very cases chose its epoch: optimistic" in printed


def test_audited_table_prints_marks_missing_members_and_what_lies_outside(whole):
    table = audited_text.table(whole, made_up.study(), 2.0)
    for view in table.views:
        names = list(view.cells["predictor"])
        assert "fpn †" in names and "weighted †" in names and "fpn-4class" in names and "fpn-imagenet" in names
        missing = view.cells[view.cells["predictor"] == "fpn-imagenet"]
        assert (missing == "not run: weights missing").any(axis=None)
    text = write.markdown(table)
    assert "20.0 % of the true foreground of the judged cases lies outside" in text
    assert "tolerance 2.0 mm" in text
    assert "† its epoch was chosen on validation cases, not on the test cases shown" in text
    assert "optimistic" not in text
    dice = row_of(whole, predictor="fpn", part="test", phase="all")
    assert write.with_interval(dice["dice"], dice["dice_low"], dice["dice_high"], 3) in text


def test_how_a_region_is_decided_is_said_where_a_predictor_has_one(whole):
    said = "heart of a predictor of other labels: where the summed probability of its parts is above 0.5"
    assert said in write.markdown(audited_text.table(whole, made_up.study(), 2.0))
    heart = alone("fpn", "mean")  # all of them run, so no note and no best either
    metrics = made_up.native_metrics()
    only = audited_numbers(metrics[metrics["predictor"].isin(["fpn", "mean"])], heart)
    assert "summed probability" not in write.markdown(audited_text.table(only, heart, 2.0))


def test_the_mark_is_explained_by_dataset_where_their_parts_differ():
    metrics = made_up.native_metrics()
    metrics = metrics[metrics["predictor"] == "fpn"]
    other = metrics[metrics["part"] == "out_of_fold"].assign(dataset="other")
    study = Study("acdc", ["acdc", "other"], [], ["fpn"], made_up.MEMBERS, made_up.ENSEMBLES, {})
    phases = dict.fromkeys(study.datasets, made_up.phases(6))
    frame = audited.numbers(pd.concat([metrics, other]), phases, {}, study, RESAMPLES)
    notes = audited_text.table(frame, study, 2.0).notes
    assert [note for note in notes if "†" in note] == [
        "acdc: † its epoch was chosen on validation cases, not on the test cases shown.",
        "other: † these very cases chose its epoch: optimistic.",
    ]


def test_a_dataset_without_phases_has_one_line_a_label():
    metrics = few({("RV", 0): 0.2, ("RV", 1): 0.4})
    frame = audited.numbers(metrics, {"acdc": dict.fromkeys(made_up.phases(3), "")}, {}, alone(), RESAMPLES)
    assert set(frame["phase"]) == {"all"}
    headings = [view.heading for view in audited_text.table(frame, alone(), 2.0).views]
    assert headings == ["Overlap", "Surface and volume"]


# Cost


def test_cost_sums_folds_averages_seeds_and_takes_the_largest_memory():
    runs, predictions, _ = made_up.trainings(folds=2)
    again = {training._replace(seed=1): run | {"train_seconds": 500.0} for training, run in runs.items()}
    both = predictions | {training._replace(seed=1): value for training, value in predictions.items()}
    row = row_of(cost.numbers(runs | again, both, made_up.ALL_MEMBERS, made_up.study()), member="fpn")
    assert row["train_seconds"] == (300 + 300 + 500 + 500) / 2
    assert row["train_images_per_second"] == pytest.approx(30.0)
    assert row["predict_images_per_second"] == pytest.approx(400 / (4 + 5 + 4 + 5))
    assert row["train_memory_mb"] == 2101.5
    assert np.isnan(row["train_gpu_memory_mb"])
    assert (row["trainings"], row["folds"], row["seeds"], row["attempts"]) == (4, 2, 2, 4)


def test_cost_counts_gpu_hours_and_waiting():
    runs, predictions, _ = made_up.trainings(folds=2)
    first = min(runs)  # fold 0 of the first member ran on a GPU, its prediction did not
    runs[first] = runs[first] | {"device": "NVIDIA H100", "train_seconds": 7000.0, "validation_seconds": 200.0}
    frame = cost.numbers(runs, predictions, made_up.ALL_MEMBERS, made_up.study())
    row = row_of(frame, member=first.member)
    assert row["gpu_hours"] == pytest.approx(2.0)
    assert row["queue_seconds"] == 30 + 30 + 6 + 6
    assert row_of(frame, member=max(runs).member)["gpu_hours"] == 0


def test_a_table_in_which_all_run_prints_no_missing_text():
    runs, predictions, _ = made_up.trainings()
    metrics, batches = made_up.accuracies()
    study = Study("acdc", ["acdc"], [], ["fpn", "mean", "background"], made_up.MEMBERS, made_up.ENSEMBLES, {})
    heart = alone("fpn", "mean")
    native = made_up.native_metrics()
    native = native[native["predictor"].isin(heart.predictors)]
    for table in (
        cost.table(cost.numbers(runs, predictions, list(made_up.MEMBERS), study), study),
        accuracy_table(accuracy_numbers(study, (metrics, batches)), study),
        audited_text.table(audited_numbers(native, heart), heart, 2.0),
    ):
        text = write.markdown(table)
        assert "nan" not in text.lower() and "not run" not in text


def test_cost_has_a_row_for_every_member_that_was_not_run():
    runs, predictions, _ = made_up.trainings()
    frame = cost.numbers(runs, predictions, made_up.ALL_MEMBERS, made_up.study())
    assert "pair" in made_up.NOT_RUN  # an ensemble, which costs nothing of its own
    assert list(frame["member"]) == made_up.ALL_MEMBERS
    assert "not run: weights missing" in write.markdown(cost.table(frame, made_up.study()))


# Writing


def test_the_same_rows_in_any_order_give_the_same_bytes(tmp_path, whole):
    mixed = made_up.native_metrics().sample(frac=1, random_state=5)
    for name, numbers in (("one", whole), ("two", audited_numbers(mixed))):
        write.write_csv(tmp_path / f"{name}.csv", numbers)
    written = (tmp_path / "one.csv").read_bytes()
    assert written == (tmp_path / "two.csv").read_bytes()
    assert b"\r" not in written
    back = pd.read_csv(tmp_path / "one.csv")
    assert back["dice"].to_numpy() == pytest.approx(whole["dice"].to_numpy(), rel=1e-8, nan_ok=True)


@pytest.mark.parametrize(
    ("value", "digits", "signed", "text"),
    [(0.8734, 3, False, "0.873"), (-0.5, 2, True, "−0.50"), (0.5, 2, True, "+0.50"), (-0.0001, 2, True, "0.00"),
     (float("nan"), 2, False, "–")],
)  # fmt: skip
def test_numbers_as_text(value, digits, signed, text):
    assert write.number(value, digits, signed) == text


def test_intervals_and_counts_as_text():
    assert write.with_interval(0.8731, 0.851, 0.8941, 3) == "0.873 [0.851, 0.894]"
    assert write.with_interval(0.8731, float("nan"), float("nan"), 3) == "0.873"
    assert write.count(22437186) == "22 437 186"
    assert write.count(pd.NA) == "–"


def sample_table():
    cells = pd.DataFrame({"predictor": ["a_b & c", "x|y"], "Dice": ["0.5 †", "<1 %"]})
    return write.Table("acdc: 100 %", pd.DataFrame({"value": [0.5, np.nan]}), (write.View("", cells, 1),), ("a < b",))


def test_latex_is_balanced_and_escaped(whole):
    text = write.latex(sample_table())
    assert r"a\_b \& c & 0.5 \dag{} \\" in text
    assert r"x|y & $<$1 \% \\" in text
    assert all(rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\begin{tabular}{lr}"))
    for name in ("table", "tabular"):
        assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}") == 1
    latex = write.latex(audited_text.table(whole, made_up.study(), 2.0))
    assert latex.isascii()


def test_html_reads_back_as_the_same_cells():
    class Cells(HTMLParser):
        rows: ClassVar = []

        def handle_starttag(self, tag, attrs):
            if tag == "tr":
                self.rows.append([])
            elif tag in ("td", "th"):
                self.rows[-1].append("")

        def handle_data(self, data):
            if self.rows and self.rows[-1]:
                self.rows[-1][-1] += data

        def handle_endtag(self, tag):
            if tag == "table":
                self.found = [list(row) for row in self.rows]

    parser = Cells()
    parser.feed(write.html_page(sample_table()))
    assert [[cell.strip() for cell in row] for row in parser.found] == [
        ["predictor", "Dice"], ["a_b & c", "0.5 †"], ["x|y", "<1 %"],
    ]  # fmt: skip


def test_html_escapes_what_would_be_markup():
    page = write.html_page(sample_table())
    assert "&lt;1 %" in page and "a_b &amp; c" in page and "<li>a &lt; b</li>" in page


def test_phantom_results_are_called_so_in_every_text():
    study = made_up.study("as_reported", ["acdc"])
    table = accuracy_table(accuracy_numbers(study), study)
    for text in (write.markdown(table), write.latex(table), write.html_page(table)):
        assert "phantom results" in text
    honest = accuracy_table(accuracy_numbers())
    assert "phantom results" not in write.markdown(honest)


# Reading


def test_a_training_is_known_by_its_path():
    path = "results/demo/acdc/acdc/folds/members/fpn-4class/fold-3/seed-11/run.json"
    assert read.training_of(path) == Training("acdc", "folds", "fpn-4class", 3, 11)
    with pytest.raises(InputError, match="not in a training's folder"):
        read.training_of("results/acdc/acdc/folds/ensembles/mean/seed-0/run.json")


def test_a_predictor_and_a_dataset_are_known_by_their_paths():
    folder = "results/acdc/heart/folds/ensembles/mean/seed-0/probabilities"
    assert read.predictor_of(folder) == ("heart", "mean")
    assert read.dataset_of("results/demo/datasets/heart/arrays/audited") == "heart"


def test_names_that_look_like_numbers_or_nothing_stay_text(tmp_path):
    (tmp_path / "metrics.csv").write_text(
        "study,dataset,split,predictor,fold,seed,part,case,patient,label,metric,value,convention\n"
        "acdc,acdc,folds,NA,,0,test,001,007,nan,dice,0.5,native\n"
        "acdc,acdc,folds,NA,1,0,out_of_fold,002,007,nan,dice,,native\n"
    )
    frame = read.read_metrics([tmp_path / "metrics.csv"])
    assert frame[["predictor", "case", "patient", "label"]].to_numpy().tolist() == [
        ["NA", "001", "007", "nan"], ["NA", "002", "007", "nan"],
    ]  # fmt: skip
    assert frame["fold"].isna().tolist() == [True, False]
    assert frame["value"].isna().tolist() == [False, True]


def test_published_numbers_are_read_by_study_and_table(request):
    path = request.config.rootpath / "docs" / "published.csv"
    said = read.read_published(path, "acdc", "accuracy")
    assert read.published_value(said, "deeplabv3plus", "pixel_accuracy") == 0.9495
    assert np.isnan(read.published_value(said, "fpn", "pixel_accuracy"))
    with pytest.raises(InputError, match="2 values of pixel_accuracy"):
        read.published_value(pd.concat([said, said]), "deeplabv3plus", "pixel_accuracy")


# A study


def test_an_ensemble_without_all_members_stands_for_no_label_set():
    assert made_up.study().combined() == [
        ["deeplabv3plus", "fpn", "weighted"],
        ["deeplabv3plus-4class", "fpn-4class", "mean-4class"],
    ]
    lone = Study("acdc", ["acdc"], [], ["fpn", "weighted-imagenet"], made_up.MEMBERS, made_up.ENSEMBLES, {})
    assert lone.combined() == [["fpn"]]
    half = Study("acdc", ["acdc"], [], ["fpn", "mean"], made_up.MEMBERS, made_up.ENSEMBLES, {})
    assert half.combined() == [["fpn", "mean"]]


def test_labels_stand_in_the_order_of_the_configuration():
    assert made_up.study().in_order(["LV", "zone", "heart", "RV", "MYO", "area"]) == [
        "heart", "RV", "MYO", "LV", "area", "zone",
    ]  # fmt: skip


# Scripts


def write_predictions(folder, metrics, batches=None):
    paths = []
    for name, rows in metrics.groupby("predictor"):
        place = folder / "acdc" / "folds" / "members" / name / "seed-0"
        place.mkdir(parents=True)
        rows.to_csv(place / "metrics.csv", index=False, float_format="%.9g")
        if batches is not None:
            batches[batches["predictor"] == name].to_csv(place / "batches.csv", index=False, float_format="%.9g")
        paths.append(place)
    return paths


def write_stores(folder, patients):
    """Write the made-up indices of array stores and return their folders."""
    paths = []
    for (dataset, recipe), index in made_up.stores(patients).items():
        place = folder / "datasets" / dataset / "arrays" / recipe
        place.mkdir(parents=True)
        write_json(place / "index.json", index)
        paths.append(str(place))
    return paths


def as_parameter(protocol):
    study = made_up.study(protocol, ["acdc"])
    return {key: getattr(study, key) for key in Study.__dataclass_fields__}


def check_outputs(csv, rows):
    assert len(pd.read_csv(csv)) == rows
    for suffix in (".tex", ".md", ".html"):
        assert "phantom results" in csv.with_suffix(suffix).read_text(encoding="utf-8")
    assert {"commit", "configuration", "data", "versions"} <= set(json.loads(csv.with_suffix(".json").read_text()))


def test_accuracy_from_files_to_files(tmp_path, request):
    folders = write_predictions(tmp_path, *made_up.accuracies())
    files = [[str(folder / name) for folder in folders] for name in ("metrics.csv", "batches.csv")]
    csv, published = tmp_path / "accuracy.csv", request.config.rootpath / "docs" / "published.csv"
    tabulate_accuracy.main(
        *files, str(published), write_stores(tmp_path, 5), str(csv), str(csv.with_suffix(".json")),
        as_parameter("as_reported"), RESAMPLES,
    )  # fmt: skip
    check_outputs(csv, len(made_up.AS_REPORTED))
    assert "20.0 % of the true foreground" in csv.with_suffix(".md").read_text(encoding="utf-8")


def test_audited_from_files_to_files(tmp_path):
    folders = write_predictions(tmp_path, made_up.native_metrics())
    arrays = write_stores(tmp_path, 6)
    cases = tmp_path / "datasets" / "acdc" / "cases.csv"
    write_cases(
        cases,
        [Case(name, patient, "i", "m", (4, 4, 2), (1.0, 1.0, 5.0), phase=phase)
         for name, patient, phase in made_up.names(6)],
    )  # fmt: skip
    csv = tmp_path / "audited.csv"
    tabulate_audited.main(
        [str(folder / "metrics.csv") for folder in folders], [str(cases)], arrays, str(csv),
        str(csv.with_suffix(".json")), as_parameter("audited"), 2.0, RESAMPLES,
    )  # fmt: skip
    # Two parts: six heart predictors and two missing ones; four with four labels and their mean; three phases.
    check_outputs(csv, 2 * (6 * 3 + 2 + 4 * 5 * 3))
    assert "20.0 % of the true foreground" in csv.with_suffix(".md").read_text(encoding="utf-8")


def test_cost_from_files_to_files(tmp_path):
    runs, predictions, _ = made_up.trainings()
    paths = {"run.json": [], "prediction.json": []}
    for name, records in zip(paths, (runs, predictions), strict=True):
        for t, record in records.items():
            place = tmp_path / t.dataset / t.split / "members" / t.member / f"fold-{t.fold}" / f"seed-{t.seed}" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            write_json(place, record)
            paths[name].append(str(place))
    csv = tmp_path / "cost.csv"
    study = as_parameter("audited")
    tabulate_cost.main(*paths.values(), str(csv), str(csv.with_suffix(".json")), study, made_up.ALL_MEMBERS)
    check_outputs(csv, len(made_up.ALL_MEMBERS))
