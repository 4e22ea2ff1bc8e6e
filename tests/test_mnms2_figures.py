"""The figures of mnms2 that show images, of small phantoms: preprocessing, predictions, heartbeats and their GIFs."""

import dataclasses
import itertools
import types
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from PIL import Image
from safetensors.torch import save_file

import plot_cine_sa
import plot_predictions
import plot_preprocessing
from medley import datasets, models, preprocess, probabilities, splits
from medley.cases import Case, slices_first, write_cases
from medley.datasets import mnms2_sa
from medley.errors import InputError
from medley.figures import animation, cine, predictions, preprocessing, style
from medley.figures import patient as overlay
from medley.metrics import case_metrics
from medley.results.study import Study

LABELS = ["LV", "MYO", "RV"]
READERS = {"mnms2_sa": "mnms2_sa", "mnms2_la": "mnms2_la"}
MEMBER = {
    "architecture": "generic_unet",
    "encoder": None,
    "width": 0.125,
    "labels": LABELS,
    "head": "softmax",
    "recipe": "mnms2",
    "batch": 4,
    "patch": [32, 32],
    "spacing": [5.0, 5.0, None],
}
RECIPE = {"crop": "nonzero", "intensity": "zscore", "spacing": [5.0, 5.0, None], "shape": None}
STUDY = {
    "name": "mnms2",
    "datasets": list(READERS),
    "phantoms": list(READERS),
    "predictors": ["generic_unet"],
    "members": {"generic_unet": MEMBER},
    "ensembles": {},
    "not_run": {},
}
TASK = {"member": MEMBER, "study": STUDY, "readers": READERS, "recipe": RECIPE, "threads": 1, "name": "generic_unet"}
PARTS = {"training": "train", "validation": "validation", "testing": "test"}


