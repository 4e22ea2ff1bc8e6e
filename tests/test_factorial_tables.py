import itertools
import json
import math

import made_up_results as made_up
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import stats

import tabulate_cbis_literature
import tabulate_effects
import tabulate_encoders
import tabulate_images
import tabulate_losses
from medley import statistics
from medley.cases import DROP, KEEP, Case, write_cases
from medley.errors import InputError
from medley.results import authors, factorial, read
from medley.results.study import Study
from medley.tables import cbis_literature, effects, effects_text, grid_slice, grid_slice_text, images, images_text
from medley.tables.write import MISSING, markdown

RESAMPLES = 200
MEMBER = {"keep": "best_validation_loss", "labels": ["foreground"], "recipe": "imagenet_224"}
KEYS = ("architecture", "encoder", "loss")
NAMES = [
    "_".join(chosen)
    for chosen in itertools.product(("unet", "deeplabv3plus"), ("vgg19", "resnet50"), ("bce", "logcoshdice"))
]
GRID = {name: dict(zip(KEYS, name.split("_"), strict=True)) for name in NAMES}
pytestmark = pytest.mark.usefixtures("two_patients_are_enough")


def study(*predictors, datasets=("chest_xray",), phantoms=(), without=()):
    """Return a study that shows ``predictors`` of the grid, of which ``without`` are not run."""
    run = [name for name in NAMES if name not in without]
    return Study(
        "base_architectures",
        list(datasets),
        list(phantoms),
        predictors or NAMES,
        dict.fromkeys(run, MEMBER),
        {},
        dict.fromkeys(without, "out of memory"),
        grid={name: GRID[name] for name in run},
    )


def row(predictor, part, case, metric, value, dataset="chest_xray", seed=0, label="foreground", convention="native"):
    """Return a row of metrics.csv; of the case a1 the patient is a."""
    return made_up.metric_row(predictor, part, case, case[0], label, metric, value, convention, seed, dataset)


def dice(predictor, values, part="test", dataset="chest_xray", seed=0):
    """Return rows of metrics.csv of images → Dice."""
    return [row(predictor, part, case, "dice", value, dataset, seed) for case, value in values.items()]


def metrics(*groups):
    return pd.DataFrame([each for group in groups for each in group]).astype({"seed": "Int64"})


def row_of(frame, **wanted):
    found = frame[np.logical_and.reduce([frame[key] == value for key, value in wanted.items()])]
    assert len(found) == 1
    return found.iloc[0]


def ends(found, name):
    return [found[f"{name}{end}"] for end in ("", "_low", "_high")]


def published(*rows):
    """Return rows of published.csv of (predictor, subset, Dice)."""
    found = [(name, subset, "dice", value, "as we read it") for name, subset, value in rows]
    return pd.DataFrame(found, columns=["predictor", "subset", "metric", "value", "note"])


# A grid as an experiment


def test_contrasts_pair_members_that_differ_in_one_choice():
    grid = {name: GRID[name] for name in NAMES if name != "unet_vgg19_bce"}
    found = {(each.choice, each.against): each.pairs for each in factorial.contrasts(grid)}
    assert list(found) == [("deeplabv3plus", "unet"), ("resnet50", "vgg19"), ("bce", "logcoshdice")]
    assert found["deeplabv3plus", "unet"] == [
        ("deeplabv3plus_vgg19_logcoshdice", "unet_vgg19_logcoshdice"),
        ("deeplabv3plus_resnet50_bce", "unet_resnet50_bce"),
        ("deeplabv3plus_resnet50_logcoshdice", "unet_resnet50_logcoshdice"),
    ]
    assert len(found["resnet50", "vgg19"]) == len(found["bce", "logcoshdice"]) == 3


def test_three_choices_give_three_contrasts_and_one_none():
    grid = {f"u_{encoder}": {"architecture": "u", "encoder": encoder} for encoder in "xyz"}
    assert [each[:3] for each in factorial.contrasts(grid)] == [
        ("encoder", "y", "x"),
        ("encoder", "z", "x"),
        ("encoder", "z", "y"),
    ]
    lone = {"u_x": {"architecture": "u", "encoder": "x"}, "d_y": {"architecture": "d", "encoder": "y"}}
    assert [each.pairs for each in factorial.contrasts(lone)] == [[], []]


