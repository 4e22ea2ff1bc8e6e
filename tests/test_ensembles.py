import json
import sys
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from medley import ensembles, probabilities
from medley.cases import Case, write_cases
from medley.ensembles import fitted
from medley.errors import InputError
from medley.files import read_json
from medley.probabilities import Contents, Entry

LABELS = ("RV", "LV")
SHAPE = (2, 6, 5)
ENTRIES = {
    "a": Entry(0, "out_of_fold"),
    "b": Entry(0, "out_of_fold"),
    "c": Entry(1, "out_of_fold"),
    "x": Entry(None, "test"),
}
STEP = 1 / 65535


def random_values(seed, shape=SHAPE):
    powers = np.random.default_rng(seed).random((3, *shape)) ** 6
    return (powers / powers.sum(axis=0)).astype(np.float32)


def true_mask(case, shape=SHAPE):
    """The mask (values 0, 1, 2) of a case."""
    return np.random.default_rng(ord(case)).integers(0, 3, shape).astype(np.uint8)


def truth(case):
    return np.stack([true_mask(case) == 1, true_mask(case) == 2])


def sure(mask):
    """Probabilities of a member that predicts ``mask``, (channels, slices, rows, columns)."""
    return (mask == np.arange(3)[:, None, None, None]).astype(np.float32)


def write_member(folder, predict, entries=ENTRIES, labels=LABELS, head="softmax"):
    for case in entries:
        probabilities.write_case(folder, case, predict(case), head)
    probabilities.write_contents(folder, Contents(head, labels, entries))
    return folder


def random_members(folder, count, seed=0):
    return {
        f"m{number}": write_member(
            folder / f"m{number}", lambda case, number=number: random_values([seed, number, ord(case)])
        )
        for number in range(count)
    }


def build(kind, members, target, weights=None, k=None):
    return ensembles.build(kind, members, weights, truth, target, k)


def all_cases(folder):
    return np.array([probabilities.read_case(folder, case) for case in ENTRIES])


def test_the_mean_of_equal_members_is_that_member_to_the_byte(tmp_path):
    member = write_member(tmp_path / "m", lambda case: random_values(ord(case)))
    assert build("mean", {f"m{number}": member for number in range(7)}, tmp_path / "mean") == {}
    for case in ENTRIES:
        file = f"{case}.probabilities"
        assert (tmp_path / "mean" / file).read_bytes() == (member / file).read_bytes()
    assert probabilities.read_contents(tmp_path / "mean") == Contents("softmax", LABELS, ENTRIES)


def test_weight_one_for_the_first_gives_the_first(tmp_path):
    members = random_members(tmp_path, 2)
    build("weighted", members, tmp_path / "e", {"m0": 1.0, "m1": 0.0})
    np.testing.assert_array_equal(all_cases(tmp_path / "e"), all_cases(members["m0"]))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=4), st.integers(0, 1000))
def test_weighted_is_numpys_average_within_bounds_in_any_order(tmp_path_factory, weights, seed):
    folder = tmp_path_factory.mktemp("ensemble")
    members = random_members(folder, len(weights), seed)
    named = dict(zip(members, weights, strict=True))
    build("weighted", members, folder / "e", named)
    build("weighted", dict(reversed(members.items())), folder / "reversed", named)
    combined = all_cases(folder / "e")
    stored = np.array([all_cases(member) for member in members.values()])
    np.testing.assert_allclose(combined, np.average(stored, axis=0, weights=weights), atol=2 * STEP)
    assert (combined >= stored.min(axis=0) - 2 * STEP).all()
    assert (combined <= stored.max(axis=0) + 2 * STEP).all()
    np.testing.assert_allclose(all_cases(folder / "reversed"), combined, atol=2 * STEP)


