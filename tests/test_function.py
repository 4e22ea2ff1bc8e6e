import dataclasses
import itertools
import math
import types

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

import plot_bland_altman
import tabulate_function
from medley import evaluate, probabilities, statistics
from medley.agreement import NAMES, agreement
from medley.cases import Case, write_cases
from medley.errors import InputError
from medley.figures import bland_altman, style
from medley.probabilities import Contents, Entry
from medley.results import function
from medley.results.read import read_metrics
from medley.results.study import Study
from medley.tables import function as table
from medley.tables import function_text
from medley.tables.write import markdown

LABELS = ["LV", "MYO", "RV"]
MEMBER = {"keep": "last", "labels": LABELS, "recipe": "mnms2"}
ENSEMBLE = {"kind": "postprocessed", "members": ["unet"], "weights": None, "built_without": [], "labels": LABELS}
STUDY = Study(
    "mnms2", ["mnms2_sa", "mnms2_la"], [], ["unet", "lost", "postprocessed"], {"unet": MEMBER},
    {"postprocessed": ENSEMBLE}, {"lost": "out of memory"},
)  # fmt: skip
VENDORS = ("siemens", "philips", "ge")


def case(patient, phase, view="SA", vendor="siemens"):
    return Case(
        f"{patient}_{view}_{phase}", patient, "i", "m", (8, 8, 2), (1.25, 1.25, 10.0), "test", phase, view, vendor
    )


def rows(volumes, predictor="unet", view="SA", part="test", seed=0):
    """Return rows of metrics.csv of (patient, phase, label): (true, predicted) volume in ml; None for both empty."""
    found = []
    for (patient, phase, label), pair in volumes.items():
        true, predicted = pair or (math.nan, math.nan)
        about = {"study": "mnms2", "dataset": f"mnms2_{view.lower()}", "split": "folds", "predictor": predictor}
        about |= {"fold": pd.NA, "seed": seed, "part": part, "case": f"{patient}_{view}_{phase}", "patient": patient}
        about |= {"label": label, "convention": "native"}
        found += [about | {"metric": "volume", "value": true}]
        found += [about | {"metric": "volume_difference", "value": predicted - true}]
    return pd.DataFrame(found)


def heart(patient, factor=1.0, diastole=(150.0, 120.0, 160.0), systole=(60.0, 115.0, 80.0)):
    """Return the volumes of a patient, each predicted ``factor`` times too large."""
    return {
        (patient, phase, label): (volume, factor * volume)
        for phase, own in (("ED", diastole), ("ES", systole))
        for label, volume in zip(LABELS, own, strict=True)
    }


def known(*patients):
    two = {one.case: one for patient in patients for one in (case(patient, "ED"), case(patient, "ES"))}
    return {"mnms2_sa": two, "mnms2_la": {one.case: one for one in (case("a", "ED", "LA"), case("a", "ES", "LA"))}}


def of(frame, **wanted):
    found = frame[np.logical_and.reduce([frame[key] == value for key, value in wanted.items()])]
    assert len(found) == 1
    return found.iloc[0]


# Agreement


def test_agreement_by_hand():
    """Differences 1, 3, 5, 7: mean 4, deviation sqrt(20 / 3)."""
    found = agreement([10, 20, 30, 40], [11, 23, 35, 47], list("abcd"), 100, 0)
    spread = 1.96 * math.sqrt(20 / 3)
    assert [found[name].mean for name in NAMES] == pytest.approx([4, 4 - spread, 4 + spread, 4, 1])
    assert all(math.isnan(end) for one in found.values() for end in one[1:])  # four patients are too few
    assert agreement([1, 2], [2, 1], list("ab"), 10, 0)["absolute_error"].mean == 1
    assert agreement([1, 2, 3], [3, 2, 1], list("abc"), 10, 0)["correlation"].mean == pytest.approx(-1)


def test_nobody_one_and_constants_have_what_is_defined():
    assert all(np.isnan(one).all() for one in agreement([], [], [], 10, 0).values())
    alone = agreement([5], [7], ["a"], 10, 0)
    assert (alone["bias"].mean, alone["absolute_error"].mean) == (2, 2)
    assert all(math.isnan(alone[name].mean) for name in ("lower_limit", "upper_limit", "correlation"))
    same = agreement([0.1] * 8, range(8), list("abcdefgh"), 50, 0)["correlation"]
    assert np.isnan(same).all()