def test_dice_by_case_is_the_mean_over_seeds_of_the_members_own_label():
    of = study("unet_resnet50_bce", "unet_vgg19_bce", "mean", without=["unet_vgg19_bce"])
    rows = metrics(
        dice("unet_resnet50_bce", {"b1": 0.5, "a1": 0.2}),
        dice("unet_resnet50_bce", {"a1": 0.4}, seed=1),
        dice("unet_resnet50_bce", {"a1": 0.9}, part="out_of_fold"),
        dice("unet_resnet50_bce", {"a1": 0.9}, dataset="isic2018"),
        dice("mean", {"a1": 0.9}),
        [row("unet_resnet50_bce", "test", "a1", "dice", 0.9, label="other")],
        [row("unet_resnet50_bce", "test", "a1", "iou", 0.9)],
        [row("unet_resnet50_bce", "test", "a1", "dice", 0.9, convention="recipe")],
    )
    found = factorial.dice_by_case(rows, of, "chest_xray")
    assert list(found.columns) == ["unet_resnet50_bce"]
    assert list(found.index) == [("a1", "a"), ("b1", "b")]
    assert found["unet_resnet50_bce"].tolist() == pytest.approx([0.3, 0.5])
    assert factorial.dice_by_case(rows, of, "cbis_ddsm_whole").empty
    with pytest.raises(InputError, match=r"studies\.base_architectures: none of the predictors shown is a member"):
        factorial.dice_by_case(rows, study("mean"), "chest_xray")


def trained(columns, names):
    """Return (member, seed) → Dice as ``dice_by_training`` does; the patient of the case a1 is a."""
    index = pd.MultiIndex.from_tuples([(name, name[0]) for name in names], names=factorial.INDEX)
    trainings = pd.MultiIndex.from_tuples(columns, names=factorial.TRAINING)
    return pd.DataFrame(np.transpose([*columns.values()]), index, trainings)


def test_a_main_effect_is_the_mean_over_pairs_of_choice_minus_against():
    contrast = factorial.Contrast("loss", "x", "y", [("p", "q"), ("r", "s")])
    assert contrast.weights == {"p": 0.5, "r": 0.5, "q": -0.5, "s": -0.5}
    assert factorial.Contrast("loss", "x", "y", []).weights == {}


def test_dice_by_training_has_a_column_a_seed_and_complete_those_cases_that_all_have():
    of = study("unet_resnet50_bce", "unet_vgg19_bce", "mean")
    rows = metrics(
        dice("unet_vgg19_bce", {"b1": 0.1, "a1": 0.2, "c1": 0.3}, seed=4),
        dice("unet_vgg19_bce", {"a1": 0.4, "b1": math.nan, "c1": 0.5}, seed=2),
        dice("unet_resnet50_bce", {"a1": 0.6, "b1": 0.7}, seed=2),
        dice("unet_resnet50_bce", {"a1": 0.8, "b1": 0.9, "c1": 1.0}, seed=4),
        dice("unet_resnet50_bce", {"a1": 0.0}, part="out_of_fold", seed=4),
        dice("mean", {"a1": 0.0}, seed=9),
    )
    found = factorial.dice_by_training(rows, of, "chest_xray")
    resnet, vgg = "unet_resnet50_bce", "unet_vgg19_bce"
    assert [*found.columns] == [(resnet, 2), (resnet, 4), (vgg, 2), (vgg, 4)]
    assert [*found.index] == [("a1", "a"), ("b1", "b"), ("c1", "c")]
    assert found.loc[("a1", "a")].tolist() == [0.6, 0.8, 0.4, 0.2]
    values, patients = factorial.complete(found, [vgg, resnet])
    assert values.tolist() == [[[0.4, 0.2], [0.6, 0.8]]] and patients == ["a"]
    values, patients = factorial.complete(found, [resnet])
    assert values.tolist() == [[[0.6, 0.8]], [[0.7, 0.9]]] and patients == ["a", "b"]
    nothing = factorial.dice_by_training(rows, of, "isic2018")
    assert len(nothing) == 0 and factorial.complete(nothing, [vgg, resnet])[0].shape == (0, 2, 2)


def test_ranks_draw_a_patients_cases_together_and_share_ties():
    # On patient a (two cases) the first member is better by 0.1 each, on b (one) worse by 0.2: with both drawn equal.
    cases = trained({("first", 0): [0.6, 0.4, 0.3], ("second", 0): [0.5, 0.3, 0.5]}, ["a1", "a2", "b1"])
    found = factorial.ranks(cases, RESAMPLES, seed=3)
    draws = statistics.patient_draws(2, RESAMPLES, 3)
    expected = {2: (1, 2), 1: (1.5, 1.5), 0: (2, 1)}  # by how often a is drawn
    assert [tuple(pair) for pair in found.to_numpy()] == [expected[int(times)] for times in draws[:, 0]]
    assert {int(times) for times in draws[:, 0]} == {0, 1, 2}
    incomplete = pd.concat([cases, trained({("first", 0): [math.nan], ("second", 0): [1.0]}, ["c1"])])
    pd.testing.assert_frame_equal(factorial.ranks(incomplete, RESAMPLES, 3), found)
    assert factorial.ranks(cases * math.nan, 4, 3).isna().to_numpy().all()