def test_mean_of_a_sigmoid_head(tmp_path):
    members = {
        name: write_member(tmp_path / name, lambda case, p=p: np.full((2, *SHAPE), p, np.float32), head="sigmoid")
        for name, p in {"one": 0.2, "two": 0.6}.items()
    }
    build("mean", members, tmp_path / "e")
    np.testing.assert_allclose(all_cases(tmp_path / "e"), 0.4, atol=STEP)
    assert not probabilities.decide(tmp_path / "e", "a").any()


def test_background_is_background(tmp_path):
    build("background", random_members(tmp_path, 2), tmp_path / "e")
    assert probabilities.read_contents(tmp_path / "e").cases == ENTRIES
    combined = all_cases(tmp_path / "e")
    assert (combined[:, 0] == 1).all() and (combined[:, 1:] == 0).all()


def slices_of(**masks):
    """Cases of one slice of four pixels; a mask's value is the sum of 1 (bowel) and 2 (stomach)."""
    return {case: np.array(mask, dtype=np.uint8).reshape(1, 1, 4) for case, mask in masks.items()}


def organs(mask):
    return np.stack([mask & 1, mask & 2]) > 0


def write_sigmoid(folder, masks, entries):
    return write_member(folder, lambda case: organs(masks[case]) * np.float32(0.9), entries, ORGANS, "sigmoid")


ORGANS = ("bowel", "stomach")
# Organs overlap in a; in b there is a stomach alone; c is empty, as is the only case of fold 1.
SLICES = slices_of(a=[3, 1, 2, 0], b=[0, 2, 2, 0], c=[0] * 4, d=[0] * 4)
FOLDS = {case: Entry(int(case == "d"), "out_of_fold") for case in SLICES}


def test_background_of_a_sigmoid_head_is_nowhere(tmp_path):
    members = {"m": write_sigmoid(tmp_path / "m", SLICES, FOLDS)}
    build("background", members, tmp_path / "e")
    assert probabilities.read_contents(tmp_path / "e") == Contents("sigmoid", ORGANS, FOLDS)
    for case in SLICES:
        assert probabilities.decide(members["m"], case).any() == SLICES[case].any()
        assert not probabilities.read_case(tmp_path / "e", case).any()
        assert not probabilities.decide(tmp_path / "e", case).any()


def test_weighted_members_of_a_sigmoid_head_with_empty_slices(tmp_path):
    masks = {"one": SLICES, "two": {case: 0 * mask for case, mask in SLICES.items()}}
    members = {name: write_sigmoid(tmp_path / name, own, FOLDS) for name, own in masks.items()}
    for weight, decided in ((0.6, True), (0.5, False)):  # 0.54 and 0.45 where the one is sure
        build("weighted", members, tmp_path / "e", {"one": weight, "two": 1 - weight})
        for case, mask in SLICES.items():
            combined = probabilities.read_case(tmp_path / "e", case)
            np.testing.assert_allclose(combined, organs(mask) * 0.9 * weight, atol=2 * STEP)
            np.testing.assert_array_equal(probabilities.decide(tmp_path / "e", case), organs(mask) & decided)


@pytest.mark.filterwarnings("error")
def test_best_of_sigmoid_heads_leaves_out_slices_where_nothing_is_defined(tmp_path):
    """Bowel: ``half`` 2/3 in a; ``noise`` 1 in a, 0 in c. Stomach: both 1 in a and b."""
    masks = {
        "half": SLICES | slices_of(a=[3, 0, 2, 0]),
        "noise": SLICES | slices_of(c=[1, 0, 0, 0]),
        "nothing": {case: 0 * mask for case, mask in SLICES.items()},
    }
    members = {name: write_sigmoid(tmp_path / name, own, FOLDS) for name, own in masks.items()}
    said = ensembles.build("best", members, None, lambda case: organs(SLICES[case]), tmp_path / "e")
    assert said["scores"] == pytest.approx({"half": (2 / 3 + 1) / 2, "noise": (1 / 2 + 1) / 2, "nothing": 0})
    assert said["chosen"] == "half"
    # For fold 0 the choice is made on d, where nothing is defined for any member.
    assert said["by_fold"]["0"] == {"chosen": "half", "scores": {"half": 0, "noise": 0, "nothing": 0}}
    assert said["by_fold"]["1"]["scores"] == pytest.approx(said["scores"])
    json.dumps(said, allow_nan=False)


