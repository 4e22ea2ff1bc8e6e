import csv
import dataclasses
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
from medley.evaluate_reported import AsReported
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


@pytest.mark.parametrize(("batches", "epsilon", "own"), [(2, None, 6), (None, 0.001, 6 * 5)], ids=["batches", "dice"])
@pytest.mark.parametrize("recipe", [RECIPE, None], ids=["one recipe", "recipes differ"])
def test_the_script_writes_both_files(made, tmp_path, monkeypatch, caplog, root, recipe, batches, epsilon, own):
    script = runpy.run_path(str(root / "scripts" / "evaluate_predictor.py"))
    monkeypatch.setitem(script["main"].__globals__, "reader", {"acdc": made.source}.__getitem__)
    write_cases(tmp_path / "cases.csv", made.cases.values())
    files = [str(tmp_path / name) for name in ("cases.csv", "metrics.csv", "batches.csv")]
    reported = {"recipe": recipe, "batches": batches, "dice_epsilon": epsilon}
    task = {"reader": "acdc", "regions": REGIONS, "tolerance": 2.0, "scans": epsilon is not None, **reported}
    script["main"](str(made.folder), *files, IDENTITY, task)
    of_cases, of_batches = ((tmp_path / name).read_text() for name in ("metrics.csv", "batches.csv"))
    assert of_cases.count(",native\n") == 6 * 5 * len(NAMES)
    assert of_cases.count(",recipe\n") == (own if recipe else 0)
    assert of_cases.count(",scan\n") == (3 * 5 if epsilon else 0)  # the cases of each patient
    assert of_batches.count("\n") == 1 + (2 * 3 if recipe and batches else 0)
    assert ("different recipes" in caplog.text) == (recipe is None)


ORGANS = {"bowel": (1, 3), "stomach": (2, 3)}  # the sum of 1 and 2 is where both are
PLANE = (8, 8)
RESIZED = {"intensity": "minmax", "resize": [4, 4]}
SLICES = {  # part and fold of the slices of each scan; None is in the table of cases alone
    ("case1", "day0"): [("test", None)] * 3,
    ("case1", "day9"): [("test", None)] * 2,
    ("case2", "day0"): [("test", None), None, ("test", None)],
    ("case3", "day0"): [("test", None), ("out_of_fold", 0)],
    ("case4", "day0"): [("out_of_fold", 0)] * 2,
}


def block(row, column, value=1):
    """A square of 2×2 pixels, which is one pixel of 4×4."""
    mask = np.zeros((1, *PLANE), dtype=np.uint8)
    mask[0, row : row + 2, column : column + 2] = value
    return mask


@pytest.fixture
def scanned(tmp_path):
    """Cases of one slice each, without anything in truth and prediction but for what a test puts there."""
    names = {
        f"{patient}_{phase}_{number}": (patient, phase, entry)
        for (patient, phase), entries in SLICES.items()
        for number, entry in enumerate(entries)
    }
    cases = {
        name: Case(name, patient, f"{name}.png", "train.csv", (*PLANE, 1), (1.5, 1.5, 3.0), phase=phase)
        for name, (patient, phase, _) in names.items()
    }
    entries = {name: Entry(entry[1], entry[0]) for name, (*_, entry) in names.items() if entry}
    truths = {name: np.zeros((1, *PLANE), dtype=np.uint8) for name in cases}
    predicted = {name: np.zeros((1, *PLANE), dtype=np.uint8) for name in entries}
    source = SimpleNamespace(LABELS=ORGANS, read_mask=lambda case: truths[case.case])

    def judge(*arguments):
        arrays = {
            name: np.stack([np.isin(mask, values) * 0.8 for values in ORGANS.values()]).astype(np.float32)
            for name, mask in predicted.items()
        }
        write(tmp_path, arrays, entries, tuple(ORGANS), "sigmoid")
        return evaluate.evaluate(tmp_path, cases, source, {}, None, *arguments)

    return SimpleNamespace(folder=tmp_path, cases=cases, truths=truths, predicted=predicted, source=source, judge=judge)


def test_reported_dice_of_each_case_and_label_on_the_recipes_grid(scanned):
    name, lone, absent = "case1_day0_0", "case1_day0_1", "case1_day0_2"
    scanned.truths[name] = block(0, 0, 3) + block(0, 2, 1)  # bowel in two squares, stomach over the first
    scanned.predicted[name] = block(0, 2, 3) + block(4, 4, 1)
    scanned.truths[lone][0, 5, 5] = 2  # a fourth of its pixel on the recipe's grid
    found = scanned.judge(AsReported(RESIZED, dice_epsilon=0.001))
    rows = [row for row in found.metrics if row["convention"] == "recipe"]
    assert len(rows) == 2 * len(scanned.predicted) and {row["metric"] for row in rows} == {"dice"}
    assert values(rows, case=name, label="bowel") == [pytest.approx(2.001 / 4.001)]
    assert values(rows, case=name, label="stomach") == [pytest.approx(0.001 / 2.001)]
    assert values(rows, case=lone) == [1, 1]  # where nothing is left of the stomach
    assert values(rows, case=absent) == [1, 1]
    native = [row for row in found.metrics if row["convention"] == "native"]
    assert values(native, case=name, metric="dice") == [0.5, 0]
    assert values(native, case=lone, label="stomach", metric="dice") == [0]
    assert np.isnan(values(native, case=absent, metric="dice")).all()
    assert found.batches == []