@settings(max_examples=30, deadline=None)
@given(some.data())
def test_ranks_are_those_of_the_drawn_rows_and_trainings(data):
    patients = data.draw(some.lists(some.sampled_from("abcd"), min_size=1, max_size=7))
    members, seeds = data.draw(some.integers(2, 4)), data.draw(some.integers(1, 3))
    levels = some.integers(0, 3)
    columns = {
        (f"m{member}", seed): [data.draw(levels) / 10 for _ in patients]
        for member in range(members)
        for seed in range(seeds)
    }
    cases = trained(columns, [f"{name}{at}" for at, name in enumerate(patients)])
    found, names = factorial.ranks(cases, 5, 0).to_numpy(), sorted(set(patients))
    draws = zip(
        statistics.patient_draws(len(names), 5, 0), statistics.training_draws(members, seeds, 5, 0), strict=True
    )
    for ranked, (drawn, shares) in zip(found, draws, strict=True):
        times = [int(drawn[names.index(name)]) for name in patients]
        mean = [
            sum(
                share * np.repeat(columns[f"m{member}", seed], times).mean()
                for seed, share in enumerate(shares[member])
            )
            for member in range(members)
        ]
        mean = np.array(mean)
        assert ranked.tolist() == stats.rankdata(-mean.round(9)).tolist()


# Effects

FOUR = ("unet_vgg19_bce", "unet_resnet50_bce", "deeplabv3plus_vgg19_bce", "deeplabv3plus_resnet50_bce")
EFFECTS = metrics(
    dice("unet_vgg19_bce", {"a1": 0.5, "a2": 0.5, "b1": 0.5}),
    dice("unet_resnet50_bce", {"a1": 0.5, "a2": 0.5, "b1": 0.5}),
    dice("deeplabv3plus_vgg19_bce", {"a1": 0.6, "a2": 0.7, "b1": 0.9}),
    dice("deeplabv3plus_resnet50_bce", {"a1": 0.6, "a2": 0.5, "b1": 0.9}),
)


def test_effects_by_hand():
    frame = effects.numbers(EFFECTS, study(*FOUR), RESAMPLES)
    assert frame[["factor", "choice", "against"]].fillna("").to_numpy().tolist() == [
        ["architecture", "deeplabv3plus", "unet"],
        ["encoder", "resnet50", "vgg19"],
        ["loss", "bce", ""],
    ]
    # Of the images 0.1, 0.1 (patient a) and 0.4 (b): together 0.2; of a alone 0.1, of b alone 0.4.
    first = row_of(frame, factor="architecture")
    assert ends(first, "effect") == pytest.approx([0.2, 0.1, 0.4])
    assert first["verdict"] == "better"
    assert list(first[list(effects.COUNTS)]) == [2, 2, 3, 0, 2, 1]
    assert math.isnan(first["seed_deviation"])
    # 0, -0.1 (a), 0 (b).
    second = row_of(frame, factor="encoder")
    assert ends(second, "effect") == pytest.approx([-0.1 / 3, -0.05, 0])
    assert second["verdict"] == "undecided"
    assert row_of(frame, factor="loss")["note"] == "the only choice"


def test_the_deviation_over_seeds_is_that_of_single_seeds_effects():
    more = metrics(
        *(dice(name, {"a1": value, "b1": value}, seed=1) for name, value in zip(FOUR, (5, 1, 5, 2), strict=True))
    )
    two = metrics(*(dice(name, {"a1": value, "b1": value}) for name, value in zip(FOUR, (3, 1, 4, 2), strict=True)))
    frame = effects.numbers(pd.concat([more, two]), study(*FOUR), RESAMPLES)
    found = row_of(frame, factor="architecture")
    # Seed 0: ((4 - 3) + (2 - 1)) / 2 = 1; seed 1: ((5 - 5) + (2 - 1)) / 2 = 0.5. All patients are alike, but of each
    # member one of two trainings is drawn: from ((4 - 5) + (2 - 1)) / 2 to ((5 - 3) + (2 - 1)) / 2, a quarter each.
    assert ends(found, "effect") == pytest.approx([0.75, 0, 1.5])
    assert found["verdict"] == "undecided"
    assert found["seed_deviation"] == pytest.approx(0.5 / math.sqrt(2))
    assert found["seeds"] == 2