def test_best_is_the_perfect_member_among_random_ones(tmp_path):
    members = random_members(tmp_path, 9)
    members["perfect"] = write_member(tmp_path / "perfect", lambda case: sure(true_mask(case)))
    said = build("best", members, tmp_path / "e")
    assert said["chosen"] == "perfect" and said["scores"]["perfect"] == 1
    assert all(score < 0.9 for name, score in said["scores"].items() if name != "perfect")
    assert {fold: own["chosen"] for fold, own in said["by_fold"].items()} == {"0": "perfect", "1": "perfect"}
    np.testing.assert_array_equal(all_cases(tmp_path / "e"), all_cases(members["perfect"]))


def test_best_never_sees_the_test_cases_nor_the_fold_it_is_judged_on(tmp_path):
    """``early`` is right in fold 0, ``late`` in fold 1, ``oracle`` in the test case alone."""
    right = {"early": "ab", "late": "c", "oracle": "x"}
    members = {
        name: write_member(
            tmp_path / name, lambda case, cases=cases: sure(true_mask(case) if case in cases else 0 * true_mask(case))
        )
        for name, cases in right.items()
    }
    said = build("best", members, tmp_path / "e")
    assert said["scores"] == pytest.approx({"early": 2 / 3, "late": 1 / 3, "oracle": 0})
    assert {fold: own["chosen"] for fold, own in said["by_fold"].items()} == {"0": "late", "1": "early"}
    sources = {"a": "late", "b": "late", "c": "early", "x": "early"}
    for case, name in sources.items():
        np.testing.assert_array_equal(
            probabilities.read_case(tmp_path / "e", case), probabilities.read_case(members[name], case)
        )


def test_best_of_one_fold_is_chosen_on_its_validation_cases(tmp_path):
    entries = {"a": Entry(0, "out_of_fold"), "x": Entry(None, "test")}
    members = {
        "wrong": write_member(tmp_path / "wrong", lambda case: sure(0 * true_mask(case)), entries),
        "right": write_member(tmp_path / "right", lambda case: sure(true_mask(case)), entries),
    }
    assert build("best", members, tmp_path / "e") == {"chosen": "right", "scores": {"right": 1, "wrong": 0}}


def test_best_averages_over_cases_then_labels_and_leaves_out_what_neither_has(tmp_path):
    """RV: Dice 1 in a, 2/3 in b, in neither in c; LV: 0.5 in a only. Mean (5/6 + 1/2) / 2 = 2/3."""

    def plane(*values):
        return np.array(values, dtype=np.uint8).reshape(1, 1, -1)

    masks = {"a": plane(1, 2, 2, 0, 0), "b": plane(1, 1, 0, 0, 0), "c": plane(0, 0, 0, 0, 0)}
    predicted = {"a": plane(1, 2, 0, 2, 0), "b": plane(1, 0, 0, 0, 0), "c": plane(0, 0, 0, 0, 0)}
    entries = {case: Entry(0, "out_of_fold") for case in masks}
    member = write_member(tmp_path / "m", lambda case: sure(predicted[case]), entries)
    said = ensembles.build(
        "best", {"m": member}, None, lambda case: np.stack([masks[case] == 1, masks[case] == 2]), tmp_path / "e"
    )
    assert said["scores"]["m"] == pytest.approx(2 / 3)


def test_equal_members_tie_by_name(tmp_path):
    members = {
        name: write_member(tmp_path / name, lambda case: sure(true_mask(case))) for name in ("unet", "fpn", "pan")
    }
    assert build("best", members, tmp_path / "e")["chosen"] == "fpn"


