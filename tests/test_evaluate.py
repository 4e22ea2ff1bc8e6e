import csv
import math
import runpy
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from medley import evaluate, probabilities
from medley.cases import Case, write_cases
from medley.errors import InputError
from medley.evaluate import AsReported
from medley.metrics import NAMES, case_metrics
from medley.probabilities import Contents, Entry

SHAPE = (3, 6, 5)  # slices, rows, columns
SPACING = (1.5, 1.25, 8.0)  # rows, columns, slices
LABELS = {"RV": (1,), "MYO": (2,), "LV": (3,)}  # what is predicted; the dataset also has scars
REGIONS = {"heart": ["RV", "MYO", "LV"], "wall": ["MYO"], "lesion": ["MYO", "scar"]}
IDENTITY = {"study": "acdc", "dataset": "acdc", "split": "folds", "predictor": "fpn", "seed": "0"}
RECIPE = {"intensity": "minmax", "spacing": None, "shape": [8, 4, 3]}  # pads the rows, crops the columns


def truth_of(number):
    """Blocks of the three labels that lie a column further right in each case."""
    mask = np.zeros(SHAPE, dtype=np.uint8)
    for value, row in ((1, 0), (2, 2), (3, 4)):
        mask[:2, row : row + 2, number % 3 : number % 3 + 2] = value
    return mask


@pytest.fixture
def made(tmp_path):
    """Six cases of three patients; their predictions are the truth of the next case."""
    truths = {f"case{number}": truth_of(number) for number in range(6)}
    cases = {
        name: Case(name, f"patient{index // 2}", f"{name}.nii", f"{name}_gt.nii", (6, 5, 3), SPACING)
        for index, name in enumerate(truths)
    }
    entries = {name: Entry(None, "test") if index < 4 else Entry(1, "out_of_fold") for index, name in enumerate(cases)}
    source = SimpleNamespace(LABELS=LABELS | {"scar": (4,)}, read_mask=lambda case: truths[case.case])
    predicted = {name: truth_of(number + 1) for number, name in enumerate(truths)}
    write(tmp_path, {name: one_hot(mask, 4) for name, mask in predicted.items()}, entries, tuple(LABELS))
    return SimpleNamespace(folder=tmp_path, truths=truths, predicted=predicted, cases=cases, source=source)


def one_hot(mask, classes):
    return (np.arange(classes)[:, None, None, None] == mask).astype(np.float32)


def write(folder, arrays, entries, labels, head="softmax"):
    for name, array in arrays.items():
        probabilities.write_case(folder, name, array, head)
    probabilities.write_contents(folder, Contents(head, labels, entries))


def values(rows, **where):
    return [row["value"] for row in rows if all(row[key] == value for key, value in where.items())]


def test_every_case_label_and_metric_has_one_row(made):
    rows = evaluate.evaluate(made.folder, made.cases, made.source, REGIONS, 2.0).metrics
    keys = [(row["case"], row["label"], row["metric"]) for row in rows]
    labels = ["LV", "MYO", "RV", "heart", "wall"]  # and no region of which a part is not predicted
    assert keys == [(case, label, metric) for case in made.cases for label in labels for metric in sorted(NAMES)]
    assert {(row["case"], row["patient"], row["part"], row["fold"]) for row in rows} == {
        *((f"case{number}", f"patient{number // 2}", "test", "") for number in range(4)),
        *((f"case{number}", "patient2", "out_of_fold", 1) for number in (4, 5)),
    }
    assert {row["convention"] for row in rows} == {"native"}


def test_values_are_those_of_the_masks_on_the_native_grid(made):
    rows = evaluate.evaluate(made.folder, made.cases, made.source, REGIONS, 2.0).metrics
    for label, value in (("RV", 1), ("MYO", 2), ("LV", 3), ("wall", 2)):
        expected = case_metrics(made.truths["case1"] == value, made.predicted["case1"] == value, (8, 1.5, 1.25), 2.0)
        assert values(rows, case="case1", label=label) == [expected[name] for name in sorted(NAMES)]
    assert values(rows, case="case0", label="heart", metric="dice") == [0.5]  # of two columns one is right
    assert values(rows, case="case0", label="heart", metric="hd") == [1.25]
    assert values(rows, case="case2", label="heart", metric="hd") == [2.5]  # from the third column to the first