def test_only_combinations_that_both_choices_have_count():
    frame = effects.numbers(EFFECTS, study(*FOUR, without=["deeplabv3plus_vgg19_bce"]), RESAMPLES)
    found = row_of(frame, factor="architecture")
    assert ends(found, "effect") == pytest.approx([0.5 / 3, 0.05, 0.4])  # ResNet-50 alone
    assert (found["combinations"], found["combinations_of_grid"]) == (1, 2)
    lone = effects.numbers(EFFECTS, study("unet_vgg19_bce", "deeplabv3plus_resnet50_bce"), RESAMPLES)
    alone = row_of(lone, factor="architecture")
    assert alone["note"] == "no combination has both" and pd.isna(alone["verdict"]) and pd.isna(alone["left_out"])


def test_a_difference_in_which_trainings_do_not_agree_is_undecided():
    """On every patient the mean is better by 0.1; of three trainings one is far worse than the others."""
    images = [f"{name}1" for name in "abcdefgh"]
    rows = [dice("unet_vgg19_bce", dict.fromkeys(images, 0.5), seed=seed) for seed in range(3)]
    agree, differ = (
        metrics(*rows, *(dice("unet_resnet50_bce", dict.fromkeys(images, value), seed=at) for at, value in own))
        for own in (enumerate((0.58, 0.6, 0.62)), enumerate((0.2, 0.8, 0.8)))
    )
    of = study("unet_vgg19_bce", "unet_resnet50_bce")
    sure, unsure = (effects.numbers(rows, of, 2000) for rows in (agree, differ))
    assert ends(row_of(sure, factor="encoder"), "effect") == pytest.approx([0.1, 0.08, 0.12])
    assert effects_text.sentences(sure)[1] == (
        "On chest_xray resnet50 is better than vgg19 by 0.1000 [0.0800, 0.1200] (SD over 3 seeds 0.0200)."
    )
    assert ends(row_of(unsure, factor="encoder"), "effect") == pytest.approx([0.1, -0.3, 0.3])
    assert effects_text.sentences(unsure)[1] == "On chest_xray no encoder is better than another at 95 %."
    texts = [markdown(effects_text.table(frame, of)) for frame in (sure, effects.numbers(EFFECTS, study(*FOUR), 20))]
    assert ["and of the training" in text for text in texts] == [True, False]
    assert ["not of the training" in text for text in texts] == [False, True]


def test_a_worse_choice_and_an_image_without_dice():
    rows = metrics(
        dice("unet_vgg19_bce", {"a1": 0.5, "b1": 0.5, "c1": math.nan}),
        dice("unet_vgg19_logcoshdice", {"a1": 0.4, "b1": 0.2, "c1": 0.0}),
    )
    of = study("unet_vgg19_bce", "unet_vgg19_logcoshdice")
    frame = effects.numbers(rows, of, RESAMPLES)
    found = row_of(frame, factor="loss")
    assert found["verdict"] == "worse" and (found["cases"], found["left_out"]) == (2, 1)
    text = markdown(effects_text.table(frame, of))
    assert "On chest_xray bce is better than logcoshdice by 0.2000 [0.1000, 0.3000] (of single trainings)." in text
    assert "On chest_xray unet is the only architecture." in text
    assert "chest_xray: left out, since a training has no Dice there: 1 images." in text


def test_sentences_say_what_the_table_supports(monkeypatch):
    frame = effects.numbers(EFFECTS, study(*FOUR), RESAMPLES)
    assert effects_text.sentences(frame) == [
        "On chest_xray deeplabv3plus is better than unet by 0.2000 [0.1000, 0.4000] (of single trainings).",
        "On chest_xray no encoder is better than another at 95 %.",
        "On chest_xray bce is the only loss.",
    ]
    lone = effects.numbers(EFFECTS, study("unet_vgg19_bce", "deeplabv3plus_resnet50_bce"), RESAMPLES)
    assert effects_text.sentences(lone)[0] == (
        "On chest_xray deeplabv3plus and unet cannot be compared (no combination has both)."
    )
    monkeypatch.setattr(statistics, "FEWEST", 6)
    few = effects.numbers(EFFECTS, study(*FOUR), RESAMPLES)
    assert set(few["verdict"].dropna()) == {"undecided"}
    assert (
        effects_text.sentences(few)[0] == "On chest_xray there are too few patients to compare deeplabv3plus and unet."
    )