@pytest.mark.parametrize("kind", ["best", "top_k", "fitted"])
def test_what_learns_is_refused_without_out_of_fold_cases(tmp_path, kind):
    member = write_member(tmp_path / "fpn", lambda case: random_values(0), {"x": Entry(None, "test")})
    with pytest.raises(InputError, match="fpn: no out-of-fold cases"):
        build(kind, {"fpn": member}, tmp_path / "e", k=1)
    assert not (tmp_path / "e").exists()


def right_in(folder, cases):
    """A member that is sure and right in ``cases``, and sees only background elsewhere."""
    return write_member(
        folder, lambda case: sure(true_mask(case) if case in cases else 0 * true_mask(case)), ENTRIES, LABELS
    )


def test_top_k_is_the_mean_of_the_best_chosen_without_the_fold_it_is_judged_on(tmp_path):
    """Of a, b (fold 0) and c (fold 1) the members are right in 3, 2, 1 and none; ``oracle`` in the test case."""
    right = {"all": "abc", "early": "ab", "late": "c", "never": "", "oracle": "x"}
    members = {name: right_in(tmp_path / name, cases) for name, cases in right.items()}
    said = build("top_k", members, tmp_path / "e", k=2)
    assert said["chosen"] == ["all", "early"]
    assert said["scores"] == pytest.approx({"all": 1, "early": 2 / 3, "late": 1 / 3, "never": 0, "oracle": 0})
    assert {fold: own["chosen"] for fold, own in said["by_fold"].items()} == {
        "0": ["all", "late"],
        "1": ["all", "early"],
    }
    for case, names in {"a": ["all", "late"], "c": ["all", "early"], "x": ["all", "early"]}.items():
        mean = np.mean([probabilities.read_case(members[name], case) for name in names], axis=0)
        np.testing.assert_allclose(probabilities.read_case(tmp_path / "e", case), mean, atol=2 * STEP)


def test_top_1_is_the_best_and_top_all_the_mean(tmp_path):
    members = random_members(tmp_path, 3)
    for kind in ("best", "mean"):
        build(kind, members, tmp_path / kind)
    assert build("top_k", members, tmp_path / "1", k=1)["chosen"] == [build("best", members, tmp_path / "b")["chosen"]]
    assert sorted(build("top_k", members, tmp_path / "9", k=9)["chosen"]) == sorted(members)
    for case in ENTRIES:
        for kind, k in (("best", "1"), ("mean", "9")):
            file = f"{case}.probabilities"
            assert (tmp_path / kind / file).read_bytes() == (tmp_path / k / file).read_bytes()


def test_top_k_of_equal_members_goes_by_name_and_needs_a_k(tmp_path):
    members = {name: right_in(tmp_path / name, "abc") for name in ("unet", "fpn", "pan")}
    assert build("top_k", members, tmp_path / "e", k=2)["chosen"] == ["fpn", "pan"]
    with pytest.raises(InputError, match="kind top_k needs k"):
        build("top_k", members, tmp_path / "e")


# Fitted weights


def test_weights_are_the_shares_of_the_truth_that_members_explain():
    """Where one of two members is right in three voxels of four, and wrong in the fourth, it explains 3/4."""
    one = np.array([[1, 1, 1, 0], [0, 0, 0, 1]], dtype=np.float32)
    for cases in (1, 10, 100):
        weights = fitted.mixture_weights([one] * cases)
        assert weights == pytest.approx([(0.75 * cases + 1) / (cases + 2), (0.25 * cases + 1) / (cases + 2)], abs=2e-3)


