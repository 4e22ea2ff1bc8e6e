import json
from html.parser import HTMLParser
from typing import ClassVar

import made_up_results as made_up
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tabulate_accuracy
import tabulate_audited
import tabulate_cost
from medley import statistics
from medley.cases import Case, write_cases
from medley.errors import InputError
from medley.files import write_json
from medley.plan import Training
from medley.tables import accuracy, audited, audited_text, cost, read, write
from medley.tables.compare import SEED, mean_with_interval, minus
from medley.tables.study import Study

RESAMPLES = 50
OUTSIDE = {("acdc", "minmax_pad"): 0.081, ("acdc", "audited"): 0.0}


def row_of(frame, **wanted):
    """Return the one row of ``frame`` with the values ``wanted``."""
    found = frame[np.logical_and.reduce([frame[key] == value for key, value in wanted.items()])]
    assert len(found) == 1
    return found.iloc[0]


def accuracy_numbers(study=None):
    metrics, batches = made_up.accuracies()
    return accuracy.numbers(
        metrics, batches, made_up.published()["accuracy"], study or made_up.study("as_reported"), RESAMPLES
    )


def audited_numbers(metrics, study=None, patients=6):
    phases = {"acdc": made_up.phases(patients)}
    return audited.numbers(metrics, phases, OUTSIDE, study or made_up.study(), RESAMPLES)


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


def test_distance_to_the_background_is_paired_by_case():
    metrics, _ = made_up.accuracies()
    values = {name: own.set_index("case")["value"] for name, own in metrics.groupby("predictor")}
    expected = np.mean([values["fpn"][case] - values["background"][case] for case in values["fpn"].index])
    row = row_of(accuracy_numbers(), predictor="fpn")
    assert row["to_background"] == pytest.approx(expected)
    # Cases differ by 0.4 points, the two predictors' differences by 0.1: pairing removes the cases' part.
    assert row["to_background_high"] - row["to_background_low"] < row["high"] - row["low"]


def test_what_lies_below_the_background_is_marked_but_not_against_a_line_of_phantoms():
    metrics, batches = made_up.accuracies()
    low = batches["predictor"].eq("fpn") & batches["metric"].eq("pixel_accuracy")
    batches.loc[low, "value"] = 0.9
    for phantoms, published in (((), "94.95 ↓"), (("acdc",), "94.95")):
        study = made_up.study("as_reported", phantoms)
        frame = accuracy.numbers(metrics, batches, made_up.published()["accuracy"], study, RESAMPLES)
        cells = accuracy.table(frame, study).views[0].cells.set_index("predictor")
        assert cells.loc["fpn", "reproduced"].endswith("↓")
        assert not cells.loc["mean", "reproduced"].endswith("↓")
        assert cells.loc["deeplabv3plus", "published"] == published


def test_seeds_are_averaged_and_counted():
    metrics, batches = made_up.accuracies()
    shifted = [frame.assign(seed=1, value=frame["value"] - 0.01) for frame in (metrics, batches)]
    both = [pd.concat(pair) for pair in zip((metrics, batches), shifted, strict=True)]
    study, published = made_up.study("as_reported"), made_up.published()["accuracy"]
    two = row_of(accuracy.numbers(*both, published, study, RESAMPLES), predictor="fpn")
    one = row_of(accuracy_numbers(), predictor="fpn")
    assert two["reproduced"] == pytest.approx(one["reproduced"] - 0.005)
    assert two["low"] == pytest.approx(one["low"] - 0.005)
    assert (two["seeds"], two["cases"]) == (2, 10)


def test_each_dataset_has_its_rows_and_its_own_background():
    metrics, batches = made_up.accuracies()
    other = [frame.assign(dataset="other", value=frame["value"] - 0.1) for frame in (metrics, batches)]
    both = [pd.concat(pair) for pair in zip((metrics, batches), other, strict=True)]
    study = Study("acdc", ["acdc", "other"], [], ["fpn", "background"], made_up.MEMBERS, made_up.ENSEMBLES, {})
    frame = accuracy.numbers(*both, made_up.published()["accuracy"], study, RESAMPLES)
    assert list(zip(frame["dataset"], frame["predictor"], strict=True)) == [
        ("acdc", "fpn"), ("acdc", "background"), ("other", "fpn"), ("other", "background"),
    ]  # fmt: skip
    assert frame["background"].tolist()[0] - frame["background"].tolist()[2] == pytest.approx(0.1)
    assert "dataset" in accuracy.table(frame, study).views[0].cells


# Audited


def few(values, predictor="fpn-4class", part="test"):
    """Return native rows of one predictor: {(label, case number): Dice}; every other metric is 1."""
    rows = []
    for (label, number), dice in values.items():
        case, patient, _ = made_up.names(3)[number]
        defined = dict.fromkeys(audited.METRICS, 1.0 if dice is not None else np.nan)
        for metric, value in (defined | {"dice": dice}).items():
            rows.append(made_up.metric_row(predictor, part, case, patient, label, metric, value))
    return pd.DataFrame(rows).astype({"seed": "Int64", "value": "float64"})


def alone(name="fpn-4class"):
    return Study("acdc", ["acdc"], [], [name], made_up.MEMBERS, made_up.ENSEMBLES, {})


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


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=2, max_size=8))
def test_interval_of_the_mean_over_labels_is_that_of_the_cases_means(dice):
    patients = [f"p{number // 2}" for number in range(len(dice))]
    cases = pd.DataFrame(
        [(label, patients[number], row[place]) for number, row in enumerate(dice)
         for place, label in enumerate(("RV", "MYO", "LV"))],
        columns=["label", "patient", "dice"],
    )  # fmt: skip
    expected = statistics.interval(np.mean(dice, axis=1), patients, RESAMPLES, SEED)
    assert mean_with_interval(cases, "dice", RESAMPLES) == pytest.approx(expected, abs=1e-12)