def test_a_resample_of_one_patient_alone_has_no_correlation(monkeypatch):
    """Six times the same patient: what is left of squares about the mean is rounding."""
    generator = np.random.default_rng(0)
    true, measured = generator.normal(150, 40, (2, 6))
    monkeypatch.setattr(statistics, "patient_draws", lambda *_: 6 * np.eye(6))
    found = agreement(true, measured, list("abcdef"), 6, 0)
    assert np.isnan(found["correlation"][1:]).all()
    for name in ("bias", "lower_limit", "upper_limit"):
        assert found[name][1:] == pytest.approx(np.quantile(measured - true, [0.025, 0.975]), abs=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(6, 12), st.integers(1, 3))
def test_intervals_are_those_of_numpy_on_resamples_spelt_out(seed, patients, each):
    generator = np.random.default_rng(seed)
    true = generator.normal(150, 40, patients * each)
    measured = true + generator.normal(5, 10, len(true))
    names = [f"p{number % patients:02d}" for number in range(len(true))]
    found = agreement(true, measured, names, 60, 3)
    spelt = []
    for draw in statistics.patient_draws(patients, 60, 3):
        chosen = [row for row, name in enumerate(names) for _ in range(int(draw[int(name[1:])]))]
        error = measured[chosen] - true[chosen]
        limit = 1.96 * error.std(ddof=1)
        correlation = np.corrcoef(true[chosen], measured[chosen])[0, 1]
        spelt.append([error.mean(), error.mean() - limit, error.mean() + limit, abs(error).mean(), correlation])
    expected = np.quantile(spelt, [0.025, 0.975], axis=0).T
    for name, ends in zip(NAMES, expected, strict=True):
        assert found[name][1:] == pytest.approx(ends)


# Volumes


def test_volumes_fractions_and_mass_by_hand():
    frame = function.per_patient(rows(heart("a", 1.1)), known("a"), STUDY)
    found = {row["quantity"]: (row["true"], row["predicted"], row["unit"]) for _, row in frame.iterrows()}
    assert list(found) == [one.name for one in function.QUANTITIES]
    expected = {
        "LV end-diastolic volume": (150, 165, "ml"),
        "LV end-systolic volume": (60, 66, "ml"),
        "LV ejection fraction": (60, 60, "%"),
        "RV end-diastolic volume": (160, 176, "ml"),
        "RV end-systolic volume": (80, 88, "ml"),
        "RV ejection fraction": (50, 50, "%"),
        "LV mass": (126, 138.6, "g"),
    }
    for quantity, (true, predicted, unit) in expected.items():
        assert found[quantity][:2] == pytest.approx((true, predicted)) and found[quantity][2] == unit
    assert (frame["missing"] == "").all()


def test_from_masks_a_volume_is_voxels_times_true_spacing(tmp_path):
    """ED: LV of 12 voxels, 10 predicted; a voxel is 1.25 × 1.5 × 8 mm = 0.015 ml. ES: 4 voxels, 5 predicted."""
    shape, spacing = (2, 6, 5), (1.25, 1.5, 8.0)
    counts = {
        "ED": {"LV": (12, 10), "MYO": (20, 22), "RV": (6, 6)},
        "ES": {"LV": (4, 5), "MYO": (20, 18), "RV": (3, 3)},
    }
    truths, cases = {}, {}
    for phase, own in counts.items():
        name = f"a_SA_{phase}"
        cases[name] = Case(name, "a", "i", "m", (6, 5, 2), spacing, "", phase, "SA")
        flat = np.zeros((2, math.prod(shape)), dtype=np.uint8)
        for side in (0, 1):
            start = 0
            for value, label in enumerate(LABELS, start=1):
                flat[side, start : start + own[label][side]] = value
                start += own[label][side]
        truths[name], predicted = flat.reshape(2, *shape)
        values = (predicted == np.arange(4)[:, None, None, None]).astype(np.float32)
        probabilities.write_case(tmp_path, name, values)
    probabilities.write_contents(
        tmp_path, Contents("softmax", tuple(LABELS), dict.fromkeys(cases, Entry(None, "test")))
    )
    source = types.SimpleNamespace(LABELS={"LV": (1,), "MYO": (2,), "RV": (3,)}, read_mask=lambda one: truths[one.case])
    judged = evaluate.evaluate(tmp_path, cases, source, {}, None)
    identity = {"study": "mnms2", "dataset": "mnms2_sa", "split": "folds", "predictor": "unet", "seed": 0}
    evaluate.write_rows(tmp_path / "metrics.csv", evaluate.METRICS_COLUMNS, identity, judged.metrics)
    frame = function.per_patient(read_metrics([tmp_path / "metrics.csv"]), {"mnms2_sa": cases}, STUDY)
    volume = of(frame, quantity="LV end-diastolic volume")
    assert (volume["true"], volume["predicted"]) == pytest.approx((0.18, 0.15))
    fraction = of(frame, quantity="LV ejection fraction")
    assert (fraction["true"], fraction["predicted"]) == pytest.approx((100 * 8 / 12, 50))
    mass = of(frame, quantity="LV mass")
    assert (mass["true"], mass["predicted"]) == pytest.approx((20 * 0.015 * 1.05, 22 * 0.015 * 1.05))