def test_every_case_counts_the_same_however_many_voxels_it_has():
    first, second = np.array([[1], [0]], dtype=np.float32), np.array([[0] * 50, [1] * 50], dtype=np.float32)
    nothing = np.zeros((2, 0), dtype=np.float32)
    assert fitted.mixture_weights([first, second]) == pytest.approx([0.5, 0.5])
    assert fitted.mixture_weights([first, second, second, nothing]) == pytest.approx([2 / 5, 3 / 5], abs=1e-3)
    assert fitted.mixture_weights([nothing]) == [0.5, 0.5]


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 5), st.lists(st.integers(0, 30), min_size=1, max_size=6), st.integers(0, 1000))
def test_fitted_weights_stay_on_the_simplex_and_no_optimiser_finds_better_ones(members, observations, seed):
    generator = np.random.default_rng(seed)
    cases = [generator.random((members, count), dtype=np.float32) ** 4 for count in observations]
    weights = np.array(fitted.mixture_weights(cases))
    assert (weights > 0).all() and weights.sum() == pytest.approx(1)

    def loss(weights):
        told = [np.log(weights @ np.maximum(case, fitted.LEAST)).mean() for case in cases if case.size]
        return -(sum(told) + fitted.PRIOR * np.log(weights).sum())

    simplex = {"type": "eq", "fun": lambda weights: weights.sum() - 1}
    start = np.full(members, 1 / members)
    theirs = minimize(loss, start, bounds=[(1e-6, 1)] * members, constraints=simplex, method="SLSQP")
    assert loss(weights) <= theirs.fun + 1e-3


def test_a_perfect_member_among_noise_weighs_most_and_more_with_more_cases(tmp_path):
    weights = []
    for name, letters in (("few", "ab"), ("many", "abcdefghijklmnopqrst")):
        entries = {case: Entry(0, "out_of_fold") for case in letters}
        members = {
            f"noise{n}": write_member(
                tmp_path / name / f"{n}", lambda case, n=n: random_values([n, ord(case)]), entries
            )
            for n in range(4)
        }
        members["perfect"] = write_member(tmp_path / name / "p", lambda case: sure(true_mask(case)), entries)
        said = build("fitted", members, tmp_path / name / "e")
        assert set(said) == {"weights"}  # no fold without this one
        assert max(said["weights"], key=said["weights"].get) == "perfect"
        weights.append(said["weights"]["perfect"])
    assert 0.2 < weights[0] < (2 + 1) / (2 + 5) and 0.75 < weights[1] < (20 + 1) / (20 + 5)  # all that the prior leaves


def test_equal_members_weigh_the_same_and_their_fit_is_their_mean(tmp_path):
    member = write_member(tmp_path / "m", lambda case: random_values(ord(case)))
    members = dict.fromkeys(("one", "two", "three"), member)
    assert build("fitted", members, tmp_path / "e")["weights"] == pytest.approx(dict.fromkeys(members, 1 / 3))
    np.testing.assert_allclose(all_cases(tmp_path / "e"), all_cases(member), atol=2 * STEP)


def test_a_member_that_swaps_labels_weighs_least(tmp_path):
    """``blind`` never decides; ``swapped`` takes each label for the other, and is right about the background."""

    def unsure(mask):
        return 0.9 * sure(mask) + np.float32(0.1 / 3)

    predicted = {
        "right": lambda case: unsure(true_mask(case)),
        "swapped": lambda case: unsure(np.array([0, 2, 1])[true_mask(case)]),
        "blind": lambda case: np.full((3, *SHAPE), 1 / 3, dtype=np.float32),
    }
    members = {name: write_member(tmp_path / name, predict) for name, predict in predicted.items()}
    weights = build("fitted", members, tmp_path / "e")["weights"]
    assert weights["right"] > weights["blind"] > weights["swapped"]