def test_a_region_is_where_its_parts_exceed_half_together(made):
    unsure = np.zeros((4, *SHAPE), dtype=np.float32)
    unsure[0] = 1
    unsure[:, 0, 0, 0] = (0.4, 0.3, 0.3, 0.0)  # background is the most probable class, the heart is likelier
    unsure[:, 0, 0, 1] = (0.6, 0.4, 0.0, 0.0)
    write(made.folder, {"case0": unsure}, {"case0": Entry(None, "test")}, tuple(LABELS))
    rows = evaluate.evaluate(made.folder, made.cases, made.source, REGIONS, 2.0).metrics
    assert values(rows, label="RV", metric="recall") == [0]
    assert values(rows, label="heart", metric="precision") == [1]
    assert values(rows, label="heart", metric="recall") == [1 / 24]


def test_a_member_of_a_region_alone(made):
    entries = {name: Entry(None, "test") for name in made.cases}
    hearts = {name: one_hot(mask > 0, 2) for name, mask in made.predicted.items()}
    write(made.folder, hearts, entries, ("heart",))
    rows = evaluate.evaluate(made.folder, made.cases, made.source, REGIONS, 2.0).metrics
    assert {row["label"] for row in rows} == {"heart"}
    assert values(rows, metric="dice") == [0.5, 0.5, 0, 0.5, 0.5, 0]


def test_sigmoid_labels_may_overlap(made):
    likely = np.zeros((2, *SHAPE), dtype=np.float32)
    likely[0, 0, :3] = 0.7
    likely[1, 0, 1:5] = 0.9
    likely[1, 1] = 0.5  # is not above one half
    write(made.folder, {"case0": likely}, {"case0": Entry(0, "out_of_fold")}, ("A", "B"), "sigmoid")
    truth = np.zeros(SHAPE, dtype=np.uint8)
    truth[0, :3], truth[0, 3:5] = 1, 2
    made.source.LABELS, made.source.read_mask = {"A": (1,), "B": (2,)}, lambda case: truth
    rows = evaluate.evaluate(made.folder, made.cases, made.source, {"both": ["A", "B"]}, 2.0).metrics
    assert values(rows, label="A", metric="dice") == [1]
    assert values(rows, label="B", metric="precision") == [0.5]
    assert values(rows, label="both", metric="dice") == [1]  # the union of the two


def on_recipe(mask):
    """Rows 6 → 8: one of padding on each side; columns 5 → 4: the last is cut."""
    return np.pad(mask, ((0, 0), (1, 1), (0, 0)))[:, :, :4]


def test_as_reported_metrics_are_means_over_batches_on_the_recipes_grid(made):
    found = evaluate.evaluate(made.folder, made.cases, made.source, REGIONS, 2.0, AsReported(RECIPE, 5))
    right = {name: on_recipe(made.predicted[name]) == on_recipe(made.truths[name]) for name in made.cases}
    accuracies = {row["case"]: row["value"] for row in found.metrics if row["convention"] == "recipe"}
    assert accuracies == pytest.approx({name: equal.mean() for name, equal in right.items()})
    assert {row["label"] for row in found.metrics if row["convention"] == "recipe"} == {"all"}

    test_slices = np.concatenate([right[f"case{number}"] for number in range(4)])  # out of fold is not among them
    expected = [part.mean() for part in np.array_split(test_slices, 5)]
    assert values(found.batches, metric="pixel_accuracy") == pytest.approx(expected)
    assert [row["batch"] for row in found.batches[::3]] == [1, 2, 3, 4, 5]
    assert [row["slices"] for row in found.batches[::3]] == [3, 3, 2, 2, 2]
    assert [row["metric"] for row in found.batches[:3]] == ["iou", "pixel_accuracy", "weighted_jaccard"]
    true, predicted = on_recipe(made.truths["case0"]), on_recipe(made.predicted["case0"])  # the first three slices
    both, either = (true > 0) & (predicted > 0), (true > 0) | (predicted > 0)
    assert values(found.batches, metric="iou", batch=1) == pytest.approx([both.sum() / either.sum()])


def test_without_batches_there_is_nothing_as_reported(made):
    found = evaluate.evaluate(made.folder, made.cases, made.source, REGIONS, 2.0)
    assert found.batches == []
    assert values(found.metrics, metric="pixel_accuracy") == []


