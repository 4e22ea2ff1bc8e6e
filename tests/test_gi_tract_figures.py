"""The figures of gi_tract, of two small phantoms: combinations, triplets and activation maps."""

import dataclasses
import itertools
import types
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from safetensors.torch import save_file

import plot_activation_maps
import plot_combinations
import plot_triplets
from medley import activations, models, preprocess, probabilities, splits, store
from medley.cases import Case, slices_first, write_cases
from medley.datasets import reader
from medley.errors import InputError
from medley.figures import activation_maps, combinations, style, triplets
from medley.metrics import case_metrics
from medley.predict import Predictor
from medley.results.study import Study

LABELS = ["large_bowel", "small_bowel", "stomach"]
BITS = dict(zip(LABELS, (1, 2, 4), strict=True))
MEMBER = {
    "architecture": "final_cnn",
    "encoder": None,
    "width": 0.1,
    "labels": LABELS,
    "head": "sigmoid",
    "recipe": "gi_tract",
    "batch": 2,
}
PAIR = ["final_cnn", "unetplusplus_efficientnet_b3"]
ENSEMBLE = {"kind": "mean", "members": PAIR, "weights": None, "built_without": [], "labels": LABELS}
STUDY = Study(
    name="gi_tract",
    datasets=["gi_tract"],
    phantoms=["gi_tract"],
    predictors=[*PAIR, "mean"],
    members=dict.fromkeys(PAIR, MEMBER),
    ensembles={"mean": ENSEMBLE},
    not_run={},
    random_start={PAIR[1]: "imagenet"},
)
PROTOCOLS = {"as_reported": "slice", "audited": "case"}
GI_TRACT = reader("gi_tract")
SOURCES = {"gi_tract": {"reader": "gi_tract", "regions": {}}}
RECIPE = {"intensity": "minmax", "resize": [96, 96]}


def disturbed(mask, generator):
    """Return probabilities (labels, 1, rows, columns): the truth moved by some columns, and a blot."""
    moved = np.roll(mask, int(generator.integers(0, 6)), axis=2)
    values = np.stack([(moved & bit > 0) * 0.9 for bit in BITS.values()]).astype(np.float32)
    row, column = generator.integers(0, mask.shape[1] - 3), generator.integers(0, mask.shape[2] - 3)
    values[generator.integers(3), 0, row : row + 3, column : column + 3] = 0.8
    return values