def test_weights_are_fitted_without_the_test_cases_and_the_fold_they_are_judged_on(tmp_path):
    right = {"early": "ab", "late": "c", "oracle": "x"}
    members = {name: right_in(tmp_path / name, cases) for name, cases in right.items()}
    said = build("fitted", members, tmp_path / "e")
    weights, by_fold = said["weights"], {fold: own["weights"] for fold, own in said["by_fold"].items()}
    assert weights["early"] > weights["late"] > weights["oracle"]
    assert by_fold["0"]["late"] > by_fold["0"]["early"] == pytest.approx(by_fold["0"]["oracle"])
    assert by_fold["1"]["early"] > by_fold["1"]["late"] == pytest.approx(by_fold["1"]["oracle"])
    for case, used in {"a": by_fold["0"], "c": by_fold["1"], "x": weights}.items():
        stored = [probabilities.read_case(folder, case) for folder in members.values()]
        mean = np.average(stored, axis=0, weights=[used[name] for name in members])
        np.testing.assert_allclose(probabilities.read_case(tmp_path / "e", case), mean, atol=2 * STEP)
    again = build("fitted", dict(reversed(members.items())), tmp_path / "again")
    assert again["weights"] == pytest.approx(weights, abs=1e-9)


def test_sigmoid_labels_are_observations_of_their_own(tmp_path):
    """In a, ``bowel`` misses the two pixels of the stomach; in d, ``both`` adds a bowel to an empty slice."""
    masks = {"both": SLICES | slices_of(d=[1, 0, 0, 0]), "bowel": {case: mask & 1 for case, mask in SLICES.items()}}
    members = {name: write_sigmoid(tmp_path / name, own, FOLDS) for name, own in masks.items()}
    task = ensembles.Task(members, ensembles.common_contents(members), None, lambda case: organs(SLICES[case]))
    np.testing.assert_allclose(fitted.observe(task, "a"), [[0.9, 0.9], [0, 0]], atol=STEP)
    np.testing.assert_allclose(fitted.observe(task, "d"), [[0.1], [1]], atol=STEP)
    assert fitted.observe(task, "c").shape == (2, 0)  # the members are equal


def test_a_sample_of_the_voxels_stands_for_a_large_case(tmp_path):
    shape = (1, 200, 200)
    mask = np.random.default_rng(0).integers(0, 3, shape).astype(np.uint8)
    entries = {"a": Entry(0, "out_of_fold")}
    upper = np.arange(200)[None, :, None] < 150  # the rows where ``upper`` is right
    members = {
        "upper": write_member(tmp_path / "u", lambda case: sure(np.where(upper, mask, (mask + 1) % 3)), entries),
        "lower": write_member(tmp_path / "l", lambda case: sure(np.where(upper, (mask + 1) % 3, mask)), entries),
    }
    task = ensembles.Task(
        members, ensembles.common_contents(members), None, lambda case: np.stack([mask == 1, mask == 2])
    )
    found = fitted.observe(task, "a")
    assert found.shape == (2, fitted.VOXELS)
    assert found.mean(axis=1) == pytest.approx([0.75, 0.25], abs=0.05)
    np.testing.assert_array_equal(found, fitted.observe(task, "a"))