def test_without_any_value_there_is_no_mean():
    cases = pd.DataFrame({"label": ["RV"], "patient": ["p"], "dice": [np.nan]})
    assert np.isnan(mean_with_interval(cases, "dice", RESAMPLES)).all()


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
    printed = write.markdown(audited_text.table(only, made_up.study(), 2.0, OUTSIDE))
    assert "out-of-fold" in printed and "test cases" not in printed


def test_audited_table_prints_marks_missing_members_and_what_lies_outside(whole):
    table = audited_text.table(whole, made_up.study(), 2.0, OUTSIDE)
    for view in table.views:
        names = list(view.cells["predictor"])
        assert "fpn †" in names and "weighted †" in names and "fpn-4class" in names and "fpn-imagenet" in names
        missing = view.cells[view.cells["predictor"] == "fpn-imagenet"]
        assert (missing == "not run: weights missing").any(axis=None)
    text = write.markdown(table)
    assert "8.1 % of the true foreground lies outside" in text
    assert "tolerance 2.0 mm" in text and "† epoch chosen by validation loss" in text
    dice = row_of(whole, predictor="fpn", part="test", phase="all")
    assert write.with_interval(dice["dice"], dice["dice_low"], dice["dice_high"], 3) in text


def test_a_dataset_without_phases_has_one_line_a_label():
    metrics = few({("RV", 0): 0.2, ("RV", 1): 0.4})
    frame = audited.numbers(metrics, {"acdc": dict.fromkeys(made_up.phases(3), "")}, {}, alone(), RESAMPLES)
    assert set(frame["phase"]) == {"all"}
    headings = [view.heading for view in audited_text.table(frame, alone(), 2.0, {}).views]
    assert headings == ["Overlap", "Surface and volume"]


# Cost


def test_cost_sums_folds_averages_seeds_and_takes_the_largest_memory():
    runs, predictions, _ = made_up.trainings(folds=2)
    again = {training._replace(seed=1): run | {"train_seconds": 500.0} for training, run in runs.items()}
    both = predictions | {training._replace(seed=1): value for training, value in predictions.items()}
    row = row_of(cost.numbers(runs | again, both, made_up.study()), member="fpn")
    assert row["train_seconds"] == (300 + 300 + 500 + 500) / 2
    assert row["train_images_per_second"] == pytest.approx(30.0)
    assert row["predict_images_per_second"] == pytest.approx(400 / (4 + 5 + 4 + 5))
    assert row["train_memory_mb"] == 2101.5
    assert np.isnan(row["train_gpu_memory_mb"])
    assert (row["trainings"], row["folds"], row["seeds"], row["attempts"]) == (4, 2, 2, 4)


def test_cost_has_a_row_for_what_was_not_run():
    runs, predictions, _ = made_up.trainings()
    frame = cost.numbers(runs, predictions, made_up.study())
    assert list(frame["member"]) == [*made_up.MEMBERS, *made_up.NOT_RUN]
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
    latex = write.latex(audited_text.table(whole, made_up.study(), 2.0, OUTSIDE))
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
    table = accuracy.table(accuracy_numbers(study), study)
    for text in (write.markdown(table), write.latex(table), write.html_page(table)):
        assert "phantom results" in text
    honest = accuracy.table(accuracy_numbers(), made_up.study("as_reported"))
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
    parameter = as_parameter("as_reported")
    tabulate_accuracy.main(*files, str(published), str(csv), str(csv.with_suffix(".json")), parameter, RESAMPLES)
    check_outputs(csv, len(made_up.AS_REPORTED))


def test_audited_from_files_to_files(tmp_path):
    folders = write_predictions(tmp_path, made_up.native_metrics())
    cases = tmp_path / "datasets" / "acdc" / "cases.csv"
    write_cases(
        cases,
        [Case(name, patient, "i", "m", (4, 4, 2), (1.0, 1.0, 5.0), phase=phase)
         for name, patient, phase in made_up.names(6)],
    )  # fmt: skip
    arrays = cases.parent / "arrays" / "minmax_pad"
    arrays.mkdir(parents=True)
    counts = {"a": {"foreground": 100, "foreground_outside": 30}, "b": {"foreground": 300, "foreground_outside": 10}}
    write_json(arrays / "index.json", {"cases": counts})
    csv = tmp_path / "audited.csv"
    tabulate_audited.main(
        [str(folder / "metrics.csv") for folder in folders], [str(cases)], [str(arrays)], str(csv),
        str(csv.with_suffix(".json")), as_parameter("audited"), 2.0, RESAMPLES,
    )  # fmt: skip
    # Two parts: six heart predictors and two missing ones; four with four labels and their mean; three phases.
    check_outputs(csv, 2 * (6 * 3 + 2 + 4 * 5 * 3))
    assert "10.0 % of the true foreground" in csv.with_suffix(".md").read_text(encoding="utf-8")


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
    tabulate_cost.main(*paths.values(), str(csv), str(csv.with_suffix(".json")), as_parameter("audited"))
    check_outputs(csv, len(made_up.MEMBERS) + len(made_up.NOT_RUN))