def test_missing_and_empty_phases_have_no_value_and_are_counted():
    no_systole = {key: pair for key, pair in heart("b").items() if key[1] == "ED"}
    empty_truth = heart("c") | {("c", "ES", "RV"): (0.0, 5.0)}
    empty_prediction = heart("d") | {("d", "ED", "LV"): (150.0, 0.0)}
    both_empty = heart("e") | {("e", "ED", "MYO"): None}
    volumes = heart("a", 1.1) | no_systole | empty_truth | empty_prediction | both_empty
    numbers = table.numbers(rows(volumes), known(*"abcde"), STUDY, 50)
    counts = {
        row["quantity"]: [row[key] for key in ("patients", *table.MISSING.values())] for _, row in numbers.iterrows()
    }
    assert list(table.MISSING.values()) == ["no_image", "empty_truth", "empty_prediction"]
    assert counts == {
        "LV end-diastolic volume": [4, 0, 0, 1],
        "LV end-systolic volume": [4, 1, 0, 0],
        "LV ejection fraction": [3, 1, 0, 1],
        "RV end-diastolic volume": [5, 0, 0, 0],
        "RV end-systolic volume": [3, 1, 1, 0],
        "RV ejection fraction": [3, 1, 1, 0],
        "LV mass": [4, 0, 1, 0],
    }
    volume = of(numbers, quantity="LV end-diastolic volume")
    assert (volume["true"], volume["predicted"], volume["bias"]) == pytest.approx((150, 153.75, 3.75))
    assert volume["absolute_error"] == pytest.approx(3.75)


def test_only_short_axis_cases_of_a_phase_count_and_a_source_without_views_is_short_axis():
    both = pd.concat([rows(heart("a", 1.1)), rows(heart("a", 2.0), view="LA")])
    frame = function.per_patient(both, known("a"), STUDY)
    assert set(frame["dataset"]) == {"mnms2_sa"} and len(frame) == 7
    viewless = {"mnms2_sa": {name: dataclasses.replace(one, view="") for name, one in known("a")["mnms2_sa"].items()}}
    assert len(function.per_patient(rows(heart("a")), viewless, STUDY)) == 7
    with pytest.raises(InputError, match="mnms2: no predictor of LV, RV or MYO is judged on short-axis cases"):
        function.per_patient(rows(heart("a"), view="LA"), known("a"), STUDY)
    twice = pd.concat([rows(heart("a")), rows(heart("a")).assign(case=lambda own: own["case"] + "2")])
    two = {
        name + end: dataclasses.replace(one, case=name + end)
        for name, one in known("a")["mnms2_sa"].items()
        for end in ("", "2")
    }
    with pytest.raises(InputError, match="patient a has several short-axis cases of phase ED"):
        function.per_patient(twice, {"mnms2_sa": two}, STUDY)


def test_predictors_without_a_label_have_no_row_of_it():
    ventricle = dataclasses.replace(STUDY, members={"unet": MEMBER | {"labels": ["LV"]}}, predictors=["unet"])
    left = {key: pair for key, pair in heart("a").items() if key[2] == "LV"}
    numbers = table.numbers(rows(left), known("a"), ventricle, 20)
    assert list(numbers["quantity"]) == [
        f"LV {name}" for name in ("end-diastolic volume", "end-systolic volume", "ejection fraction")
    ]


# Table and figure


