import types
import warnings
from pathlib import Path

import made_up_results as made_up
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

import plot_accuracy_per_batch
import plot_dice_boxplot
import plot_dice_cost
import plot_loss_curves
import plot_overlays
from medley import probabilities
from medley.cases import Case, write_cases
from medley.errors import InputError
from medley.figures import accuracy_per_batch, dice_boxplot, dice_cost, loss_curves, overlay_slices, overlays, style
from medley.files import write_json
from medley.plan import Training
from medley.results.cases import per_case
from medley.results.study import Study
from medley.tables import audited, cost, write

PATIENTS = 4
GRID = (6, 40, 30)  # slices, rows, columns
SPACING = (2.0, 1.0, 8.0)  # mm: rows, columns, slices
LABELS = {"RV": (1,), "MYO": (2,), "LV": (3,)}


def truth(case):
    """Return three nested squares in the middle slices, a little lower in every further patient."""
    mask = np.zeros(GRID, dtype=np.uint8)
    top = 8 + int(case.patient[-1])
    for value, inset in ((1, 0), (2, 2), (3, 4)):
        mask[1:5, top + inset : top + 16 - inset, 7 + inset : 23 - inset] = value
    return mask


READER = types.SimpleNamespace(
    LABELS=LABELS,
    read_mask=truth,
    read_image=lambda case: (truth(case) * 0.2 + np.random.default_rng(0).uniform(0, 0.3, GRID))
    .astype(np.float32)[None],
)  # fmt: skip


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Return cases.csv, metrics.csv files and probabilities of the study, and its sources."""
    root = tmp_path_factory.mktemp("results")
    cases = root / "datasets" / "acdc" / "cases.csv"
    cases.parent.mkdir(parents=True)
    rows, columns, slices = GRID[1], GRID[2], GRID[0]
    table = [
        Case(name, patient, "i", "m", (rows, columns, slices), SPACING, phase=phase)
        for name, patient, phase in made_up.names(PATIENTS)
    ]
    write_cases(cases, table)
    metrics, folders = [], []
    overlaid = {name for group in made_up.study().combined() for name in group}
    for name, own in made_up.native_metrics(PATIENTS).groupby("predictor"):
        place = root / "acdc" / "folds" / "members" / name / "seed-0"
        (place / "probabilities").mkdir(parents=True)
        own.to_csv(place / "metrics.csv", index=False, float_format="%.9g")
        metrics.append(str(place / "metrics.csv"))
        labels = made_up.study().labels(name)
        if name in overlaid:
            for case in table:
                mask = np.roll(truth(case), 1, axis=2)  # one column too far to the right
                hot = [mask > 0] if labels == ["heart"] else [mask == value for (value,) in LABELS.values()]
                values = np.stack([~np.any(hot, axis=0), *hot]).astype(np.float32)
                probabilities.write_case(place / "probabilities", case.case, values)
            entries = {case.case: probabilities.Entry(None, "test") for case in table}
            contents = probabilities.Contents("softmax", tuple(labels), entries)
            probabilities.write_contents(place / "probabilities", contents)
            folders.append(str(place / "probabilities"))
    sources = {"acdc": {"reader": "squares", "regions": {"heart": ["RV", "MYO", "LV"]}}}
    return types.SimpleNamespace(root=root, cases=str(cases), metrics=metrics, folders=folders, sources=sources)


@pytest.fixture(scope="module")
def numbers():
    """Return the numbers of the tables audited and cost, with equal patients throughout."""
    phases = {"acdc": made_up.phases(PATIENTS)}
    shown = audited.numbers(made_up.native_metrics(PATIENTS), phases, {}, made_up.study(), 20)
    runs, predictions, _ = made_up.trainings()
    return shown, cost.numbers(runs, predictions, made_up.ALL_MEMBERS, made_up.study())


def judged_cases():
    return per_case(made_up.native_metrics(PATIENTS), {"acdc": made_up.phases(PATIENTS)})


def all_slices(stored, monkeypatch):
    monkeypatch.setattr(overlay_slices, "reader", lambda name: READER)
    metrics = made_up.native_metrics(PATIENTS)
    return overlay_slices.slices(metrics, [stored.cases], stored.folders, made_up.study(), stored.sources)


@pytest.fixture(params=["loss_curves", "accuracy_per_batch", "overlays", "dice_boxplot", "dice_cost"])
def drawing(request, stored, numbers, monkeypatch):
    study = made_up.study("audited", ["acdc"])
    reported = made_up.study("as_reported", ["acdc"])
    runs, _, histories = made_up.trainings("single", 1)
    published = made_up.published()
    draw = {
        "loss_curves": lambda: loss_curves.draw(histories, runs, published["training"], reported),
        "accuracy_per_batch": lambda: accuracy_per_batch.draw(made_up.accuracies()[1], published["accuracy"], reported),
        "overlays": lambda: overlays.draw(all_slices(stored, monkeypatch), study),
        "dice_boxplot": lambda: dice_boxplot.draw(judged_cases(), study),
        "dice_cost": lambda: dice_cost.draw(dice_cost.points(*numbers, "folds", study), study),
    }
    with style.paper(), warnings.catch_warnings():
        warnings.simplefilter("error")
        yield draw[request.param]


@pytest.fixture
def figure(drawing):
    return drawing()


def test_nothing_reaches_over_the_edge(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    page = figure.bbox.padded(1)
    # Labels of ticks beyond an axis' ends exist but are not drawn.
    ticks = [label for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for label in axis.get_ticklabels()]
    texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text not in ticks]
    assert len(texts) > 4
    texts += [label for axes in figure.axes for label in axes.get_yticklabels() if label.get_text()[:1].isalpha()]
    for text in texts:
        box = text.get_window_extent()
        assert page.x0 <= box.x0 and page.y0 <= box.y0 and box.x1 <= page.x1 and box.y1 <= page.y1, text.get_text()


def test_it_fits_a_page_and_says_phantom_and_who_was_not_run(figure):
    assert figure.get_figwidth() <= style.PAGE
    assert "phantom data" in figure.get_suptitle()
    assert "not run (weights missing): deeplabv3plus-imagenet, fpn-imagenet" in figure.get_suptitle().replace("\n", " ")


def test_the_same_figure_has_the_same_bytes(drawing, tmp_path):
    style.save(drawing(), tmp_path / "one.png")
    figure = drawing()
    style.save(figure, tmp_path / "two.png")
    for suffix in (".png", ".pdf"):
        first, second = ((tmp_path / name).with_suffix(suffix).read_bytes() for name in ("one", "two"))
        assert first == second
    assert b"CreationDate" not in (tmp_path / "one.pdf").read_bytes()
    assert b"/FontFile2" in (tmp_path / "one.pdf").read_bytes()  # text stays text
    assert (tmp_path / "one.png").read_bytes()[16:20] == round(200 * figure.get_figwidth()).to_bytes(4, "big")


def test_looks_hold_across_protocols_and_tell_families_apart():
    reported, audit = (style.looks(made_up.study(protocol)) for protocol in ("as_reported", "audited"))
    assert reported == audit
    assert audit["fpn"].colour == audit["fpn-4class"].colour != audit["deeplabv3plus"].colour
    assert len({(look.colour, look.marker) for look in audit.values()}) == len(audit)
    assert audit["background"].colour == style.BLACK


def test_loss_panels_hold_the_histories_and_the_kept_epoch():
    runs, _, histories = made_up.trainings("single", 1)
    figure = loss_curves.draw(histories, runs, made_up.published()["training"], made_up.study("as_reported"))
    panels = {panel.get_title(): panel for panel in figure.axes}
    assert list(panels) == list(made_up.MEMBERS)
    for training, history in histories.items():
        lines = {line.get_label(): line for line in panels[training.member].get_lines()}
        assert lines["training"].get_ydata() == pytest.approx(history["train_loss"].to_numpy())
        assert lines["validation"].get_ydata() == pytest.approx(history["validation_loss"].to_numpy())
        kept = runs[training]["best_epoch"]
        assert lines["epoch kept"].get_xdata() == [kept]
        assert lines["epoch kept"].get_ydata() == pytest.approx(history["validation_loss"].to_numpy()[kept - 1])
    marks = {line.get_label(): line for line in panels["deeplabv3plus"].get_lines()}
    assert (marks["published best"].get_xdata(), marks["published best"].get_ydata()) == ([7], [0.1077])
    assert "published best" not in {line.get_label() for line in panels["fpn"].get_lines()}


def staged(members, epochs, stages):
    """Return history.csv and run.json of ``members`` with ``epochs``, the last one in ``stages``, and their study."""
    loss = {"name": "dice_bce", "k": 1}
    of = {member: {"loss": loss, "labels": ["heart"]} for member in members}
    of[members[-1]]["stages"] = [{"epochs": count} for count in stages]
    histories, runs = {}, {}
    for member, count in zip(members, epochs, strict=True):
        training = Training("acdc", "single", member, 0, 0)
        falling = np.exp(-np.arange(1, count + 1) / 5)
        table = {"epoch": np.arange(1, count + 1), "train_loss": falling, "validation_loss": falling + 0.1}
        histories[training] = pd.DataFrame(table).assign(validation_dice=0.5)
        runs[training] = {"best_epoch": count - 1, "member": of[member]}
    return histories, runs, Study("acdc", ["acdc"], [], members, of, {}, {}, {members[-1]: "imagenet"})


def test_stages_of_a_training_are_told_apart_in_its_own_panel():
    histories, runs, study = staged(["a", "b", "c", "d", "e-fine-tuned"], [30, 30, 30, 30, 18], [10, 5, 3])
    with style.paper():
        figure = loss_curves.draw(histories, runs, made_up.published()["training"], study)
    begins = {
        panel.get_title(): [line.get_xdata()[0] for line in panel.get_lines() if line.get_label() == "next stage"]
        for panel in figure.axes
    }
    assert begins == {"a": [], "b": [], "c": [], "d": [], "e-fine-tuned": [10.5, 15.5]}
    assert [text.get_text() for text in figure.legends[0].get_texts()].count("next stage") == 1
    assert figure.axes[0].get_ylabel() == "loss (dice_bce)"
    assert "without pretrained weights: e-fine-tuned" in figure.get_suptitle()


def test_the_lowest_panel_of_each_column_counts_epochs():
    histories, runs, study = staged(["a", "b", "c"], [30, 30, 15], [10, 5])
    figure = loss_curves.draw(histories, runs, made_up.published()["training"], study)
    FigureCanvasAgg(figure).draw()
    counts = {panel.get_title(): panel.get_xlabel() for panel in figure.axes}
    assert counts == {"a": "", "b": "epoch", "c": "epoch"}
    for panel in figure.axes[1:]:
        assert any(label.get_visible() and label.get_text() for label in panel.get_xticklabels())


def test_batches_are_drawn_in_percent_for_the_complete_ensemble_only():
    _, batches = made_up.accuracies()
    figure = accuracy_per_batch.draw(batches, made_up.published()["accuracy"], made_up.study("as_reported"))
    (panel,) = figure.axes
    lines = {line.get_label(): line for line in panel.get_lines()}
    assert {"deeplabv3plus", "fpn", "weighted", "all background"} < set(lines)
    assert "weighted-imagenet" not in lines
    own = batches[(batches["predictor"] == "fpn") & (batches["metric"] == "pixel_accuracy")]
    assert lines["fpn"].get_ydata() == pytest.approx(100 * own["value"].to_numpy())
    marks = [line.get_ydata() for line in panel.get_lines() if line.get_marker() == "<"]
    heights = [mark[0] for mark in marks if len(mark)]
    assert sorted(heights) == pytest.approx([88.77, 94.9, 94.95])


def test_the_claim_counts_batches_where_the_first_is_better():
    accuracy = pd.DataFrame({"a": [3.0, 2.0, 5.0], "b": [1.0, 2.0, 6.0], "e": [4.0, 1.0, 2.0]}, index=[1, 2, 3])
    assert accuracy_per_batch.claim(accuracy, ["a", "b", "e"]) == "a above b in 1 of 3 batches\ne lowest in batch 2"


def test_only_what_is_shown_is_drawn_and_unknown_names_are_grey():
    _, batches = made_up.accuracies()
    published = made_up.published()["accuracy"]
    stranger = published.iloc[[0]].assign(predictor="removed-from-the-study", value=0.5)
    study = Study("acdc", ["acdc"], [], ["fpn", "weighted"], made_up.MEMBERS, made_up.ENSEMBLES, {})
    shown = batches[batches["predictor"].isin(study.predictors)]
    (panel,) = accuracy_per_batch.draw(shown, pd.concat([published, stranger]), study).axes
    assert [line.get_label() for line in panel.get_lines() if not line.get_label().startswith("_")] == [
        "fpn", "weighted", "published mean",
    ]  # fmt: skip
    marks = {line.get_ydata()[0]: line.get_color() for line in panel.get_lines() if len(line.get_ydata()) == 1}
    assert marks[50.0] == style.GREY
    assert marks[94.95] == style.looks(study)["deeplabv3plus"].colour


def test_an_ensemble_of_different_recipes_has_no_line_and_alone_no_figure():
    _, batches = made_up.accuracies()
    study = made_up.study("as_reported")
    without = batches[~batches["predictor"].isin(["weighted", "background"])]
    (panel,) = accuracy_per_batch.draw(without, made_up.published()["accuracy"], study).axes
    drawn = {line.get_label() for line in panel.get_lines()}
    assert {"deeplabv3plus", "fpn"} <= drawn and not {"weighted", "all background"} & drawn
    with pytest.raises(InputError, match="no predictor has test batches"):
        accuracy_per_batch.draw(batches.iloc[:0], made_up.published()["accuracy"], study)


def test_nothing_published_is_drawn_beside_phantoms():
    runs, _, histories = made_up.trainings("single", 1)
    _, batches = made_up.accuracies()
    published = made_up.published()
    for phantoms, expected in (([], True), (["acdc"], False)):
        study = made_up.study("as_reported", phantoms)
        figures = [
            loss_curves.draw(histories, runs, published["training"], study),
            accuracy_per_batch.draw(batches, published["accuracy"], study),
        ]
        for figure in figures:
            labels = {line.get_label() for panel in figure.axes for line in panel.get_lines()}
            assert any(label.startswith("published") for label in labels) is expected


def test_without_a_complete_ensemble_all_that_run_are_drawn():
    study = Study(
        "acdc", ["acdc"], [], ["fpn", "weighted-imagenet", "background"], made_up.MEMBERS, made_up.ENSEMBLES, {}
    )
    assert accuracy_per_batch.panel_lines(study) == [["fpn", "weighted-imagenet"]]


def test_every_case_is_a_point_of_the_box_plot():
    cases = judged_cases()
    figure = dice_boxplot.draw(cases, made_up.study())
    panels = {panel.get_title(loc="left"): panel for panel in figure.axes}
    assert list(panels) == [f"{label} (test cases)" for label in ("heart", "RV", "MYO", "LV")]
    for title, panel in panels.items():
        label = title.split()[0]
        own = cases[(cases["part"] == "test") & (cases["label"] == label)]
        points = [line for line in panel.get_lines() if line.get_linestyle() == "None"]
        names = [text.get_text() for text in panel.get_yticklabels()]
        assert names == [name for name in made_up.study().run if name in set(own["predictor"])]
        for name, line in zip(names, points, strict=True):
            assert sorted(line.get_xdata()) == pytest.approx(sorted(own.loc[own["predictor"] == name, "dice"]))


def test_each_dataset_of_the_box_plot_shows_its_own_judged_part():
    cases = judged_cases()
    cases = cases[cases["predictor"] == "fpn"]
    other = cases[cases["part"] == "out_of_fold"].assign(dataset="other")
    study = Study("acdc", ["acdc", "other"], [], ["fpn"], made_up.MEMBERS, made_up.ENSEMBLES, {})
    figure = dice_boxplot.draw(pd.concat([cases, other]), study)
    assert [panel.get_title(loc="left") for panel in figure.axes] == [
        "heart (acdc, test cases)", "heart (other, out-of-fold cases)",
    ]  # fmt: skip
    for panel, own in zip(figure.axes, (cases[cases["part"] == "test"], other), strict=True):
        (points,) = (line for line in panel.get_lines() if line.get_linestyle() == "None")
        assert sorted(points.get_xdata()) == pytest.approx(sorted(own["dice"]))


def test_variants_of_a_family_differ_in_the_box_plot():
    figure = dice_boxplot.draw(judged_cases(), made_up.study())
    heart = figure.axes[0]
    points = [line for line in heart.get_lines() if line.get_linestyle() == "None"]
    markers = dict(zip([text.get_text() for text in heart.get_yticklabels()], points, strict=True))
    first, second = markers["weighted"], markers["weighted-imagenet"]
    assert first.get_color() == second.get_color() and first.get_marker() != second.get_marker()


def test_an_ensemble_costs_what_its_members_cost(numbers):
    points = dice_cost.points(*numbers, "folds", made_up.study())
    seconds = points.drop_duplicates("predictor").set_index("predictor")["seconds"]
    assert seconds["weighted"] == seconds["fpn"] + seconds["deeplabv3plus"]
    assert seconds["weighted-imagenet"] == seconds["deeplabv3plus"]
    assert "fpn-imagenet" not in seconds
    assert set(points["label"]) == {"heart", "RV", "MYO", "LV", "mean"}
    assert dice_cost.own_scores(made_up.study()) == ["heart", "mean"]


# Overlays


def test_best_median_and_worst_case():
    dice = {"a": 0.5, "b": 0.9, "c": float("nan"), "d": 0.7, "e": 0.1, "f": 0.9}
    assert overlay_slices.choose(dice) == {"best": "b", "median": "d", "worst": "e"}
    assert overlay_slices.choose({"a": 0.2}) == {"best": "a", "median": "a", "worst": "a"}


def test_dice_of_a_case_is_the_mean_over_the_predictors_own_labels():
    cases = judged_cases()
    cases = cases[cases["part"] == "test"]
    case = cases["case"].iloc[0]
    own = cases[(cases["case"] == case) & (cases["predictor"] == "mean-4class") & (cases["label"] != "heart")]
    assert overlay_slices.mean_dice(cases, made_up.study())[case]["mean-4class"] == pytest.approx(own["dice"].mean())


def test_the_middle_slice_of_the_truth_and_a_margin_in_mm():
    mask = np.zeros((9, 50, 60), dtype=bool)
    mask[[2, 3, 7], 20:24, 30:36] = True
    assert overlay_slices.middle_slice(mask) == 3
    assert overlay_slices.middle_slice(np.zeros((9, 2, 2), dtype=bool)) == 4
    rows, columns = overlay_slices.window(mask[3], (1.5, 3.0))
    assert (rows.start, rows.stop) == (20 - 10, 24 + 10)
    assert (columns.start, columns.stop) == (30 - 5, 36 + 5)
    nothing = overlay_slices.window(np.zeros((5, 5), dtype=bool), (1.0, 1.0))
    assert nothing == (slice(None), slice(None))


def test_slices_hold_truth_and_predictions_of_the_chosen_cases(stored, monkeypatch):
    found = all_slices(stored, monkeypatch)
    assert [item.rank for item in found] == ["best", "median", "worst"]
    assert found[0].dice["weighted"] >= found[1].dice["weighted"] >= found[2].dice["weighted"]
    best = found[0]
    assert list(best.predictions) == [name for group in made_up.study().combined() for name in group]
    assert set(best.truth) == {"heart", "RV", "MYO", "LV"}
    united = best.truth["RV"] | best.truth["MYO"] | best.truth["LV"]
    assert (best.truth["heart"] == united).all()
    for own in best.predictions.values():
        for label, mask in own.items():
            assert mask.shape == best.image.shape == best.truth[label].shape
            assert (mask[:, 1:] == best.truth[label][:, :-1]).all()  # one column too far to the right


def test_panels_have_the_slices_true_proportions(stored, monkeypatch):
    item = all_slices(stored, monkeypatch)[0]
    figure = overlays.draw([item], made_up.study())
    assert figure.axes[0].get_aspect() == SPACING[0] / SPACING[1]


# Scripts


def as_parameter(protocol):
    study = made_up.study(protocol, ["acdc"])
    return {key: getattr(study, key) for key in Study.__dataclass_fields__}


def check_outputs(png):
    assert png.read_bytes().startswith(b"\x89PNG")
    assert png.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    assert png.with_suffix(".json").is_file()


def outputs(folder):
    png = folder / "figure.png"
    return png, str(png), str(png.with_suffix(".json"))


def test_overlays_and_box_plot_from_files_to_files(stored, tmp_path, monkeypatch):
    monkeypatch.setattr(overlay_slices, "reader", lambda name: READER)
    png, *written = outputs(tmp_path)
    study = as_parameter("audited")
    plot_overlays.main(stored.metrics, [stored.cases], stored.folders, *written, study, stored.sources)
    check_outputs(png)
    png, *written = outputs(tmp_path / "box")
    plot_dice_boxplot.main(stored.metrics, [stored.cases], *written, study)
    check_outputs(png)


def test_one_enormous_loss_does_not_flatten_all_others():
    runs, _, histories = made_up.trainings("single", 1)
    first = next(iter(histories))
    histories[first].loc[0, "validation_loss"] = 40.0
    assert runs[first]["best_epoch"] != 1
    figure = loss_curves.draw(histories, runs, made_up.published()["training"], made_up.study("as_reported"))
    panel = next(axes for axes in figure.axes if axes.get_title() == first.member)
    assert [text.get_text() for text in panel.texts] == ["↑ 40"]
    assert sum(len(axes.texts) for axes in figure.axes) == 1
    low, top = panel.get_ylim()
    shown = pd.concat([history[["train_loss", "validation_loss"]] for history in histories.values()]).to_numpy().ravel()
    assert low <= shown.min() and sorted(shown)[-2] < top <= 2 * sorted(shown)[-2]


def test_loss_curves_and_batches_from_files_to_files(tmp_path, request):
    published = str(request.config.rootpath / "docs" / "published.csv")
    runs, _, histories = made_up.trainings("single", 1)
    files = {"history.csv": [], "run.json": []}
    for t, run in runs.items():
        place = tmp_path / t.dataset / t.split / "members" / t.member / f"fold-{t.fold}" / f"seed-{t.seed}"
        place.mkdir(parents=True)
        histories[t].to_csv(place / "history.csv", index=False)
        write_json(place / "run.json", run)
        for name, paths in files.items():
            paths.append(str(place / name))
    png, *written = outputs(tmp_path)
    plot_loss_curves.main(*files.values(), published, *written, as_parameter("as_reported"))
    check_outputs(png)
    batches = tmp_path / "batches.csv"
    made_up.accuracies()[1].to_csv(batches, index=False)
    png, *written = outputs(tmp_path / "batches")
    plot_accuracy_per_batch.main([str(batches)], published, *written, as_parameter("as_reported"))
    check_outputs(png)


def test_dice_against_cost_from_the_tables(tmp_path, numbers):
    paths = [Path(tmp_path) / f"{name}.csv" for name in ("audited", "cost")]
    for path, table in zip(paths, numbers, strict=True):
        write.write_csv(path, table)
    png, *written = outputs(tmp_path)
    plot_dice_cost.main(*map(str, paths), *written, as_parameter("audited"), "folds")
    check_outputs(png)