def test_three_encoders_make_one_sentence():
    names = [f"unet_{encoder}_bce" for encoder in ("vgg19", "resnet50", "densenet121")]
    grid = {name: dict(zip(KEYS, name.split("_"), strict=True)) for name in names}
    of = Study("s", ["d"], [], names, dict.fromkeys(names, MEMBER), {}, {}, grid=grid)
    values = ({"a1": 0.5, "b1": 0.5}, {"a1": 0.6, "b1": 0.7}, {"a1": 0.7, "b1": 0.6})
    rows = metrics(*(dice(name, own, dataset="d") for name, own in zip(names, values, strict=True)))
    assert effects_text.sentences(effects.numbers(rows, of, RESAMPLES))[1] == (
        "On d resnet50 is better than vgg19 by 0.1500 [0.1000, 0.2000] (of single trainings); densenet121 is better "
        "than vgg19 by 0.1500 [0.1000, 0.2000] (of single trainings); it is undecided at 95 % between "
        "densenet121 and resnet50."
    )


# Encoders and losses


def case(name, part):
    return Case(name, name[0], "i", "m", (4, 4, 1), (1.0, 1.0, 1.0), part=part, labels=("lung",))


KNOWN = {name: case(name, "testing") for name in ("a1", "a2", "b1")}
KNOWN |= {name: case(name, "training") for name in ("c1", "d1", "e1")}
QUALITY = [
    {"case": "a2", "rule": "duplicate", "decision": DROP},
    {"case": "b1", "rule": "grey_mask", "decision": KEEP},
    {"case": "e1", "rule": "empty_mask", "decision": DROP},
]
INSPECTED = {"chest_xray": (KNOWN, QUALITY)}
SAID = published(("unet_resnet50_bce", "chest_xray/test", 0.954), ("unet_vgg19_bce", "isic2018/test", 0.717))


def judged(predictor, seed=0):
    """Return rows of metrics.csv of three test and two validation images; of b1 one mask is empty."""
    values = {"a1": (0.8, 0.7, 4.0), "a2": (0.0, 0.0, 99.0), "b1": (0.4, 0.6, 6.0)}
    found = dice(predictor, {"c1": 0.9, "d1": 0.7}, part="out_of_fold", seed=seed)
    for name, numbers in values.items():
        own = zip(("dice", "iou", "hd95"), numbers, strict=True)
        found += [row(predictor, "test", name, metric, value, seed=seed) for metric, value in own]
        found.append(row(predictor, "test", name, "precision", 0.5, seed=seed))
        found.append(row(predictor, "test", name, "recall", math.nan if name == "b1" else 0.5, seed=seed))
    return found


def slice_numbers(rows, *names, inspected=INSPECTED, said=SAID, **how):
    return grid_slice.numbers(rows, inspected, said, study(**how), names, RESAMPLES)


def test_a_slice_by_hand_without_dropped_test_images():
    frame = slice_numbers(metrics(judged("unet_resnet50_bce")), "unet_resnet50_bce")
    found = frame.iloc[0]
    assert ends(found, "test") == pytest.approx([0.6, 0.4, 0.8])
    assert ends(found, "validation") == pytest.approx([0.8, 0.7, 0.9])
    # Of four patients drawn together at least one of each part: from 0.4 - 0.9 to 0.8 - 0.7.
    assert ends(found, "test_to_validation") == pytest.approx([-0.2, -0.5, 0.1])
    assert ends(found, "iou") == pytest.approx([0.65, 0.6, 0.7])
    assert ends(found, "thresholded_jaccard") == pytest.approx([0.35, 0, 0.7])
    assert ends(found, "hd95") == pytest.approx([5, 4, 6])
    assert (found["published"], found["difference"]) == (0.954, pytest.approx(0.6 - 0.954))
    assert list(found[["test_cases", "test_patients", "validation_cases", "one_empty", "left_out"]]) == [2, 2, 2, 1, 0]
    assert list(found[list(grid_slice.INSPECTION)]) == [3, 2, 566, 566, 3, 2, 138, 138]