@pytest.fixture(scope="module")
def many():
    """Thirty patients of three vendors by a member and its ensemble, which is closer to the truth."""
    generator = np.random.default_rng(5)
    frames, cases = [], {}
    for number in range(30):
        patient = f"{number:03d}"
        diastole = generator.normal((150, 120, 165), (35, 25, 40)).clip(40)
        systole = diastole * generator.normal((0.45, 0.97, 0.5), 0.08).clip(0.1, 1.2)
        volumes = heart(patient, 1.0, diastole, systole)
        for predictor, spread in (("unet", 0.08), ("postprocessed", 0.04)):
            for part in ("test", "out_of_fold"):
                own = {key: (true, true * generator.normal(0.97, spread)) for key, (true, _) in volumes.items()}
                frames.append(rows(own, predictor, part=part))
        for phase in ("ED", "ES"):
            one = case(patient, phase, vendor=VENDORS[number % 3])
            cases[one.case] = one
    return pd.concat(frames, ignore_index=True), {**known("a"), "mnms2_sa": cases}


def test_the_table_is_of_test_cases_and_says_what_it_is_of(many):
    metrics, cases = many
    numbers = table.numbers(metrics, cases, STUDY, 200)
    assert len(numbers) == 2 * 7 and set(numbers["part"]) == {"test"}
    row = of(numbers, predictor="unet", quantity="RV ejection fraction")
    test = metrics[(metrics["predictor"] == "unet") & (metrics["part"] == "test") & (metrics["label"] == "RV")]
    wide = test.assign(phase=test["case"].str[-2:]).set_index(["patient", "phase", "metric"])["value"].unstack("metric")
    found = (wide["volume"] + wide["volume_difference"]).unstack("phase")
    fraction = 100 * (1 - found["ES"] / found["ED"])
    true = wide["volume"].unstack("phase")
    error = fraction - 100 * (1 - true["ES"] / true["ED"])
    assert row["bias"] == pytest.approx(error.mean()) and row["upper_limit"] - row["bias"] == pytest.approx(
        1.96 * error.std()
    )
    assert row["bias_low"] < row["bias"] < row["bias_high"] and row["patients"] == 30
    text = markdown(function_text.table(numbers, cases, STUDY))
    assert "- mnms2_sa: test cases." in text and "times 1.05 g/ml" in text
    assert "- mnms2_la: no volumes, since it has no short-axis image" in text
    assert "- Not run: lost (out of memory)." in text
    assert "| unet | LV mass (g) |" in text
    phantoms = dataclasses.replace(STUDY, phantoms=["mnms2_sa"])
    assert "phantom results (mnms2_sa" in function_text.table(numbers, cases, phantoms).title


def test_seeds_are_rows_of_their_own():
    """Errors of +10 % and -10 % of two seeds: no bias, though limits as wide as of each."""
    patients = [f"p{number}" for number in range(8)]
    frames = [
        rows({key: pair for patient in patients for key, pair in heart(patient, 1 + sign * 0.1).items()}, seed=seed)
        for seed, sign in enumerate((1, -1))
    ]
    numbers = table.numbers(pd.concat(frames), known(*patients), STUDY, 50)
    row = of(numbers, quantity="LV end-diastolic volume")
    assert (row["bias"], row["absolute_error"]) == pytest.approx((0, 15))
    assert row["upper_limit"] == pytest.approx(1.96 * 15 * math.sqrt(16 / 15))
    assert (row["patients"], row["seeds"]) == (8, 2)


def test_the_figure_shows_every_patient_bias_and_limits_of_the_ensemble(many):
    metrics, cases = many
    name, shown = bland_altman.panels(metrics, cases, STUDY, 50)
    assert name == "postprocessed" and [one.quantity for one in shown] == [one.name for one in function.QUANTITIES]
    numbers = table.numbers(metrics, cases, STUDY, 50)
    with style.paper():
        figure = bland_altman.draw(name, shown, STUDY)
        FigureCanvasAgg(figure).draw()
    panels = figure.axes
    assert len(panels) == 7 and "test cases" in figure.get_suptitle()
    for panel, one in zip(panels, shown, strict=True):
        lines = {line.get_label(): line for line in panel.get_lines()}
        assert set(VENDORS) < set(lines)
        drawn = np.concatenate([np.column_stack(lines[vendor].get_data()) for vendor in sorted(VENDORS)])
        own = one.rows.sort_values("vendor", kind="stable")
        expected = np.column_stack([(own["true"] + own["predicted"]) / 2, own["predicted"] - own["true"]])
        np.testing.assert_allclose(drawn, expected)
        row = of(numbers, predictor="postprocessed", quantity=one.quantity)
        assert lines["bias"].get_ydata() == pytest.approx([row["bias"]] * 2)
        assert lines["limits of agreement"].get_ydata() == pytest.approx([row["upper_limit"]] * 2)


