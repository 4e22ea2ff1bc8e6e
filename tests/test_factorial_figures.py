"""Figures of a study of several datasets whose members are a grid."""

import dataclasses
import itertools
import math
import types
import warnings
from collections import Counter

import made_up_results as made_up
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from scipy.stats import rankdata

import plot_comparison
import plot_quality
import plot_ranking
from medley.cases import Case, write_cases
from medley.errors import InputError
from medley.figures import (
    comparison,
    dice_boxplot,
    dice_cost,
    loss_curves,
    overlay_slices,
    overlays,
    quality,
    ranking,
    style,
)
from medley.figures.overlay_slices import Slice
from medley.plan import Training
from medley.results.cases import per_case
from medley.results.quality_counts import counts
from medley.results.study import Study
from medley.tables import audited, cost, write

DATASETS = ["isic2018", "cbis_ddsm_region", "cbis_ddsm_whole", "chest_xray"]
CHOICES = {
    "architecture": ("unet", "deeplabv3plus"),
    "encoder": ("vgg19", "resnet50", "densenet121"),
    "loss": ("bce", "logcoshdice"),
}
GRID = {"_".join(chosen): dict(zip(CHOICES, chosen, strict=True)) for chosen in itertools.product(*CHOICES.values())}
RESNETS = [name for name in GRID if "resnet50" in name]
MADE = {"keep": "best_validation_loss", "labels": ["foreground"], "recipe": "imagenet_224"}
ENSEMBLES = {
    name: MADE | {"kind": kind, "members": list(GRID), "weights": None, "built_without": []}
    for name, kind in {"background": "background", "mean": "mean", "top_3": "top_k", "fitted": "fitted"}.items()
}
STUDY = Study(
    "base_architectures",
    DATASETS,
    [],
    [*GRID, "mean", "top_3", "fitted", "background"],
    dict.fromkeys(GRID, MADE),
    ENSEMBLES,
    {},
    grid=GRID,
)
PHANTOMS = dataclasses.replace(STUDY, phantoms=DATASETS, random_start=dict.fromkeys(GRID, "imagenet"))
SAID = pd.DataFrame(
    [
        ("encoders", "unet_vgg19_bce", "isic2018/test", "dice", 0.717),
        ("encoders", "unet_resnet50_bce", "isic2018/test", "dice", 0.878),
        ("losses", "unet_resnet50_bce", "isic2018/test", "dice", 0.878),
        ("losses", "unet_resnet50_bce", "cbis_ddsm/test", "dice", 0.748),
        ("losses", "unet_resnet50_bce", "chest_xray/test", "dice", 0.954),
    ],
    columns=["table", "predictor", "subset", "metric", "value"],
)


def table(patients=7):
    """Return rows of metrics.csv (Dice alone) of every predictor, two cases a patient and part."""
    generator = np.random.default_rng(1)
    rows = []
    for dataset, part, patient, case in itertools.product(
        DATASETS, ("test", "out_of_fold"), range(patients), ("a", "b")
    ):
        ease = generator.normal(0, 0.05)
        for place, name in enumerate(STUDY.predictors):
            value = 0.0 if name == "background" else 0.6 + 0.02 * place + ease + generator.normal(0, 0.03)
            names = f"{part}{patient}{case}", f"{part}{patient}"
            rows.append(made_up.metric_row(name, part, *names, "foreground", "dice", value, dataset=dataset))
    frame = pd.DataFrame(rows).astype({"seed": "Int64"})
    return frame.assign(study=STUDY.name, split="official", value=frame["value"].clip(0, 1))


METRICS = table()
PHASES = {dataset: dict.fromkeys(METRICS["case"], "") for dataset in DATASETS}


@pytest.fixture(scope="module")
def numbers():
    """Return the numbers of the table audited."""
    return audited.numbers(METRICS, PHASES, {}, STUDY, 50)