def judged(dataset, case, mask, decided):
    values = datasets.reader(dataset).LABELS
    common = {"study": "mnms2", "dataset": dataset, "split": "folds", "predictor": "generic_unet", "fold": ""}
    common |= {"seed": 0, "part": "test", "case": case.case, "patient": case.patient, "convention": "native"}
    for label, predicted in zip(LABELS, decided, strict=True):
        found = case_metrics(mask == values[label][0], predicted, slices_first(case.spacing), None)
        yield from ({**common, "label": label, "metric": name, "value": value} for name, value in found.items())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the files of a small study: phantoms of three vendors, random networks, disturbed truth as prediction."""
    root = tmp_path_factory.mktemp("results")
    files = types.SimpleNamespace(cases=[], quality=[], metrics=[], folders=[], inputs={}, tables={})
    for number, dataset in enumerate(READERS):
        reader, raw = datasets.reader(dataset), root / "phantom" / dataset
        raw.mkdir(parents=True)
        reader.make_phantom(raw, 9, 0.25, 0)
        cases = reader.index(raw)
        files.tables[dataset] = {case.case: case for case in cases}
        table = root / "datasets" / dataset / "cases.csv"
        table.parent.mkdir(parents=True)
        write_cases(table, cases)
        table.with_name("quality.csv").write_text("case,rule,value,decision,reason\n")
        own = root / "mnms2" / dataset / "folds"
        folder = own / "members" / "generic_unet" / "seed-0" / "probabilities"
        folder.mkdir(parents=True)
        rows = [splits.Assignment(0, case.case, case.patient, PARTS[case.part]) for case in cases]
        splits.write(own / "split.csv", rows)
        torch.manual_seed(number)
        network = models.build(MEMBER, 1, weights=None)
        with torch.no_grad():
            network.heads[-1].conv.conv.weight *= 20  # so that classes differ from voxel to voxel
        model = own / "members" / "generic_unet" / "fold-0" / "seed-0" / "model.safetensors"
        model.parent.mkdir(parents=True)
        save_file(network.state_dict(), model)
        metrics, entries = [], {}
        for moved, case in enumerate(case for case in cases if case.part == "testing"):
            mask = reader.read_mask(case)
            wrong = np.roll(mask, moved, axis=2)
            values = np.stack([wrong == value for value in range(4)]).astype(np.float32)
            probabilities.write_case(folder, case.case, values)
            metrics += judged(dataset, case, mask, values[1:] > 0)
            entries[case.case] = probabilities.Entry(None, "test")
        probabilities.write_contents(folder, probabilities.Contents("softmax", tuple(LABELS), entries))
        pd.DataFrame(metrics).to_csv(folder.parent / "metrics.csv", index=False, float_format="%.9g")
        files.cases.append(str(table))
        files.quality.append(str(table.with_name("quality.csv")))
        files.metrics.append(str(folder.parent / "metrics.csv"))
        files.folders.append(str(folder))
        files.inputs[dataset] = {"model": str(model), "split": str(own / "split.csv"), "cases": str(table)}
    return files


SOURCES = {dataset: {"reader": dataset, "regions": {}} for dataset in READERS}


def all_steps(made):
    found = {}
    for dataset, cases in made.tables.items():
        reader = datasets.reader(dataset)
        chosen = preprocessing.choose(cases.values())
        found[chosen[0].view] = [preprocessing.steps(case, reader.read_image(case), RECIPE) for case in chosen]
    return found


def all_predictions(made):
    metrics = pd.concat([pd.read_csv(path, dtype={"patient": str, "fold": str}) for path in made.metrics])
    return predictions.predictions(metrics, made.cases, made.folders, Study(**STUDY), SOURCES)


def a_beat(slices=8, frames=40):
    """A bright disc of three rings that shrinks and grows."""
    rows, columns = np.mgrid[:40, :48]
    radius = np.hypot(rows - 20, columns - 24)
    sizes = 10 + 4 * np.cos(2 * np.pi * np.arange(frames) / frames)
    scaled = radius / sizes[:, None, None]
    rings = {"LV": scaled < 0.5, "MYO": (scaled >= 0.5) & (scaled < 0.8), "RV": (scaled >= 0.8) & (scaled < 1)}
    masks = {label: np.repeat(ring[:, None], slices, axis=1) for label, ring in rings.items()}
    noise = np.random.default_rng(0).normal(0, 20, (frames, slices, 40, 48))
    images = (100 * masks["LV"] + 50 * masks["RV"] + noise).astype(np.float32)
    truth = np.zeros((slices, 40, 48), dtype=bool)
    truth[1 : slices - 1] = radius < 14
    return images, masks, truth


def a_cine():
    images, masks, truth = a_beat()
    frames = cine.every(len(images))
    kept = {label: mask[frames] for label, mask in masks.items()}
    return cine.cut(images[frames], kept, frames, truth, (1.5, 1.0, 8.0))


def an_overlay():
    images, masks, _ = a_beat()
    own = {label: mask[0] for label, mask in masks.items()}
    return overlay.draw(images[0], own, (1.5, 1.0, 8.0), "001_SA_ED as it is", Study(**STUDY))


@pytest.fixture(params=["preprocessing", "predictions", "strip", "frame", "overlay"])
def drawing(request, made):
    study = Study(**STUDY)
    draw = {
        "preprocessing": lambda: preprocessing.draw(all_steps(made), "mnms2", study),
        "predictions": lambda: predictions.draw(all_predictions(made), study),
        "strip": lambda: cine.strip(a_cine(), "heartbeat", study),
        "frame": lambda: next(iter(cine.animate(a_cine(), "heartbeat", study))),
        "overlay": an_overlay,
    }
    with style.paper(), warnings.catch_warnings():
        warnings.simplefilter("error")
        yield draw[request.param]


def texts(figure):
    """Return the box of every text that is drawn, by its words."""
    FigureCanvasAgg(figure).draw()
    ticks = [label for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for label in axis.get_ticklabels()]
    found = [text for text in figure.findobj(Text) if text.get_text().strip() and text not in ticks]
    return [(text.get_text(), text.get_window_extent()) for text in found if text.get_visible()]


def test_no_text_is_cut_off_or_covers_another(drawing):
    figure = drawing()
    page = figure.bbox.padded(1)
    found = texts(figure)
    assert len(found) > 6
    for words, box in found:
        assert page.x0 <= box.x0 and page.y0 <= box.y0 and box.x1 <= page.x1 and box.y1 <= page.y1, words
    for (first, one), (second, other) in itertools.combinations(found, 2):
        assert not one.padded(-1).overlaps(other.padded(-1)), (first, second)


def test_it_fits_a_page_and_says_phantom(drawing):
    figure = drawing()
    assert figure.get_figwidth() <= style.PAGE + 1e-9 and figure.get_figheight() <= 9.5
    assert figure.get_suptitle().startswith("mnms2: ") and "phantom" in figure.get_suptitle()


def test_the_same_figure_has_the_same_bytes(drawing, tmp_path):
    for name in ("one.png", "two.png"):
        style.save(drawing(), tmp_path / name)
    for suffix in (".png", ".pdf"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


# Preprocessing


def test_one_case_of_each_vendor_is_shown_at_end_diastole(made):
    for own in all_steps(made).values():
        assert [item.case.vendor for item in own] == ["ge", "philips", "siemens"]
        assert {item.case.phase for item in own} == {"ED"}
    with pytest.raises(InputError, match="no case has a vendor"):
        preprocessing.choose([Case("a", "a", "i", "m", (1, 1, 1), (1.0, 1.0, 1.0))])


def test_steps_are_the_file_its_box_and_the_recipe():
    image = np.zeros((1, 2, 20, 30), dtype=np.float32)
    image[0, :, 4:16, 6:26] = np.random.default_rng(0).uniform(1, 9, (2, 12, 20))
    case = Case("a", "a", "i", "m", (20, 30, 2), (2.0, 1.0, 8.0), vendor="ge")
    found = preprocessing.steps(case, image, RECIPE)
    np.testing.assert_array_equal(found.images["before"], image[0])
    np.testing.assert_array_equal(found.images["soft"], image[0, :, 4:16, 6:26])
    # 12 rows of 2 mm become 5 of 4.8 mm, 20 columns of 1 mm 4 of 5 mm.
    assert found.images["validation"].shape == (2, 5, 4)
    assert found.spacings["validation"] == pytest.approx((4.8, 5.0, 8.0))
    grid = preprocess.geometry(case.shape, case.spacing, RECIPE, [(0, 2), (4, 16), (6, 26)])
    np.testing.assert_array_equal(found.images["validation"], grid.apply_image(image, "zscore")[0])


# Predictions


def test_the_patient_in_the_middle_has_all_phases_and_views():
    def case(name):
        return Case(name, name[:1], "i", "m", (1, 1, 1), (1.0, 1.0, 1.0), phase=name[1:])

    names = [patient + phase for patient in "abcde" for phase in ("ED", "ES")]
    tables = {dataset: {name: case(name) for name in names} for dataset in ("sa", "la")}
    means = {"a": 0.9, "b": 0.3, "c": 0.6, "d": 0.7, "e": 0.65}
    dice = {dataset: {name: means[name[0]] for name in names} for dataset in tables}
    assert predictions.choose(dice, tables) == "e"
    dice["la"]["eES"] = float("nan")
    del dice["sa"]["dED"]
    assert predictions.choose(dice, tables) == "c"  # of a, b and c
    with pytest.raises(InputError, match="no patient is judged in ED and ES of sa, la"):
        predictions.choose({"sa": dice["sa"], "la": {}}, tables)


def test_predictions_are_phases_by_views_with_their_dice(made):
    rows = all_predictions(made)
    assert [[item.case[-5:] for item in row] for row in rows] == [["SA_ED", "LA_ED"], ["SA_ES", "LA_ES"]]
    assert len({item.case[:3] for row in rows for item in row}) == 1
    for item in (item for row in rows for item in row):
        case = made.tables[item.dataset][item.case]
        mask = datasets.reader(item.dataset).read_mask(case)
        wrong = probabilities.read_label_map(made.folders[list(READERS).index(item.dataset)], case.case)
        scores = [
            2 * ((mask == value) & (wrong == value)).sum() / ((mask == value).sum() + (wrong == value).sum())
            for value in (1, 2, 3)
        ]
        assert item.dice["generic_unet"] == pytest.approx(np.mean(scores))
        number = 0 if item.number is None else item.number - 1
        for label, value in zip(LABELS, (1, 2, 3), strict=True):
            assert item.truth[label].sum() == (mask[number] == value).sum()


# Heartbeats


def test_frames_are_thinned_to_thirty():
    assert cine.every(10) == list(range(10)) and cine.every(30) == list(range(30))
    assert cine.every(31) == list(range(0, 31, 2)) and cine.every(75) == list(range(0, 75, 3))


def test_levels_lie_within_the_heart():
    truth = np.zeros((14, 2, 2), dtype=bool)
    truth[2:13, 0, 0] = True  # eleven slices, 2 to 12
    assert cine.levels(truth) == [4, 7, 10]
    assert cine.levels(truth[:4]) == [3] and cine.levels(truth[2:5]) == [0, 1, 2]
    assert cine.levels(np.zeros((1, 2, 2), dtype=bool)) == [0]


def test_the_first_test_case_at_end_diastole_with_mask_and_heartbeat_is_shown(tmp_path, caplog):
    cases = {
        name: Case(
            name,
            name[:3],
            str(tmp_path / f"{name}.nii.gz"),
            "m",
            (1, 1, 1),
            (1.0, 1.0, 1.0),
            phase=name[-2:],
            view="SA",
        )
        for name in ("201_SA_ES", "202_SA_ED", "203_SA_ED", "204_SA_ED", "205_SA_ED", "001_SA_ED")
    }
    cases["203_SA_ED"] = dataclasses.replace(cases["203_SA_ED"], mask="")
    for patient in ("001", "201", "203", "204", "205"):  # 202 has none
        (tmp_path / f"{patient}_SA_CINE.nii.gz").touch()
    tests = [name for name in cases if name != "001_SA_ED"]
    with caplog.at_level("INFO"):
        assert cine.choose(cases, tests[::-1], mnms2_sa.cine_file).case == "204_SA_ED"
    assert "204_SA_ED; 2 test cases have no mask or no heartbeat" in caplog.text
    with pytest.raises(InputError, match="none of 2 test cases at end diastole"):
        cine.choose(cases, ["201_SA_ES", "202_SA_ED", "203_SA_ED"], mnms2_sa.cine_file)


def test_a_cine_is_cut_alike_in_image_and_prediction():
    images, masks, truth = a_beat()
    masks["RV"][20, 3, 2, 3] = True  # far away, in a slice and frame that are shown
    frames = cine.every(len(images))
    found = cine.cut(images[frames], {k: mask[frames] for k, mask in masks.items()}, frames, truth, (1.5, 1.0, 8.0))
    assert found.frames == [1 + place for place in range(0, 40, 2)] and list(found.slices) == [3, 4, 6]
    kept = [number - 1 for number in found.slices]
    for label, mask in masks.items():
        assert found.masks[label].sum() == mask[frames][:, kept].sum()
        assert found.masks[label].shape == found.images.shape
    levels = [found.images[0, level] for level in range(3)]
    assert all(np.isin(level, images[0, number]).all() for level, number in zip(levels, kept, strict=True))


def pixels(path):
    with Image.open(path) as moving:
        frames = []
        for number in range(moving.n_frames):
            moving.seek(number)
            frames.append(np.asarray(moving.convert("RGB")).astype(int))
        return np.stack(frames), moving.info


def animated(path, frames=8):
    found = a_cine()
    found = found._replace(frames=found.frames[:frames])
    with style.paper():
        animation.save(
            cine.animate(found, "heartbeat", Study(**STUDY)), path, 100, overlay.colours_of(found.masks).values()
        )


def test_a_gif_moves_in_the_colours_of_the_labels(tmp_path):
    animated(tmp_path / "beat.gif")
    frames, info = pixels(tmp_path / "beat.gif")
    assert len(frames) == 8 and info["duration"] == 100 and info["loop"] == 0
    for colour in overlay.colours_of(dict.fromkeys(LABELS)).values():
        near = np.abs(frames - 255 * np.array(to_rgb(colour))).max(axis=-1) < 3
        assert near.any(axis=(1, 2)).all()
        moved = [np.argwhere(frame[40:-40])[:, 0].std() for frame in near[[0, 7]]]  # the outlines, not the legend
        assert moved[1] < 0.9 * moved[0]  # the disc shrinks
    animated(tmp_path / "again.gif")
    assert (tmp_path / "again.gif").read_bytes() == (tmp_path / "beat.gif").read_bytes()


def test_a_gif_has_fewer_greys_where_it_would_be_too_large(tmp_path, monkeypatch):
    animated(tmp_path / "many.gif", 3)
    size = (tmp_path / "many.gif").stat().st_size
    monkeypatch.setattr(animation, "LARGEST", size - 1)
    animated(tmp_path / "few.gif", 3)
    assert (tmp_path / "few.gif").stat().st_size < size
    monkeypatch.setattr(animation, "LARGEST", 1000)
    with pytest.raises(InputError, match="3 frames do not fit"):
        animated(tmp_path / "none.gif", 3)
    assert not (tmp_path / "none.gif").exists()


def test_a_palette_has_greys_and_pure_colours():
    found = np.array(animation.palette(["#ff0000"], 16)).reshape(-1, 3).tolist()
    assert found[:16] == [[17 * step] * 3 for step in range(16)]
    assert found[16:] == [[255, 0, 0], [128, 0, 0], [191, 64, 64], [255, 128, 128]]


def test_the_largest_beat_stays_below_two_megabytes(tmp_path):
    """Thirty frames of three slices full of noise, as large on the page as real ones."""
    images = np.random.default_rng(0).normal(0, 1, (30, 3, 140, 160)).astype(np.float32)
    masks = {label: np.zeros(images.shape, dtype=bool) for label in LABELS}
    found = cine.Cine(range(1, 31), [1, 2, 3], images, masks, (1.0, 1.0, 8.0))
    with style.paper():
        animation.save(cine.animate(found, "noise", Study(**STUDY)), tmp_path / "noise.gif", 33, ["#56B4E9"])
    assert (tmp_path / "noise.gif").stat().st_size < 2_000_000


# Scripts


@pytest.mark.parametrize("dataset", list(READERS))
def test_a_heartbeat_is_predicted_by_the_network_of_a_fold(made, dataset, tmp_path):
    place = tmp_path / "cine"
    names = [f"{place}{suffix}" for suffix in (".png", ".gif", ".json")]
    plot_cine_sa.main(made.inputs[dataset], *names, TASK)
    frames, _ = pixels(f"{place}.gif")
    assert len(frames) == 10  # of a phantom's heartbeat
    assert all((tmp_path / f"cine{suffix}").stat().st_size < 2_000_000 for suffix in (".png", ".pdf", ".gif", ".json"))


def test_the_scripts_write_figures_and_provenance(made, tmp_path):
    place = str(tmp_path / "preprocessing")
    plot_preprocessing.main(made.cases, made.quality, f"{place}.png", f"{place}.json", TASK)
    place = str(tmp_path / "predictions")
    plot_predictions.main(made.metrics, made.cases, made.folders, f"{place}.png", f"{place}.json", STUDY, SOURCES)
    expected = {f"{name}{suffix}" for name in ("preprocessing", "predictions") for suffix in (".png", ".pdf", ".json")}
    assert {path.name for path in tmp_path.iterdir()} == expected


@pytest.mark.real
def test_the_heartbeat_of_a_real_subject_is_animated(real, made, tmp_path):
    reader, folder = datasets.reader("mnms2_la"), real / "MnM2" / "dataset" / "001"
    table = tmp_path / "datasets" / "mnms2_la" / "cases.csv"
    table.parent.mkdir(parents=True)
    write_cases(table, reader.subject_cases(folder))
    rows = [splits.Assignment(0, case.case, "001", "test") for case in reader.subject_cases(folder)]
    splits.write(tmp_path / "split.csv", rows)
    inputs = made.inputs["mnms2_la"] | {"cases": str(table), "split": str(tmp_path / "split.csv")}
    plot_cine_sa.main(inputs, *(str(tmp_path / f"cine.{ending}") for ending in ("png", "gif", "json")), TASK)
    frames, _ = pixels(tmp_path / "cine.gif")
    assert 10 < len(frames) <= 30
    assert (tmp_path / "cine.gif").stat().st_size < 2_000_000