def judged(cases, folder):
    """Return rows of metrics.csv about the probabilities in ``folder``."""
    rows = []
    for case in cases:
        mask, decided = GI_TRACT.read_mask(case), probabilities.decide(folder, case.case)
        for (label, bit), predicted in zip(BITS.items(), decided, strict=True):
            common = {"study": "gi_tract", "dataset": "gi_tract", "split": "case", "predictor": "mean", "fold": ""}
            common |= {"seed": 0, "part": "test", "case": case.case, "patient": case.patient, "label": label}
            values = case_metrics(mask & bit > 0, predicted, slices_first(case.spacing), None)
            rows += [{**common, "metric": key, "value": value, "convention": "native"} for key, value in values.items()]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the files that the figures of two phantoms need."""
    root = tmp_path_factory.mktemp("results")
    (root / "raw").mkdir()
    GI_TRACT.make_phantom(root / "raw", 2, 0.25, 0)
    cases = GI_TRACT.index(root / "raw")
    table = root / "datasets" / "gi_tract" / "cases.csv"
    table.parent.mkdir(parents=True)
    write_cases(table, cases)
    own = root / "gi_tract" / "gi_tract"
    files = []
    for number, split in enumerate(("slice", "case")):
        (own / split).mkdir(parents=True)
        files.append(str(own / split / "split.csv"))
        parts = itertools.cycle(splits.PARTS)
        kept = [(case, next(parts)) for case in cases if case.labels or number]
        splits.write(files[-1], [splits.Assignment(0, case.case, case.patient, part) for case, part in kept])
    folder = own / "case" / "ensembles" / "mean" / "seed-0" / "probabilities"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for case in cases:
        probabilities.write_case(folder, case.case, disturbed(GI_TRACT.read_mask(case), generator), "sigmoid")
    entries = {case.case: probabilities.Entry(None, "test") for case in cases}
    probabilities.write_contents(folder, probabilities.Contents("sigmoid", tuple(LABELS), entries))
    metrics = judged(cases, folder)
    metrics.to_csv(folder.parent / "metrics.csv", index=False, float_format="%.9g")
    arrays = root / "datasets" / "gi_tract" / "arrays" / "gi_tract"
    arrays.mkdir(parents=True)
    index = {}
    for case in cases:
        mask, grid = GI_TRACT.read_mask(case), preprocess.geometry(case.shape, case.spacing, RECIPE)
        image, small = preprocess.preprocess(GI_TRACT.read_image(case), mask, grid, RECIPE)
        store.write_case(arrays, case.case, image, small)
        index[case.case] = {"spacing": case.spacing, "foreground": int(np.count_nonzero(mask))}
    store.write_index(arrays, RECIPE, GI_TRACT.LABELS, index)
    torch.manual_seed(0)
    model = own / "slice" / "members" / "final_cnn" / "fold-0" / "seed-0" / "model.safetensors"
    model.parent.mkdir(parents=True)
    save_file(models.build(MEMBER, 1, weights=None).state_dict(), model)
    return types.SimpleNamespace(
        cases={case.case: case for case in cases},
        table=str(table),
        splits=files,
        folder=str(folder),
        metrics=metrics,
        mapped={"model": str(model), "arrays": str(arrays), "split": files[0], "cases": str(table)},
    )


def counted(made):
    return {
        ("gi_tract", split): combinations.count(made.cases, splits.read(path)[0])
        for split, path in zip(("slice", "case"), made.splits, strict=True)
    }


def chosen(made):
    return triplets.triplets(made.metrics, [made.table], [made.folder], STUDY, SOURCES)


def some_maps():
    generator = np.random.default_rng(0)
    shapes = [(8, 96, 96), (8, 48, 48), (16, 1, 1), *[(4, 12, 12)] * 18, (3, 96, 96)]
    return {f"stage_{n}": generator.normal(0, 1, shape).astype(np.float32) for n, shape in enumerate(shapes)}


def drawn_maps():
    image = np.random.default_rng(0).uniform(0, 1, (96, 96)).astype(np.float32)
    truth = {label: np.zeros((96, 96), dtype=bool) for label in LABELS}
    truth["stomach"][20:40, 30:60] = True
    return activation_maps.draw(image, truth, some_maps(), "stages of final_cnn", STUDY)


@pytest.fixture(params=["combinations", "triplets", "activation_maps"])
def drawing(request, made):
    draw = {
        "combinations": lambda: combinations.draw(counted(made), PROTOCOLS, STUDY),
        "triplets": lambda: triplets.draw(chosen(made), STUDY),
        "activation_maps": drawn_maps,
    }
    with style.paper(), warnings.catch_warnings():
        warnings.simplefilter("error")
        yield draw[request.param]


def texts(figure):
    """Return the box of every text that is drawn, by its words."""
    FigureCanvasAgg(figure).draw()
    ticks = [label for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for label in axis.get_ticklabels()]
    found = [text for text in figure.findobj(Text) if text.get_text().strip() and text not in ticks]
    found += [label for axes in figure.axes for label in axes.get_yticklabels() if label.get_text()[:1].isalpha()]
    return [(text.get_text(), text.get_window_extent()) for text in found if text.get_visible()]


def test_no_text_is_cut_off_or_covers_another(drawing):
    figure = drawing()
    page = figure.bbox.padded(1)
    found = texts(figure)
    assert len(found) > 8
    for words, box in found:
        assert page.x0 <= box.x0 and page.y0 <= box.y0 and box.x1 <= page.x1 and box.y1 <= page.y1, words
    for (first, one), (second, other) in itertools.combinations(found, 2):
        assert not one.padded(-1).overlaps(other.padded(-1)), (first, second)


def test_it_fits_a_page_and_says_phantom(drawing):
    figure = drawing()
    assert figure.get_figwidth() <= style.PAGE
    assert figure.get_figheight() <= 9.5
    assert figure.get_suptitle().startswith("gi_tract: ") and "phantom data" in figure.get_suptitle()


def test_the_same_figure_has_the_same_bytes(drawing, tmp_path):
    for name in ("one.png", "two.png"):
        style.save(drawing(), tmp_path / name)
    for suffix in (".png", ".pdf"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


# Combinations


def slice_of(name, pathology="none", labels=(), spacing=(1.5, 1.5, 3.0)):
    return Case(name, name[:1], "i", "m", (20, 20, 1), spacing, pathology=pathology, labels=tuple(labels))


def test_every_slice_is_counted_once_in_its_combination_and_part():
    both, one = "large_bowel-stomach", "stomach"
    names = {"a1": one, "a2": both, "b1": both, "b2": "none", "c1": "none", "c2": "none", "d1": both}
    cases = {name: slice_of(name, pathology) for name, pathology in names.items()}
    counts = combinations.count(cases, {"train": ["a1", "a2", "b1"], "validation": [], "test": ["b2", "d1"]})
    assert list(counts.columns) == ["train", "validation", "test", "in no part"]
    assert counts.to_dict("index") == {
        both: {"train": 2, "validation": 0, "test": 1, "in no part": 0},
        one: {"train": 1, "validation": 0, "test": 0, "in no part": 0},
        "none": {"train": 0, "validation": 0, "test": 1, "in no part": 2},
    }
    assert list(counts.index) == [both, one, "none"]  # frequent ones first, however many have no organ


def test_bars_are_as_long_as_the_counts_and_carry_them(made):
    figure = combinations.draw(counted(made), PROTOCOLS, STUDY)
    titles = [panel.get_title(loc="left") for panel in figure.axes]
    assert titles == ["split “slice” (as reported)", "split “case” (audited)"]
    for panel, counts in zip(figure.axes, counted(made).values(), strict=True):
        bars = {group.get_label(): [bar.get_width() for bar in group] for group in panel.containers}
        assert bars == {part: counts[part].tolist() for part in counts}
        assert sorted(text.get_text() for text in panel.texts) == sorted(str(n) for n in counts.to_numpy().flat)
        top, bottom = (panel.get_yticks()[place] for place in (0, -1))
        assert panel.transData.transform((0, top))[1] > panel.transData.transform((0, bottom))[1]
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == [combinations.readable(name) for name in counts.index]
    assert counted(made)["gi_tract", "slice"].to_numpy().sum() == len(made.cases)
    without = sum(not case.labels for case in made.cases.values())
    assert counted(made)["gi_tract", "slice"].loc["none", "in no part"] == without > 0


def test_combinations_are_readable():
    assert combinations.readable("large_bowel-stomach") == "large bowel +\nstomach"
    assert combinations.readable("none") == "no organ"


def test_a_split_of_both_protocols_is_one_panel_and_thousands_are_grouped():
    counts = pd.DataFrame({part: [12345] for part in combinations.COLOURS}, index=["stomach"])
    figure = combinations.draw({("gi_tract", "one"): counts}, dict.fromkeys(PROTOCOLS, "one"), STUDY)
    (panel,) = figure.axes
    assert panel.get_title(loc="left") == "split “one” (as reported, audited)"
    assert {text.get_text() for text in panel.texts} == {"12 345"}


# Triplets


def per_case(rows):
    return pd.DataFrame(rows, columns=["case", "label", "dice", "volume_difference"])


def test_slices_are_chosen_by_dice_and_by_predicted_voxels():
    cases = {name: slice_of(name, labels=["stomach"]) for name in ("a1", "b1", "c1", "d1")}
    cases |= {"e1": slice_of("e1", spacing=(3.0, 3.0, 3.0)), "f1": slice_of("f1"), "g1": slice_of("g1")}
    nan = float("nan")
    rows = [
        *[("a1", "stomach", 0.9, 0.0), ("a1", "large_bowel", 0.1, 0.0)],  # mean 0.5
        *[("b1", "stomach", 0.7, 50.0), ("b1", "large_bowel", nan, nan)],  # 0.7: what both lack does not count
        *[("c1", "stomach", 0.6, 0.0), ("c1", "large_bowel", 0.0, 0.0)],  # 0.3
        *[("d1", "stomach", 0.2, 0.0), ("d1", "large_bowel", nan, nan)],
        ("e1", "stomach", 0.0, 0.27),  # 10 voxels of 27 mm³
        *[("f1", "stomach", 0.0, 0.0405), ("f1", "large_bowel", 0.0, 0.0405)],  # 6 + 6 voxels of 6.75 mm³
        *[("g1", "stomach", nan, nan), ("g1", "large_bowel", nan, nan)],
    ]
    assert triplets.choose(per_case(rows), cases) == {"best": "b1", "median": "c1", "worst": "d1", "no organ": "f1"}
    with_organs = [row for row in rows if cases[row[0]].labels]
    assert "no organ" not in triplets.choose(per_case(with_organs), cases)
    without = [row for row in rows if not cases[row[0]].labels]
    with pytest.raises(InputError, match="no case that is judged holds a label"):
        triplets.choose(per_case(without), cases)


def test_difference_is_counted_voxel_by_voxel():
    generator = np.random.default_rng(4)
    truth, prediction = (
        {label: generator.uniform(size=(9, 7)) < 0.4 for label in LABELS} for _ in ("truth", "prediction")
    )
    found = triplets.difference(truth, prediction)
    for row, column in np.ndindex(9, 7):
        true = {label for label in LABELS if truth[label][row, column]}
        predicted = {label for label in LABELS if prediction[label][row, column]}
        expected = {
            (True, False): ["missed"],
            (False, True): ["added"],
            (True, True): ["one organ for another"],
            (False, False): [],
        }[bool(true - predicted), bool(predicted - true)]
        assert [kind for kind, mask in found.items() if mask[row, column]] == expected


def test_triplets_hold_all_of_truth_and_prediction(made):
    found = chosen(made)
    assert [item.rank for item in found] == ["best", "median", "worst", "no organ"]
    for item in found:
        mask = GI_TRACT.read_mask(made.cases[item.case])
        decided = dict(zip(LABELS, probabilities.decide(made.folder, item.case), strict=True))
        scores = []
        for label, bit in BITS.items():
            true, predicted = mask & bit > 0, decided[label]
            assert item.truth[label].sum() == true.sum()
            assert item.predictions["mean"][label].sum() == predicted.sum()
            both = int((item.truth[label] & item.predictions["mean"][label]).sum())
            assert both == (true & predicted).sum()
            if true.any() or predicted.any():
                scores.append(2 * both / (true.sum() + predicted.sum()))
        if item.rank != "no organ":
            assert item.dice["mean"] == pytest.approx(np.mean(scores))
        assert bool(mask.any()) is (item.rank != "no organ")
    best, median, worst, _ = (item.dice["mean"] for item in found)
    assert best >= median >= worst


def test_other_predictors_and_scans_do_not_choose(made):
    others = made.metrics.assign(predictor="final_cnn", value=1 - made.metrics["value"])
    scans = made.metrics.iloc[:3].assign(case="case1_day0", metric="hausdorff", convention="scan")
    mixed = pd.concat([others, scans, made.metrics])
    found = triplets.triplets(mixed, [made.table], [made.folder], STUDY, SOURCES)
    assert [item.case for item in found] == [item.case for item in chosen(made)]


def test_panels_show_organs_and_mistakes_in_their_colours(made):
    found = chosen(made)
    figure = triplets.draw(found, STUDY)
    assert [axes.get_title() for axes in figure.axes[:3]] == ["truth", "prediction of mean", "difference"]
    (legend,) = figure.legends
    patches = zip(legend.get_texts(), legend.get_patches(), strict=True)
    colours = {text.get_text(): patch.get_facecolor()[:3] for text, patch in patches}
    assert len(set(colours.values())) == len(colours) == 6
    organs = [label.replace("_", " ") for label in LABELS]
    for item, panels in zip(found, zip(*[iter(figure.axes)] * 3, strict=True), strict=True):
        predicted = item.predictions["mean"]
        expected = [
            dict(zip(organs, item.truth.values(), strict=True)),
            dict(zip(organs, predicted.values(), strict=True)),
            triplets.difference(item.truth, predicted),
        ]
        for panel, masks in zip(panels, expected, strict=True):
            image, *layers = panel.get_images()
            assert (image.get_array() == item.image).all()
            for layer, (name, mask) in zip(layers, masks.items(), strict=True):
                filled = layer.get_array()
                assert ((filled[..., 3] > 0) == mask).all()
                assert np.allclose(filled[mask][:, :3], colours[name])
        said = [text.get_text() for text in panels[1].texts]
        voxels = sum(int(mask.sum()) for mask in predicted.values())
        assert said == [f"{voxels} voxels predicted" if item.rank == "no organ" else f"Dice {item.dice['mean']:.3f}"]


def test_names_of_flat_slices_do_not_run_into_each_other(made):
    item = chosen(made)[0]
    masks = {label: np.zeros((16, 40), dtype=bool) for label in LABELS}
    image = np.ones((16, 40), dtype=np.float32)
    flat = dataclasses.replace(
        item, case="case123_day20_slice_0001", image=image, truth=masks, predictions={"mean": masks}
    )
    with style.paper():
        found = texts(triplets.draw([flat] * 4, STUDY))
    names = [box for words, box in found if "case123" in words]
    assert len(names) == 4
    assert not any(one.overlaps(other) for one, other in itertools.combinations(names, 2))


# Activation maps


def test_the_slice_with_most_organs_then_the_largest_area_is_mapped():
    labels = {"a1": LABELS[:2], "b1": LABELS, "c1": LABELS, "d1": LABELS, "e1": LABELS}
    cases = {name: slice_of(name, labels=own) for name, own in labels.items()}
    foreground = {"a1": (9000, 1.5), "b1": (900, 1.5), "c1": (600, 3.0), "d1": (600, 3.0), "e1": (5000, 3.0)}
    index = {
        "cases": {
            name: {"foreground": count, "spacing": [size, size, 3.0]} for name, (count, size) in foreground.items()
        }
    }
    tests = ["d1", "c1", "b1", "a1"]  # e1 is no test case
    assert activation_maps.choose(cases, tests, index) == "c1"
    assert activation_maps.choose(cases, ["a1"], index) == "a1"
    with pytest.raises(InputError, match="no test case"):
        activation_maps.choose(cases, [], index)


def test_stages_end_with_what_is_predicted(made):
    arrays, case = Path(made.mapped["arrays"]), next(iter(made.cases))
    image = store.open_image(arrays, case)
    maps = activations.of_stages(MEMBER, Path(made.mapped["model"]), image[:, 0], 1)
    assert len(maps) == 22
    assert next(iter(maps)) == "stem" and list(maps)[-1] == "head"
    predicted = Predictor(MEMBER, 1, Path(made.mapped["model"]), 1).predict(image)[:, 0]
    assert 1 / (1 + np.exp(-maps["head"].astype(np.float64))) == pytest.approx(predicted, abs=1e-6)
    assert [maps[name].shape[1:] for name in ("stem", "pool_1", "encoder_8")] == [(96, 96), (48, 48), (1, 1)]


def test_each_map_is_the_mean_size_of_the_activations():
    figure = drawn_maps()
    first, *panels = figure.axes
    assert first.get_title() == "input\n1 × 96 × 96"
    assert len(first.collections) == 1  # the outline of the one organ that is there
    for panel, (stage, outputs) in zip(panels, some_maps().items(), strict=False):
        channels, rows, columns = outputs.shape
        assert panel.get_title() == f"{stage.replace('_', ' ')}\n{channels} × {rows} × {columns}"
        shown = panel.get_images()[0].get_array()
        total = sum(abs(outputs[channel].astype(np.float64)) for channel in range(channels))
        assert np.allclose(shown, total / channels, atol=1e-6)


# Scripts


def parameter():
    return {key: getattr(STUDY, key) for key in Study.__dataclass_fields__}


def test_all_three_from_files_to_files(made, tmp_path):
    metrics = str(Path(made.folder).parent / "metrics.csv")
    pngs = [tmp_path / f"{name}.png" for name in ("combinations", "triplets", "activation_maps")]
    written = [(str(png), str(png.with_suffix(".json"))) for png in pngs]
    plot_combinations.main(made.splits, [made.table], *written[0], parameter(), PROTOCOLS)
    plot_triplets.main([metrics], [made.table], [made.folder], *written[1], parameter(), SOURCES)
    plot_activation_maps.main(made.mapped, *written[2], parameter(), MEMBER, 1)
    for png in pngs:
        assert png.read_bytes().startswith(b"\x89PNG")
        assert png.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
        assert png.with_suffix(".json").is_file()


def test_a_few_voxels_are_shown_among_their_surroundings():
    seen = np.zeros((200, 300), dtype=bool)
    seen[100:104, 2:5] = True
    rows, columns = (np.flatnonzero(triplets.framed(seen, (2.0, 3.0)).any(axis=axis)) for axis in (1, 0))
    assert (rows[0], rows[-1]) == (57, 146)  # 90 rows of 2 mm around the middle of four
    assert (columns[0], columns[-1]) == (0, 33)  # 60 columns of 3 mm, cut at the slice's edge
    seen[10:190, 0:290] = True
    assert (triplets.framed(seen, (2.0, 3.0)) == seen).all()
    assert not triplets.framed(np.zeros((9, 9), dtype=bool), (1.0, 1.0)).any()