def trainings():
    """Return run.json, prediction.json and history.csv of three seeds of every member on every dataset."""
    runs, predictions, histories = {}, {}, {}
    for number, (dataset, member, seed) in enumerate(itertools.product(DATASETS, GRID, range(3))):
        training = Training(dataset, "official", member, 0, seed)
        losses = 0.1 + np.exp(-np.arange(1, 10 + number % 7) / 4) + number / 1000
        epochs = np.arange(1, len(losses) + 1)
        histories[training] = pd.DataFrame({"epoch": epochs, "train_loss": losses, "validation_loss": losses + 0.05})
        runs[training] = {
            "parameters": 20_000_000,
            **dict.fromkeys(("train_seconds", "peak_memory_mb"), 100.0 * (1 + number)),
            **dict.fromkeys(("validation_seconds", "queue_seconds", "images_per_second", "peak_gpu_memory_mb"), 9.0),
            "device": "cpu",
            "precision": "bfloat16",
            "epochs": len(losses),
            "attempts": 1,
            "best_epoch": len(losses),
            "member": {"loss": "bce" if member.endswith("bce") else "log_cosh_dice"},
        }
        predictions[training] = dict.fromkeys(("images", "seconds", "queue_seconds", "peak_memory_mb"), 9.0)
        predictions[training]["device"] = "cpu"
    return runs, predictions, histories


def inspections(drop=("a0", "a1")):
    """Return what ``counts`` says of each dataset's ten cases; ``drop`` are duplicates."""
    cases = {f"a{n}": Case(f"a{n}", "p", "i", "m", (9, 9, 1), (1.0, 1.0, 1.0), part="training") for n in range(7)}
    cases |= {f"b{n}": dataclasses.replace(cases["a0"], case=f"b{n}", part="testing") for n in range(3)}
    rows = [{"case": case, "rule": "duplicate", "decision": "drop"} for case in drop]
    rows += [{"case": case, "rule": "mask_at_border", "decision": "keep"} for case in ("a1", "a2", "b0")]
    return dict.fromkeys(DATASETS, counts(cases, rows))


def pictures(study):
    """Return a slice of each dataset and rank, of colour in the first dataset."""
    mask = np.zeros((60, 80), dtype=bool)
    mask[20:40, 20:60] = True
    names = overlay_slices.side_by_side(study)
    found = []
    for dataset, rank in itertools.product(DATASETS, overlay_slices.RANKS):
        image = np.full((60, 80, 3) if dataset == "isic2018" else (60, 80), 0.5, dtype=np.float32)
        masks, dice = {"foreground": mask}, dict.fromkeys(names, 0.9)
        predictions = {name: {"foreground": np.roll(mask, 2)} for name in names}
        case = "Mass-Test_P_01719_RIGHT_MLO_1"
        found.append(Slice(dataset, case, rank, None, (1.0, 1.0), image, masks, predictions, dice, "mean"))
    return found


@pytest.fixture(params=["comparison", "ranking", "quality", "overlays", "loss_curves", "dice_boxplot", "dice_cost"])
def drawing(request, numbers):
    def points(study):
        runs, predictions, _ = trainings()
        return dice_cost.points(numbers, cost.numbers(runs, predictions, list(GRID), study), "official", study)

    draw = {
        "comparison": lambda study: comparison.draw(comparison.points(numbers, SAID, study), study),
        "ranking": lambda study: ranking.draw(ranking.stability(METRICS, study, 50), study),
        "quality": lambda study: quality.draw(inspections(), study),
        "overlays": lambda study: overlays.draw(pictures(study), study),
        "loss_curves": lambda study: loss_curves.draw(trainings()[2], trainings()[0], SAID, study),
        "dice_boxplot": lambda study: dice_boxplot.draw(per_case(METRICS, PHASES), study),
        "dice_cost": lambda study: dice_cost.draw(points(study), study),
    }
    with style.paper(), warnings.catch_warnings():
        warnings.simplefilter("error")
        yield request.param, draw[request.param]