def test_no_text_of_the_figure_is_cut_off_or_covers_another(many):
    phantoms = dataclasses.replace(STUDY, phantoms=["mnms2_sa", "mnms2_la"])
    with style.paper():
        figure = bland_altman.draw(*bland_altman.panels(*many, phantoms, 50), phantoms)
        FigureCanvasAgg(figure).draw()
    page = figure.bbox.padded(1)
    texts = [text for panel in figure.axes for text in (panel.xaxis.label, panel.yaxis.label, *panel.texts)]
    texts += [text for panel in figure.axes for text in panel.get_children() if isinstance(text, Text)]
    texts += figure.legends[0].get_texts() + figure.texts
    boxes = {text: text.get_window_extent() for text in texts if text.get_text()}
    assert len(boxes) >= 7 * 5
    for text, box in boxes.items():
        assert page.x0 <= box.x0 and page.y0 <= box.y0 and box.x1 <= page.x1 and box.y1 <= page.y1, text.get_text()
    for one, other in itertools.combinations(boxes, 2):
        assert not boxes[one].overlaps(boxes[other]), (one.get_text(), other.get_text())
    assert figure.get_figwidth() <= style.PAGE and "phantom data" in figure.get_suptitle()


def test_quantities_of_nobody_have_an_empty_panel():
    predicted = {key: (true, 0.0 if key[2] == "LV" else true) for key, (true, _) in heart("a").items()}
    shown = bland_altman.panels(rows(predicted, "postprocessed"), known("a"), STUDY, 10)
    figure = bland_altman.draw(*shown, STUDY)
    FigureCanvasAgg(figure).draw()
    empty = [
        panel.get_title(loc="left")
        for panel in figure.axes
        if "no patient has a value" in map(Text.get_text, panel.texts)
    ]
    assert empty == [f"LV {name}" for name in ("end-diastolic volume", "end-systolic volume", "ejection fraction")]
    nobody = rows({key: (true, 0.0) for key, (true, _) in heart("a").items()}, "postprocessed")
    FigureCanvasAgg(bland_altman.draw(*bland_altman.panels(nobody, known("a"), STUDY, 10), STUDY)).draw()
    assert [panel.get_xlabel() for panel in figure.axes[2:4]] == ["mean of both (%), n = 0", "mean of both (ml), n = 1"]


def test_a_figure_of_nobody_is_refused():
    with pytest.raises(InputError, match="postprocessed is not judged on short-axis cases; take bland_altman out"):
        bland_altman.panels(rows(heart("a"), "unet"), known("a"), STUDY, 10)
    heart_alone = dataclasses.replace(STUDY, members={"unet": MEMBER | {"labels": ["LV"]}}, predictors=["unet"])
    with pytest.raises(InputError, match="no predictor has the labels LV, MYO, RV"):
        bland_altman.chosen(heart_alone)
    assert bland_altman.chosen(dataclasses.replace(STUDY, predictors=["unet"])) == "unet"


def test_both_scripts_from_files_to_files(many, tmp_path):
    metrics, cases = many
    metrics.to_csv(tmp_path / "metrics.csv", index=False, float_format="%.9g")
    files = []
    for dataset, own in cases.items():
        (tmp_path / "datasets" / dataset).mkdir(parents=True)
        files.append(str(tmp_path / "datasets" / dataset / "cases.csv"))
        write_cases(files[-1], own.values())
    study = {field.name: getattr(STUDY, field.name) for field in dataclasses.fields(STUDY)}
    for script, made in ((tabulate_function, "function.csv"), (plot_bland_altman, "bland_altman.png")):
        for run in ("one", "two"):
            target = tmp_path / run / made
            script.main(
                [str(tmp_path / "metrics.csv")], files, str(target), str(target.with_suffix(".json")), study, 20
            )
        assert target.with_suffix(".json").is_file()
        for path in (tmp_path / "one").iterdir():
            if path.suffix != ".json":
                assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    assert (tmp_path / "one" / "bland_altman.pdf").read_bytes().startswith(b"%PDF")
    assert len(pd.read_csv(tmp_path / "one" / "function.csv")) == 14