def test_cases_without_truth_are_left_out_and_counted(made, caplog):
    caplog.set_level("INFO")
    made.cases["case2"] = Case("case2", "patient1", "case2.nii", "", (6, 5, 3), SPACING)
    rows = evaluate.evaluate(made.folder, made.cases, made.source, REGIONS, 2.0).metrics
    assert {row["case"] for row in rows} == {"case0", "case1", "case3", "case4", "case5"}
    assert "1 of 6 cases have no mask and are left out" in caplog.text
    assert "5 of 5 cases" in caplog.text


def test_files_are_the_same_bytes_each_time(made, tmp_path):
    found = evaluate.evaluate(made.folder, made.cases, made.source, REGIONS, 2.0, AsReported(RECIPE, 5))
    found.metrics[0]["value"] = math.nan
    found.metrics[1]["value"] = 1 / 3
    for name in ("first.csv", "second.csv"):
        evaluate.write_rows(tmp_path / name, evaluate.METRICS_COLUMNS, IDENTITY, found.metrics)
    written = (tmp_path / "first.csv").read_bytes()
    assert written == (tmp_path / "second.csv").read_bytes()
    header, first, second, *_ = written.decode().split("\n")
    assert header == "study,dataset,split,predictor,fold,seed,part,case,patient,label,metric,value,convention"
    assert first == "acdc,acdc,folds,fpn,,0,test,case0,patient0,LV,assd,,native"
    assert second == "acdc,acdc,folds,fpn,,0,test,case0,patient0,LV,dice,0.333333333,native"
    evaluate.write_rows(tmp_path / "batches.csv", evaluate.BATCHES_COLUMNS, IDENTITY, found.batches)
    with (tmp_path / "batches.csv").open(newline="") as stream:
        row = next(csv.DictReader(stream))
    assert ",".join(row) == "study,dataset,split,predictor,seed,part,batch,slices,metric,value"
    assert (row["seed"], row["part"], row["batch"], row["slices"], row["metric"]) == ("0", "test", "1", "3", "iou")
    evaluate.write_rows(tmp_path / "none.csv", evaluate.BATCHES_COLUMNS, IDENTITY, [])
    assert (tmp_path / "none.csv").read_text().count("\n") == 1


@pytest.mark.parametrize("recipe", [RECIPE, None], ids=["one recipe", "recipes differ"])
def test_the_script_writes_both_files(made, tmp_path, monkeypatch, caplog, root, recipe):
    script = runpy.run_path(str(root / "scripts" / "evaluate_predictor.py"))
    monkeypatch.setitem(script["main"].__globals__, "reader", {"acdc": made.source}.__getitem__)
    write_cases(tmp_path / "cases.csv", made.cases.values())
    files = [str(tmp_path / name) for name in ("cases.csv", "metrics.csv", "batches.csv")]
    script["main"](str(made.folder), *files, IDENTITY, "acdc", REGIONS, 2.0, recipe, 2)
    metrics, batches = ((tmp_path / name).read_text() for name in ("metrics.csv", "batches.csv"))
    assert metrics.count("\n") == 1 + 6 * 5 * len(NAMES) + (6 if recipe else 0)
    assert batches.count("\n") == 1 + (2 * 3 if recipe else 0)
    assert ("different recipes" in caplog.text) == (recipe is None)


def other_case(made):
    del made.cases["case3"]


def other_grid(made):
    made.source.read_mask = lambda case: np.zeros((3, 5, 6), dtype=np.uint8)


def no_truth(made):
    for name, case in made.cases.items():
        made.cases[name] = Case(name, case.patient, case.image, "", case.shape, case.spacing)


def sigmoid(made):
    write(made.folder, {"case0": np.zeros((1, *SHAPE), np.float32)}, {"case0": Entry(None, "test")}, ("RV",), "sigmoid")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (other_case, "case 'case3' is not in the table of cases; predict again"),
        (other_grid, r"case0_gt.nii: has \(3, 5, 6\) .* have \(3, 6, 5\); predict again"),
        (no_truth, "none of its 6 cases has a mask"),
        (sigmoid, "only softmax heads have as-reported metrics; take `batches` out"),
    ],
)
def test_bad_input_ends_in_one_clear_message(made, spoil, message):
    spoil(made)
    with pytest.raises(InputError, match=message):
        evaluate.evaluate(made.folder, made.cases, made.source, REGIONS, 2.0, AsReported(RECIPE, 2))


def test_starts_without_heavy_libraries(root):
    code = "import sys, medley.evaluate; print({'torch', 'monai', 'pandas', 'matplotlib'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], cwd=root / "scripts", stdout=subprocess.PIPE, check=True)
    assert run.stdout.strip() == b"set()"