def test_reported_dice_is_the_mean_over_a_cases_slices(made):
    found = evaluate.evaluate(made.folder, made.cases, made.source, {}, None, AsReported(RECIPE, None, 0.001))
    rows = [row for row in found.metrics if row["convention"] == "recipe"]
    # Case 0: two slices of two columns, one of which is right; nothing in the third. Case 2: columns 2 and 3
    # against 0 and 1. Of the padded labels nothing is cut.
    assert values(rows, case="case0", label="RV") == [pytest.approx((2 * 4.001 / 8.001 + 1) / 3)]
    assert values(rows, case="case2", label="LV") == [pytest.approx((2 * 0.001 / 8.001 + 1) / 3)]
    assert {row["label"] for row in rows} == set(LABELS) and found.batches == []


def test_whole_scans_in_one_part_get_a_hausdorff_distance(scanned, caplog):
    caplog.set_level("INFO")
    for name in scanned.predicted:
        scanned.truths[name] = block(0, 0, 1)
        scanned.predicted[name] = block(0, 4, 1)
    scanned.predicted["case1_day0_0"] = block(0, 0, 1)
    scanned.truths["case4_day0_1"] = block(2, 2, 3)
    rows = [row for row in scanned.judge(None, True).metrics if row["convention"] == "scan"]
    keys = [(row["case"], row["patient"], row["part"], row["fold"], row["label"], row["metric"]) for row in rows]
    assert keys == [
        (f"{patient}_{phase}", patient, part, fold, label, "hausdorff")
        for patient, phase, part, fold in (
            ("case1", "day0", "test", ""), ("case1", "day9", "test", ""), ("case4", "day0", "out_of_fold", 0)
        )
        for label in ORGANS
    ]  # fmt: skip
    # Four columns of eight in each slice; a third from the second slice of three to the first, where all is right.
    assert values(rows, case="case1_day9", label="bowel") == [pytest.approx(0.5 / math.sqrt(3))]
    assert values(rows, case="case1_day0", label="bowel") == [pytest.approx(0.5 / math.sqrt(3))]
    assert np.isnan(values(rows, case="case1_day0", label="stomach")).all()
    assert values(rows, case="case4_day0", label="stomach") == [1]
    assert "2 of 5 scans are left out: cases are missing, or in several parts" in caplog.text


def test_slices_are_stacked_in_the_order_of_names(scanned):
    scanned.truths["case1_day0_0"] = block(0, 0, 1)
    scanned.predicted["case1_day0_2"] = block(0, 0, 1)
    rows = scanned.judge(None, True).metrics
    assert values(rows, case="case1_day0", label="bowel") == [pytest.approx(2 / 3 / math.sqrt(3))]


def test_a_slice_without_truth_leaves_its_scan_out(scanned):
    scanned.cases["case1_day9_1"] = dataclasses.replace(scanned.cases["case1_day9_1"], mask="")
    rows = scanned.judge(None, True).metrics
    assert {row["case"] for row in rows if row["convention"] == "scan"} == {"case1_day0", "case4_day0"}


def test_slices_of_a_scan_that_differ_in_size_are_named(scanned):
    scanned.cases["case1_day9_1"] = dataclasses.replace(scanned.cases["case1_day9_1"], shape=(9, 8, 1))
    message = r"case1_day9_1.png: has \(9, 8\) rows and columns, but case1_day9_0.png, of the same scan, \(8, 8\)"
    with pytest.raises(InputError, match=message):
        scanned.judge(None, True)
    assert scanned.judge(None, False).metrics


def test_batches_keep_the_order_of_cases_where_scans_are_judged(made):
    """The cases of a patient do not stand together in it."""
    for number, name in enumerate(made.cases):
        made.cases[name] = dataclasses.replace(made.cases[name], patient=f"patient{number % 2}")
    arguments = made.folder, made.cases, made.source, REGIONS, 2.0, AsReported(RECIPE, 5)
    apart, together = (evaluate.evaluate(*arguments, scans) for scans in (False, True))
    assert together.batches == apart.batches
    assert [row for row in together.metrics if row["convention"] != "scan"] == apart.metrics


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
        (sigmoid, "only softmax heads have as-reported batches; take `batches` out"),
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