FAULTS = {
    "other labels": ({"labels": ("LV", "RV")}, "members 'fpn' and 'unet' differ: softmax of RV, LV, softmax of LV, RV"),
    "another head": ({"head": "sigmoid"}, "members 'fpn' and 'unet' differ: softmax of RV, LV, sigmoid of RV, LV"),
    "a missing case": (
        {"entries": {case: entry for case, entry in ENTRIES.items() if case != "b"}},
        "members 'fpn' and 'unet' differ in case 'b': out_of_fold of fold 0, missing",
    ),
    "another split": (
        {"entries": ENTRIES | {"c": Entry(0, "out_of_fold")}},
        "members 'fpn' and 'unet' differ in case 'c': out_of_fold of fold 1, out_of_fold of fold 0",
    ),
    "another grid": (
        {"predict": lambda case: random_values(0, (2, 5, 6))},
        "members 'fpn' and 'unet' differ in the shape of case 'a'",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", ["mean", "best", "background"])
def test_members_that_do_not_belong_together_are_refused(tmp_path, fault, kind):
    changes, message = FAULTS[fault]
    members = {
        "fpn": write_member(tmp_path / "fpn", lambda case: random_values(0)),
        "unet": write_member(tmp_path / "unet", **({"predict": lambda case: random_values(1)} | changes)),
    }
    with pytest.raises(InputError, match=message):
        build(kind, members, tmp_path / "e")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fpn", "unet"]


def test_a_torn_file_leaves_the_old_ensemble(tmp_path):
    members = random_members(tmp_path, 2)
    build("mean", members, tmp_path / "e")
    before = all_cases(tmp_path / "e")
    path = members["m1"] / "x.probabilities"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(InputError, match=r"m1.*'x': torn"):
        build("mean", members, tmp_path / "e")
    np.testing.assert_array_equal(all_cases(tmp_path / "e"), before)


def test_a_member_without_weight_and_an_unknown_kind_are_refused(tmp_path):
    members = random_members(tmp_path, 2)
    with pytest.raises(InputError, match="'m1' has no weight"):
        build("weighted", members, tmp_path / "e", {"m0": 1.0})
    with pytest.raises(
        InputError,
        match="'meen' are not known; known are background, best, fitted, mean, postprocessed, top_k, weighted",
    ):
        build("meen", members, tmp_path / "e")


@pytest.mark.parametrize("kind", ["best", "top_k", "fitted"])
def test_a_mask_on_another_grid_is_named(tmp_path, kind):
    with pytest.raises(InputError, match="member 'm0', case 'a'"):
        ensembles.build(kind, random_members(tmp_path, 1), None, lambda case: truth(case)[:, :1], tmp_path / "e", 1)


def test_the_script_reads_masks_by_the_reader_and_says_what_it_built(tmp_path, monkeypatch):
    source = types.ModuleType("source")
    source.LABELS = {"RV": (1,), "MYO": (2,), "LV": (3,)}
    source.read_mask = lambda case: np.where(true_mask(case.case) == 2, 3, true_mask(case.case)).astype(np.uint8)
    registry = types.ModuleType("medley.datasets")
    registry.reader = {"heart": source}.__getitem__
    monkeypatch.setitem(sys.modules, "medley.datasets", registry)
    monkeypatch.syspath_prepend("scripts")
    monkeypatch.delitem(sys.modules, "build_ensemble", raising=False)
    import build_ensemble

    write_cases(
        tmp_path / "cases.csv", [Case(case, case, "image", "mask", (6, 5, 2), (1.0, 1.0, 8.0)) for case in ENTRIES]
    )
    members = random_members(tmp_path, 1) | {
        "perfect": write_member(tmp_path / "perfect", lambda case: sure(true_mask(case)))
    }
    ensemble = {
        "kind": "best",
        "members": list(members),
        "weights": None,
        "built_without": ["unet"],
        "labels": ["RV", "LV"],
        "head": "softmax",
        "recipe": None,
    }
    build_ensemble.main(
        members, tmp_path / "cases.csv", tmp_path / "e", tmp_path / "run.json", ensemble, "heart", {"all": ["RV", "LV"]}
    )
    run = read_json(tmp_path / "run.json")
    assert run["chosen"] == "perfect" and run["built_without"] == ["unet"] and run["kind"] == "best"
    assert run["members"] == ["m0", "perfect"] and run["labels"] == ["RV", "LV"] and run["weights"] is None
    assert json.dumps(run["scores"], sort_keys=True).startswith('{"m0": 0.')
    learned = {"top_k": {"k": 1}, "fitted": {}}
    for kind, more in learned.items():
        build_ensemble.main(
            members,
            tmp_path / "cases.csv",
            tmp_path / kind,
            tmp_path / "run.json",
            ensemble | {"kind": kind} | more,
            "heart",
            {"all": ["RV", "LV"]},
        )
        learned[kind] = read_json(tmp_path / "run.json")
    assert learned["top_k"]["chosen"] == ["perfect"] and learned["fitted"]["chosen"] is None
    assert learned["fitted"]["weights"]["perfect"] > learned["fitted"]["weights"]["m0"] > 0
    monkeypatch.delitem(sys.modules, "build_ensemble")