def test_the_jaccard_of_each_seed_is_thresholded_before_their_mean():
    values = [("a1", 0, 0.65), ("a1", 1, 0.6), ("b1", 0, 0.9), ("b1", 1, 0.8)]
    rows = [row("unet_resnet50_bce", "test", name, "iou", value, seed=seed) for name, seed, value in values]
    frame = slice_numbers(metrics(judged("unet_vgg19_bce"), rows), "unet_resnet50_bce")
    assert ends(frame.iloc[0], "thresholded_jaccard") == pytest.approx([(0.325 + 0.85) / 2, 0.325, 0.85])
    assert ends(frame.iloc[0], "iou") == pytest.approx([(0.625 + 0.85) / 2, 0.625, 0.85])


def test_phantoms_have_no_difference_and_members_that_are_not_run_a_row():
    names = ("unet_resnet50_bce", "unet_vgg19_bce")
    how = {"phantoms": ["chest_xray"], "without": ["unet_vgg19_bce"]}
    frame = slice_numbers(metrics(judged("unet_resnet50_bce")), *names, **how)
    assert frame["difference"].isna().all() and frame["published"].tolist()[0] == 0.954
    assert frame["note"].fillna("").tolist() == ["", "not run: out of memory"]
    table = grid_slice_text.table(frame, grid_slice.ENCODERS, SAID, study(**how))
    assert table.views[0].cells["test (outside)"].tolist() == ["0.600 [0.400, 0.800]", "not run: out of memory"]
    assert table.views[2].cells["distance"].tolist() == [MISSING, MISSING]
    assert "phantom results" in table.title


def test_the_distance_to_the_authors_images_is_shown():
    frame = slice_numbers(metrics(judged("unet_resnet50_bce")), "unet_resnet50_bce")
    cells = grid_slice_text.table(frame, grid_slice.LOSSES, SAID, study()).views[2].cells
    assert cells.to_numpy().tolist() == [
        ["training", "3", "2", "566", "566", "−564"],
        ["testing", "3", "2", "138", "138", "−136"],
    ]


def test_what_is_published_of_cbis_ddsm_stands_beside_both_kinds_of_case():
    datasets = ["cbis_ddsm_region", "cbis_ddsm_whole", "cbis_ddsm_united", "isic2018"]
    said = published(("unet_resnet50_bce", "cbis_ddsm/test", 0.748), ("unet_resnet50_bce", "isic2018/test", 0.878))
    rows = metrics(*(dice("unet_resnet50_bce", {"a1": 0.5, "b1": 0.5}, dataset=name) for name in datasets))
    inspected = {name: ({}, []) for name in datasets}
    frame = slice_numbers(rows, "unet_resnet50_bce", inspected=inspected, said=said, datasets=datasets)
    assert frame["published"].fillna(-1).tolist() == [0.748, 0.748, -1, 0.878]
    assert frame["training_authors_kept"].fillna(-1).tolist() == [1301, 1301, -1, 2480]
    assert frame["testing_authors_kept"].fillna(-1).tolist() == [377, 377, -1, 1000]


def test_a_slice_has_the_members_of_one_choice_and_the_published_ones_that_are_not_run():
    of = study(without=["unet_vgg19_bce", "unet_vgg19_logcoshdice"])
    assert grid_slice.predictors(grid_slice.ENCODERS, of, SAID) == [
        name
        for name in NAMES
        if name.endswith("_bce")  # unet_vgg19_bce is published
    ]
    assert grid_slice.predictors(grid_slice.LOSSES, of, SAID[:1]) == [name for name in NAMES if "resnet50" in name]
    with pytest.raises(InputError, match=r"no member of a grid that is shown has the loss 'bce'; .* encoders out of"):
        grid_slice.predictors(grid_slice.ENCODERS, study("unet_vgg19_logcoshdice"), SAID)


# Single images

SHOWN = published(
    ("unet_resnet50", "chest_xray/a1", 0.945),
    ("deeplabv3plus_resnet50", "chest_xray/a1", 0.901),
    ("unet_resnet50", "chest_xray/z9", 0.877),
    ("deeplabv3plus_resnet50", "chest_xray/z9", 0.903),
    ("unet_resnet50", "isic2018/a1", 0.7),
)
OF_TWO = ("unet_resnet50_bce", "unet_resnet50_logcoshdice", "deeplabv3plus_resnet50_bce", "unet_vgg19_bce")
OF_IMAGES = metrics(
    dice("unet_resnet50_bce", {"a1": 0.8, "b1": 0.1}),
    dice("unet_resnet50_bce", {"a1": 0.9}, seed=1),
    dice("unet_resnet50_logcoshdice", {"a1": 0.7}),
    dice("deeplabv3plus_resnet50_bce", {"a1": 0.95}),
    dice("unet_vgg19_bce", {"a1": 0.2}),
    dice("unet_resnet50_bce", {"z9": 0.5}, part="out_of_fold"),
)