def test_four_datasets_by_twelve_members_stay_on_the_page(drawing):
    name, draw = drawing
    figure = draw(PHANTOMS)
    FigureCanvasAgg(figure).draw()
    page = figure.bbox.padded(1)
    assert figure.get_figwidth() <= style.PAGE
    ticks = [label for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for label in axis.get_ticklabels()]
    texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text not in ticks]
    texts += [label for axes in figure.axes for label in axes.get_yticklabels() if label.get_text()[:1].isalpha()]
    for text in texts:
        box = text.get_window_extent()
        assert page.x0 <= box.x0 and page.y0 <= box.y0 and box.x1 <= page.x1 and box.y1 <= page.y1, text.get_text()
    title = figure.get_suptitle().replace("\n", " ")
    assert "phantom data (isic2018, cbis_ddsm_region, cbis_ddsm_whole, chest_xray)" in title
    assert ("without pretrained weights: all members" in title) is (name != "quality")
    said = Counter(text.get_text() for text in texts)
    assert all(any(dataset in text for text in said) for dataset in DATASETS)


@pytest.mark.parametrize("drawing", ["comparison", "ranking", "quality"], indirect=True)
def test_the_same_figure_has_the_same_bytes(drawing, tmp_path):
    _, draw = drawing
    for name in ("one.png", "two.png"):
        style.save(draw(STUDY), tmp_path / name)
    for suffix in (".png", ".pdf"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


# Style


def test_members_of_a_grid_share_a_colour_where_only_the_architecture_differs():
    looks = style.looks(STUDY)
    assert len(set(looks.values())) == len(looks) == 16
    for name in GRID:
        if name.startswith("unet"):
            other = looks[name.replace("unet", "deeplabv3plus")]
            assert looks[name].colour == other.colour and looks[name].marker != other.marker
    assert len({looks[name].marker for name in GRID if name.startswith("unet")}) == 1
    assert len({looks[name].colour for name in GRID}) == 6


def test_long_names_are_broken_after_underscores():
    assert style.broken("deeplabv3plus_resnet50_logcoshdice", 24) == "deeplabv3plus_resnet50_\nlogcoshdice"
    assert style.broken("deeplabv3plus-imagenet", 10) == "deeplabv3plus-imagenet"
    for letters in range(5, 40):
        assert style.broken("unet_densenet121_bce", letters).replace("\n", "") == "unet_densenet121_bce"


# Comparison


def test_points_are_those_of_the_table_and_of_the_authors(numbers):
    points = comparison.points(numbers, SAID, STUDY).set_index(["dataset", "predictor"])
    assert len(points) == len(DATASETS) * (len(STUDY.predictors) - 1)  # without the background
    for (dataset, name), own in points.iterrows():
        here = METRICS[(METRICS["dataset"] == dataset) & (METRICS["predictor"] == name)]
        means = here.groupby("part")["value"].mean()
        assert (own["dice"], own["inside"]) == pytest.approx((means["test"], means["out_of_fold"]))
        assert own["dice_low"] < own["dice"] < own["dice_high"]
    known = points["published"].dropna().to_dict()
    both = dict.fromkeys([("cbis_ddsm_region", "unet_resnet50_bce"), ("cbis_ddsm_whole", "unet_resnet50_bce")], 0.748)
    assert known == both | {
        ("isic2018", "unet_vgg19_bce"): 0.717,
        ("isic2018", "unet_resnet50_bce"): 0.878,
        ("chest_xray", "unet_resnet50_bce"): 0.954,
    }
    assert comparison.points(numbers, SAID, PHANTOMS)["published"].isna().all()


def test_bars_intervals_and_marks_stand_where_the_points_are(numbers):
    points = comparison.points(numbers, SAID, STUDY)
    figure = comparison.draw(points, STUDY)
    assert [axes.get_title(loc="left") for axes in figure.axes] == DATASETS
    for panel, dataset in zip(figure.axes, DATASETS, strict=True):
        own = points[points["dataset"] == dataset]
        bars, interval = panel.containers
        assert [bar.get_width() for bar in bars] == pytest.approx(own["dice"].tolist())
        (segments,) = (lines.get_segments() for lines in interval[2])
        assert np.array(segments)[:, :, 0] == pytest.approx(own[["dice_low", "dice_high"]].to_numpy())
        lines = {line.get_label(): line.get_xdata() for line in panel.get_lines()}
        assert lines["validation"].tolist() == own["inside"].tolist()
        assert pd.Series(lines["published test"]).dropna().tolist() == own["published"].dropna().tolist()
        assert [text.get_text() for text in panel.texts] == [f"{value:.3f}" for value in own["dice"]]
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == [name for name in STUDY.predictors if name != "background"]


def test_comparison_needs_test_cases_and_no_interval(numbers):
    few = comparison.points(audited.numbers(table(patients=3), PHASES, {}, STUDY, 50), SAID, STUDY)
    assert few["dice_low"].isna().all() and few["dice"].notna().all()
    FigureCanvasAgg(comparison.draw(few, STUDY)).draw()
    with pytest.raises(InputError, match="no predictor has test cases; take comparison out"):
        comparison.points(numbers[numbers["part"] != "test"], SAID, STUDY)


# Ranking


def test_equal_members_share_their_ranks():
    """Three resamples: a is alone, ties with b, and ties with all."""
    ranked = np.array([[1.0, 2.0, 3.0], [1.5, 1.5, 3.0], [2.0, 2.0, 2.0]])
    a, b = (1 + 1 / 2 + 1 / 3) / 3, (0 + 1 / 2 + 1 / 3) / 3
    expected = [[a, b, 1 / 9], [b, (1 + 1 / 2 + 1 / 3) / 3, 1 / 9], [1 / 9, 1 / 9, 7 / 9]]
    np.testing.assert_allclose(ranking.rank_shares(ranked), expected)


@settings(max_examples=50, deadline=None)
@given(some.integers(1, 6), some.integers(1, 20), some.integers(0, 1000))
def test_every_member_has_some_rank_and_every_rank_some_member(members, resamples, seed):
    values = np.random.default_rng(seed).integers(0, 4, (resamples, members))
    found = ranking.rank_shares(rankdata(-values, axis=1, method="average"))
    assert found.sum(axis=0) == pytest.approx(1) and found.sum(axis=1) == pytest.approx(1)
    alone = [(row == row.max()).sum() == 1 for row in values]
    firsts = np.mean([only and row.argmax() == 0 for only, row in zip(alone, values, strict=True)])
    assert found[0, 0] >= firsts - 1e-12


def test_shares_are_of_test_patients_and_of_members_of_the_grid():
    best = METRICS.assign(value=METRICS["value"].where(METRICS["predictor"] != "unet_vgg19_bce", 2.0))
    other = METRICS["part"] == "out_of_fold"
    found = ranking.stability(best.assign(value=best["value"].where(~other, 0.0)), STUDY, 100)
    assert list(found) == DATASETS
    for patients, seeds, shares in found.values():
        assert (patients, seeds) == (7, 1)
        assert list(shares.index) == list(GRID) and list(shares.columns) == list(range(1, 13))
        assert shares.loc["unet_vgg19_bce", 1] == 1
        assert shares.sum().to_numpy() == pytest.approx(1)


def test_ranks_are_printed_in_percent_and_few_patients_have_none():
    shares = pd.DataFrame([[0.996, 0.004], [0.004, 0.996]], ["a", "b"], [1, 2])
    few = pd.DataFrame(math.nan, ["a", "b"], [1, 2])
    found = {"one": ranking.Stability(9, 1, shares), "two": ranking.Stability(3, 3, few)}
    left, right = ranking.draw(found, STUDY).axes
    assert {text.get_position(): text.get_text() for text in left.texts} == {(0, 0): "100", (1, 1): "100"}
    assert left.get_title(loc="left") == "one (9 patients, single trainings)"
    assert right.get_title(loc="left") == "two (3 patients, 3 seeds)"
    assert [text.get_text() for text in right.texts] == ["too few patients"]
    for own in ranking.stability(table(patients=5), STUDY, 20).values():
        assert own.patients == 5 and own.shares.isna().all(axis=None)
    unknown = ranking.stability(METRICS, dataclasses.replace(STUDY, datasets=["unknown"]), 20)["unknown"]
    assert unknown.patients == 0 and unknown.shares.shape == (12, 12) and unknown.shares.isna().all(axis=None)


def test_ranks_are_less_sure_where_trainings_differ_more_than_members():
    """One member is better by 0.1 on every patient, in the mean over trainings that differ by 0.6."""
    pair = dataclasses.replace(STUDY, datasets=DATASETS[:1], predictors=list(GRID)[:2])
    better = METRICS["predictor"] == pair.predictors[0]
    steady = [METRICS.assign(seed=seed, value=better * 0.1 + 0.5) for seed in range(3)]
    shaken = [rows.assign(value=rows["value"] + step) for rows, step in zip(steady, (-0.3, 0, 0.3), strict=True)]
    for rows, sure in ((steady, True), (shaken, False)):
        own = ranking.stability(pd.concat(rows), pair, 2000)[DATASETS[0]]
        assert own.seeds == 3
        # Of each member two of three trainings are drawn; all 81 ways are equally likely.
        means = [sum(pick) / 2 for pick in itertools.product((-0.3, 0, 0.3), repeat=2)]
        first = np.mean([one + 0.1 > other for one, other in itertools.product(means, means)])
        assert own.shares.iloc[0, 0] == pytest.approx(1 if sure else first, abs=0.04)


# Quality


def test_lines_go_from_all_cases_by_rules_to_what_remains():
    lines = quality.lines(inspections()["isic2018"])
    assert [tuple(row) for row in lines.to_numpy()] == [
        ("training", "cases", "training", 7, 0, 0, 0),
        ("training", "rule", "duplicate", 0, 2, 0, 0),
        ("training", "rule", "mask_at_border", 0, 0, 2, 0),
        ("training", "remaining", "remaining", 0, 0, 0, 5),
        ("testing", "cases", "testing", 3, 0, 0, 0),
        ("testing", "rule", "mask_at_border", 0, 0, 1, 0),
        ("testing", "remaining", "remaining", 0, 0, 0, 3),
    ]
    assert list(lines.columns) == ["part", "kind", "name", *quality.BARS]


def test_the_authors_numbers_stand_beside_ours_on_real_data_alone():
    figure = quality.draw(inspections(), dataclasses.replace(STUDY, phantoms=["isic2018"]))
    written = {panel.get_title(loc="left"): [text.get_text().strip() for text in panel.texts] for panel in figure.axes}
    assert written["isic2018"] == ["7", "2 dropped", "2 kept", "5", "3", "1 kept", "3"]
    rules = ["2 dropped", "2 kept"]
    cbis = ["7 (authors 1 318)", *rules, "5 (authors 1 301)", "3 (authors 378)", "1 kept", "3 (authors 377)"]
    assert written["cbis_ddsm_region"] == written["cbis_ddsm_whole"] == cbis
    assert written["chest_xray"][0] == "7 (authors 566)"
    marks = {panel.get_title(loc="left"): [line.get_xdata()[0] for line in panel.get_lines()] for panel in figure.axes}
    assert marks["isic2018"] == [] and marks["cbis_ddsm_whole"] == [1318, 1301, 378, 377]


# Overlays


def test_of_many_members_those_with_the_middle_encoder_are_shown():
    assert overlay_slices.side_by_side(STUDY) == ["mean", *RESNETS]
    four = dataclasses.replace(
        STUDY,
        predictors=[*RESNETS, "mean"],
        ensembles={"mean": ENSEMBLES["mean"] | {"members": RESNETS}},
        grid={name: GRID[name] for name in RESNETS},
    )
    assert overlay_slices.side_by_side(four) == [*RESNETS, "mean"]
    without_grid = dataclasses.replace(STUDY, grid={})
    assert overlay_slices.side_by_side(without_grid) == ["mean", *list(GRID)[:5]]


def test_large_pictures_are_thinned_alike():
    item = pictures(STUDY)[0]
    rows, columns = np.indices((801, 500))
    mask = (rows // 6 + columns // 6) % 2 == 0
    large = dataclasses.replace(
        item,
        image=np.stack([rows, columns, rows], axis=-1).astype(np.float32),
        truth={"foreground": mask},
        predictions={"mean": {"foreground": ~mask}},
        spacing=(2.0, 3.0),
    )
    thin = overlay_slices.thinned(large)
    assert thin.image.shape == (267, 167, 3) and thin.spacing == (6.0, 9.0)
    assert (thin.image[..., 0] == 3 * np.arange(267)[:, None]).all()
    assert (thin.truth["foreground"] == mask[::3, ::3]).all()
    assert (thin.predictions["mean"]["foreground"] == ~mask[::3, ::3]).all()
    same = overlay_slices.thinned(item)
    assert (same.image == item.image).all() and same.spacing == item.spacing


def test_margins_grow_with_what_they_are_around():
    kept = np.zeros((2000, 1000), dtype=bool)
    kept[800:1200, 300:310] = True
    rows, columns = overlay_slices.window(kept, (1.0, 1.0))
    assert (rows.start, rows.stop) == (800 - 60, 1200 + 60)
    assert (columns.start, columns.stop) == (300 - 15, 310 + 15)


def test_colours_stay_colours_and_a_picture_has_no_number(monkeypatch):
    colours = np.arange(3, dtype=np.float32).reshape(3, 1, 1, 1) * np.float32(127.5) + np.zeros(
        (3, 1, 4, 5), np.float32
    )
    mask = np.ones((1, 4, 5), dtype=np.uint8)
    reader = types.SimpleNamespace(LABELS={"lesion": (1,)}, read_mask=lambda _: mask, read_image=lambda _: colours)
    monkeypatch.setattr(overlay_slices, "reader", lambda _: reader)
    case = Case("a", "a", "i", "m", (4, 5, 1), (1.0, 1.0, 1.0))
    found = overlay_slices.middle("isic2018", "best", case, {"reader": "x", "regions": {}}, {}, {}, "mean")
    assert found.number is None
    assert (found.image == np.array([0, 0.5, 1], dtype=np.float32)).all() and found.image.shape == (4, 5, 3)
    colours = colours[:1] + 7
    grey = overlay_slices.middle("isic2018", "best", case, {"reader": "x", "regions": {}}, {}, {}, "mean")
    assert grey.image.shape == (4, 5) and (grey.image == 7).all()


def test_rows_name_dataset_and_case_and_columns_members():
    figure = overlays.draw(pictures(STUDY), STUDY)
    labels = [axes.get_ylabel() for axes in figure.axes[::5]]
    case = "Mass-Test_P_01719_\nRIGHT_MLO_1"
    assert labels == [f"{rank}, {name}\n{case}" for name in DATASETS for rank in ("best", "median", "worst")]
    titles = [axes.get_title().replace("\n", "") for axes in figure.axes[:5]]
    assert titles == ["mean", *RESNETS]


# Curves, boxes and cost


def test_losses_of_several_datasets_have_a_row_a_member_and_a_column_a_dataset():
    runs, _, histories = trainings()
    figure = loss_curves.draw(histories, runs, SAID, STUDY)
    assert len(figure.axes) == len(GRID) * len(DATASETS)
    assert [axes.get_title() for axes in figure.axes[:5]] == [*DATASETS, ""]
    for panel, (member, dataset) in zip(figure.axes, itertools.product(GRID, DATASETS), strict=True):
        own = [history for t, history in histories.items() if (t.member, t.dataset) == (member, dataset)]
        drawn = [line.get_ydata() for line in panel.get_lines() if line.get_label() == "training"]
        for history, line in zip(own, drawn, strict=True):
            assert line == pytest.approx(history["train_loss"].to_numpy())
        if dataset == DATASETS[0]:
            assert panel.get_ylabel().replace("\n", "") == f"{member}loss"


def test_names_stand_once_where_two_panels_have_the_same():
    figure = dice_boxplot.draw(per_case(METRICS, PHASES), STUDY)
    shown = [panel.yaxis.get_tick_params()["labelleft"] for panel in figure.axes]
    assert shown == [True, False, True, False]
    assert [panel.get_title(loc="left") for panel in figure.axes] == [
        f"foreground ({dataset}, test cases)" for dataset in DATASETS
    ]
    three = dataclasses.replace(STUDY, datasets=DATASETS[:3])
    figure = dice_boxplot.draw(per_case(METRICS, PHASES), three)
    assert [panel.get_xlabel() for panel in figure.axes] == ["", "Dice per case", "Dice per case"]


def test_seconds_are_counted_so_that_numbers_have_room(numbers):
    runs, predictions, _ = trainings()
    points = dice_cost.points(numbers, cost.numbers(runs, predictions, list(GRID), STUDY), "official", STUDY)
    assert set(points["predictor"]) == set(STUDY.predictors) - {"background"}
    with style.paper():
        figure = dice_cost.draw(points, STUDY)
        FigureCanvasAgg(figure).draw()
    for panel in figure.axes[-2:]:
        low, high = panel.get_xlim()
        within = [
            label for at, label in zip(panel.get_xticks(), panel.get_xticklabels(), strict=True) if low <= at <= high
        ]
        boxes = [label.get_window_extent() for label in within]
        assert len(boxes) >= 3
        assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


# Scripts


def test_comparison_ranking_and_quality_from_files_to_files(tmp_path, request, numbers):
    published = str(request.config.rootpath / "docs" / "published.csv")
    write.write_csv(tmp_path / "audited.csv", numbers)
    METRICS.to_csv(tmp_path / "metrics.csv", index=False, float_format="%.9g")
    study = {field.name: getattr(STUDY, field.name) for field in dataclasses.fields(STUDY)}
    cases, findings = [], []
    for dataset in DATASETS:
        folder = tmp_path / "datasets" / dataset
        folder.mkdir(parents=True)
        write_cases(folder / "cases.csv", [Case("a", "a", "i", "m", (9, 9, 1), (1.0, 1.0, 1.0), part="training")])
        (folder / "quality.csv").write_text("case,rule,value,decision,reason\na,blank_image,0,drop,nothing in it\n")
        cases.append(str(folder / "cases.csv"))
        findings.append(str(folder / "quality.csv"))
    pngs = {name: tmp_path / name / f"{name}.png" for name in ("comparison", "ranking", "quality")}
    written = {name: (str(png), str(png.with_suffix(".json"))) for name, png in pngs.items()}
    plot_comparison.main(str(tmp_path / "audited.csv"), published, *written["comparison"], study)
    plot_ranking.main([str(tmp_path / "metrics.csv")], *written["ranking"], study, 20)
    plot_quality.main(cases, findings, *written["quality"], study)
    for png in pngs.values():
        assert png.read_bytes().startswith(b"\x89PNG")
        assert png.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
        assert png.with_suffix(".json").is_file()