def test_single_images_by_hand():
    of = study(*OF_TWO)
    frame = images.numbers(OF_IMAGES, SHOWN, of)
    assert list(frame["image"]) == ["a1"] * 3 + ["z9"] * 3
    assert frame["dice"].tolist()[:3] == pytest.approx([0.85, 0.7, 0.95]) and frame["dice"].isna().sum() == 3
    assert frame["note"].tolist() == [""] * 3 + ["not a test image here"] * 3
    table = images_text.table(frame, of)
    assert table.views[0].cells.to_numpy().tolist() == [
        ["a1", "0.945", "0.850", "0.700", "0.901", "0.950", MISSING],
        ["z9", "0.877", MISSING, MISSING, "0.903", MISSING, "not a test image here"],
    ]
    assert (
        "Images on which deeplabv3plus_resnet50 has a higher Dice than unet_resnet50: published 1 of 2, "
        "ours on chest_xray with bce 1 of 1."
    ) in table.notes


def test_phantoms_have_none_of_the_images_whatever_they_are_called():
    frame = images.numbers(OF_IMAGES, SHOWN, study(*OF_TWO, phantoms=["chest_xray"]))
    assert frame["dice"].isna().all() and set(frame["note"]) == {"phantoms"}


def test_images_of_other_datasets_and_predictors_without_members():
    frame = images.numbers(OF_IMAGES, SHOWN, study("unet_resnet50_bce"))
    assert frame["member"].fillna("").tolist() == ["unet_resnet50_bce", "", "unet_resnet50_bce", ""]
    with pytest.raises(InputError, match="no single image of its datasets"):
        images.numbers(OF_IMAGES, SHOWN, study(datasets=["cbis_ddsm_united"]))


# The literature on CBIS-DDSM


def test_literature_above_ours_on_both_kinds_of_case():
    datasets = ["cbis_ddsm_region", "isic2018", "cbis_ddsm_whole"]
    of = study("unet_resnet50_bce", "unet_vgg19_bce", datasets=datasets, without=["unet_vgg19_bce"])
    said = published(("SegNest", "cbis_ddsm/test", 0.9015), ("unet_resnet50_bce", "cbis_ddsm/test", 0.7))
    rows = metrics(*(dice("unet_resnet50_bce", {"a1": 0.5, "a2": 0.1, "b1": 0.7}, dataset=name) for name in datasets))
    frame = cbis_literature.numbers(rows, dict.fromkeys(datasets, (KNOWN, QUALITY)), said, of, RESAMPLES)
    assert frame[["source", "dataset", "method", "loss"]].fillna("").to_numpy().tolist() == [
        ["published", "cbis_ddsm", "SegNest", "0.5 Dice + 0.5 focal"],
        ["published", "cbis_ddsm", "unet_resnet50_bce", ""],
        ["ours", "cbis_ddsm_region", "unet_resnet50_bce", "bce"],
        ["ours", "cbis_ddsm_region", "unet_vgg19_bce", ""],
        ["ours", "cbis_ddsm_whole", "unet_resnet50_bce", "bce"],
        ["ours", "cbis_ddsm_whole", "unet_vgg19_bce", ""],
    ]
    assert ends(frame.iloc[2], "dice") == pytest.approx([0.6, 0.5, 0.7]) and frame.iloc[2]["images"] == 2
    assert frame["dice"].tolist()[:2] == [0.9015, 0.7]
    cells = cbis_literature.table(frame, said, of).views[0].cells
    assert cells["Dice"].tolist()[:4] == ["0.9015", "0.7000", "0.600 [0.500, 0.700]", "not run: out of memory"]
    table = cbis_literature.table(frame[:2], said, study())
    assert "Ours: none, since this run has no case of CBIS-DDSM." in table.notes


def test_what_was_published_is_all_of_it_in_the_tables(request):
    """Each published row finds its place: a dataset of ours, a loss of its method."""
    path, name = request.config.rootpath / "docs" / "published.csv", "base_architectures"
    literature = read.read_published(path, name, "cbis_literature")
    assert set(literature["predictor"]) == cbis_literature.LOSSES.keys()
    places = {dataset for dataset, _ in authors.INSPECTED}
    for table, count in (("encoders", 6), ("losses", 12), ("images", 24), ("cbis_literature", 6)):
        rows = read.read_published(path, name, table)
        assert len(rows) == count
        assert {subset.partition("/")[0] for subset in rows["subset"]} <= places


# From files to files

DATASETS = ("isic2018", "cbis_ddsm_region", "chest_xray")
BETTER = {"deeplabv3plus": 0.05, "resnet50": 0.02}


@pytest.fixture
def results(tmp_path):
    """Write tables of cases, quality and metrics of eight members, two seeds and 24 patients of each dataset."""
    generator = np.random.default_rng(1)
    made = {"metrics": [], "cases": [], "quality": []}
    for dataset in DATASETS:
        names = {
            "testing": [f"t{number:02d}" for number in range(24)],
            "training": [f"v{number}" for number in range(8)],
        }
        if dataset == "chest_xray":
            names["testing"][0] = "MCUCXR_0077_0"
        folder = tmp_path / "datasets" / dataset
        folder.mkdir(parents=True)
        cases = [
            Case(name, name, "i", "m", (4, 4, 1), (1.0, 1.0, 1.0), part=part, labels=("lung",))
            for part, group in names.items()
            for name in group
        ]
        write_cases(folder / "cases.csv", cases)
        (folder / "quality.csv").write_text("case,rule,value,decision,reason\nt05,full_mask,1,drop,so\n")
        made["cases"].append(str(folder / "cases.csv"))
        made["quality"].append(str(folder / "quality.csv"))
        for name, seed in itertools.product(NAMES, (0, 1)):
            quality = 0.7 + sum(gain for choice, gain in BETTER.items() if choice in name)
            rows = []
            for part, group in (("test", names["testing"]), ("out_of_fold", names["training"])):
                for each in group:
                    value = float(np.clip(quality + generator.normal(0, 0.02), 0, 1))
                    own = {"dice": value, "iou": value - 0.1, "hd95": 9.0, "precision": value, "recall": value}
                    rows += [
                        made_up.metric_row(name, part, each, each, "foreground", key, number, "native", seed, dataset)
                        for key, number in own.items()
                    ]
            path = tmp_path / "base_architectures" / dataset / "official" / "members" / name / f"seed-{seed}"
            path.mkdir(parents=True)
            pd.DataFrame(rows).to_csv(path / "metrics.csv", index=False, float_format="%.9g")
            made["metrics"].append(str(path / "metrics.csv"))
    of = study(datasets=DATASETS, phantoms=["isic2018"])
    made["study"] = {key: getattr(of, key) for key in of.__dataclass_fields__} | {"remarks": ["A remark of the study."]}
    return made


@pytest.mark.parametrize(
    ("script", "count"),
    [
        (tabulate_encoders, 3 * 4),
        (tabulate_losses, 3 * 4),
        (tabulate_images, 3 * 4 * 4),
        (tabulate_cbis_literature, 6 + 8),
        (tabulate_effects, 3 * 3),
    ],
)
def test_from_files_to_files(tmp_path, results, request, script, count):
    csv, said = tmp_path / "table.csv", request.config.rootpath / "docs" / "published.csv"
    inputs = {"metrics": results["metrics"]}
    if script is not tabulate_effects:
        inputs["published"] = str(said)
    if script not in (tabulate_effects, tabulate_images):
        inputs |= {key: results[key] for key in ("cases", "quality")}
    if script is not tabulate_images:
        inputs["bootstrap"] = RESAMPLES
    outputs = {"csv": str(csv), "provenance": str(csv.with_suffix(".json"))}
    script.main(**inputs, **outputs, study=results["study"])
    first = csv.read_bytes()
    assert len(pd.read_csv(csv)) == count
    for suffix in (".tex", ".md", ".html"):
        text = csv.with_suffix(suffix).read_text(encoding="utf-8")
        assert "phantom results" in text and "A remark of the study." in text and "nan" not in text
    assert csv.with_suffix(".tex").read_text(encoding="utf-8").isascii()
    assert {"commit", "configuration", "data", "versions"} <= set(json.loads(csv.with_suffix(".json").read_text()))
    text = csv.with_suffix(".md").read_text(encoding="utf-8")
    assert max(line.count("|") for line in text.splitlines()) <= 10  # nine columns
    if script is tabulate_effects:
        assert "- On chest_xray deeplabv3plus is better than unet by 0.0" in text
    if script is tabulate_losses:
        assert row_of(pd.read_csv(csv), dataset="chest_xray", predictor="unet_resnet50_bce")["test_cases"] == 23
    if script is tabulate_images:
        assert text.count("| MCUCXR_0077_0 | 0.945 |") == 1
    script.main(**inputs, **outputs, study=results["study"])
    assert csv.read_bytes() == first
