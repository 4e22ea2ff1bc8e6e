import json

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medley import ensembles, probabilities
from medley.ensembles import postprocessed
from medley.errors import InputError
from medley.files import read_json, write_json
from medley.postprocess import HOLES, LARGEST, SMOOTHING, Operation, correct, holes, largest_component, smooth
from medley.probabilities import Contents, Entry

LABELS = ("LV", "MYO")
masks = arrays(bool, st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7)))


# Operations


@settings(max_examples=100, deadline=None)
@given(masks)
def test_the_largest_component_is_simpleitks(mask):
    image = SimpleITK.GetImageFromArray(mask.astype(np.uint8))
    components = SimpleITK.GetArrayFromImage(SimpleITK.ConnectedComponent(image, True))  # fully connected
    sizes = np.bincount(components.ravel())[1:]
    found = largest_component(mask)
    assert not (found & ~mask).any()
    assert found.sum() == sizes.max(initial=0)
    assert not mask.any() or len(set(components[found])) == 1
    if (sizes == sizes.max(initial=0)).sum() == 1:
        np.testing.assert_array_equal(found, components == sizes.argmax() + 1)


@settings(max_examples=100, deadline=None)
@given(masks)
def test_holes_are_simpleitks_slice_by_slice(mask):
    filled = [SimpleITK.BinaryFillhole(SimpleITK.GetImageFromArray(plane.astype(np.uint8))) for plane in mask]
    expected = np.array([SimpleITK.GetArrayFromImage(plane) for plane in filled], dtype=bool) & ~mask
    np.testing.assert_array_equal(holes(mask), expected)


def test_smoothing_keeps_sums_and_slices_apart_and_rounds_a_single_voxel_off():
    values = np.zeros((2, 3, 9, 9), np.float32)
    values[0] = 1
    values[:, 1, 4, 4] = (0, 1)
    found = smooth(values)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-6)
    assert not found[1, [0, 2]].any()
    # By hand: a normal density of deviation 1 on whole numbers from -4 to 4, squared for two axes.
    weights = np.exp(-(np.arange(-4, 5) ** 2) / 2)
    assert found[1, 1, 4, 4] == pytest.approx((1 / weights.sum()) ** 2, rel=1e-5)
    assert found[1].sum() == pytest.approx(1, rel=1e-5)


def drawn(*planes):
    """Return masks of LABELS from slices of text: L, M, and . for background."""
    pixels = np.array([[list(line) for line in plane.split()] for plane in planes])
    return np.array([pixels == letter for letter in "LM"])


def test_of_all_labels_the_largest_component_of_their_union_stays():
    heart = drawn(".MM.. MLM.. .MM.. ...L. ...LL")
    np.testing.assert_array_equal(
        correct(Operation(LARGEST, None), heart, LABELS), drawn(".MM.. MLM.. .MM.. ...L. ...LL")
    )  # a diagonal touches
    apart = drawn("MM... ML... ..... ....L ...LL")
    np.testing.assert_array_equal(
        correct(Operation(LARGEST, None), apart, LABELS), drawn("MM... ML... ..... ..... .....")
    )
    np.testing.assert_array_equal(
        correct(Operation(LARGEST, "LV"), apart, LABELS), drawn("MM... M.... ..... ....L ...LL")
    )


def test_a_hole_is_filled_where_it_is_background_in_its_own_slice():
    ring = drawn("MMMM MLLM M.LM MMMM", "MMMM M..M M..M .MMM")
    # The second slice's hole is enclosed by sides, though open at a corner; LV's is open.
    np.testing.assert_array_equal(
        correct(Operation(HOLES, "MYO"), ring, LABELS), drawn("MMMM MLLM MMLM MMMM", "MMMM MMMM MMMM .MMM")
    )
    np.testing.assert_array_equal(correct(Operation(HOLES, "LV"), ring, LABELS), ring)


def test_nothing_is_nowhere():
    nothing = np.zeros((2, 1, 4, 4), dtype=bool)
    for name, label in ((LARGEST, None), (LARGEST, "LV"), (HOLES, "MYO")):
        assert not correct(Operation(name, label), nothing, LABELS).any()


# Choice

CLEAN = "........ .MMMM... .MLLM... .MLLM... .MMMM... ........ ........ ........"
SPECK = "........ .MMMM... .MLLM... .MLLM... .MMMM... ........ ......L. ......L."  # apart from the heart
HOLE = "........ .MMMM... .MLLM... .MLLM... .MM.M... .MMMM... ........ ........"
TWO = "L....... .MMMM... .MLLM... .MLLM... .MMMM... ........ ......L. ......L."  # LV in two places, and both are right


def sure(found):
    """Return probabilities (channels, slices, rows, columns) of a member that is sure of ``found``."""
    return np.concatenate([~found.any(axis=0)[None], found]).astype(np.float32)


def build(folder, predicted, true, entries, head="softmax"):
    """Build the ensemble of a member that predicts ``predicted`` (case: slices of text) where ``true`` is."""
    for case in entries:
        values = sure(drawn(predicted[case]))
        probabilities.write_case(folder / "m", case, values if head == "softmax" else values[1:], head)
    probabilities.write_contents(folder / "m", Contents(head, LABELS, entries))
    found = ensembles.build("postprocessed", {"m": folder / "m"}, None, lambda case: drawn(true[case]), folder / "e")
    write_json(folder / "run.json", found)
    return read_json(folder / "run.json")


def kept(run):
    return [(one["operation"], one["label"]) for one in run["kept"]]


def entries(folds, test="x"):
    found = {case: Entry(fold, "out_of_fold") for case, fold in folds.items()}
    return found | {case: Entry(None, "test") for case in test}


def test_what_helps_is_kept_and_what_does_not_is_not(tmp_path):
    run = build(tmp_path, dict.fromkeys("abx", SPECK), dict.fromkeys("abx", CLEAN), entries({"a": 0, "b": 1}))
    assert kept(run) == [(LARGEST, None)]
    tried = {(one["operation"], one["label"]): one for one in run["tried"]}
    assert list(tried) == [
        (SMOOTHING, None), (LARGEST, None), (LARGEST, "LV"), (LARGEST, "MYO"), (HOLES, "LV"), (HOLES, "MYO"),
    ]  # fmt: skip
    assert not tried[SMOOTHING, None]["kept"]
    heart = tried[LARGEST, None]
    # 4 of 4 LV voxels are found, with 2 too many: 2·4 / (4 + 6).
    assert heart["before"] == {"LV": {"a": 0.8, "b": 0.8}, "MYO": {"a": 1.0, "b": 1.0}}
    assert heart["after"] == {"LV": {"a": 1.0, "b": 1.0}, "MYO": {"a": 1.0, "b": 1.0}}
    # Then the LV alone has nothing left to gain: equal is not better.
    assert list(tried[LARGEST, "LV"]["before"]) == ["LV"] and not tried[LARGEST, "LV"]["kept"]
    for case in "abx":
        np.testing.assert_array_equal(probabilities.decide(tmp_path / "e", case), drawn(CLEAN))


def test_two_true_components_keep_all_of_them(tmp_path):
    run = build(tmp_path, dict.fromkeys("abx", TWO), dict.fromkeys("abx", TWO), entries({"a": 0, "b": 1}))
    assert kept(run) == [] and run["by_fold"] == {"0": {"kept": []}, "1": {"kept": []}}
    for case in "abx":  # to the byte
        file = f"{case}.probabilities"
        assert (tmp_path / "e" / file).read_bytes() == (tmp_path / "m" / file).read_bytes()


def test_holes_are_filled_with_certainty(tmp_path):
    true = HOLE.replace("MM.M", "MMMM")
    run = build(tmp_path, dict.fromkeys("abx", HOLE), dict.fromkeys("abx", true), entries({"a": 0, "b": 1}))
    assert (HOLES, "MYO") in kept(run) and (HOLES, "LV") not in kept(run)
    for case in "abx":
        np.testing.assert_array_equal(probabilities.decide(tmp_path / "e", case), drawn(true))
    assert probabilities.read_case(tmp_path / "e", "x")[:, 0, 4, 3].tolist() == [0, 0, 1]


def test_a_case_is_corrected_by_what_the_other_folds_choose_and_test_cases_have_no_say(tmp_path):
    predicted = {"a": SPECK, "b": CLEAN, "x": SPECK}
    run = build(tmp_path, predicted, {"a": CLEAN, "b": CLEAN, "x": SPECK}, entries({"a": 0, "b": 1}))
    assert [kept(run["by_fold"][fold]) for fold in "01"] == [[], [(LARGEST, None)]]
    np.testing.assert_array_equal(probabilities.decide(tmp_path / "e", "a"), drawn(SPECK))  # judged by fold 1 alone
    np.testing.assert_array_equal(probabilities.decide(tmp_path / "e", "x"), drawn(CLEAN))  # though it is wrong there


def test_smoothing_is_kept_on_ragged_edges_and_leaves_probabilities_between_0_and_1(tmp_path):
    generator = np.random.default_rng(0)
    disc = np.hypot(*(np.indices((24, 24)) - 12)) < 7
    for case in "abx":
        noisy = np.clip(disc * 0.4 + 0.3 + generator.normal(0, 0.25, disc.shape), 0, 1).astype(np.float32)
        probabilities.write_case(tmp_path / "m", case, np.stack([1 - noisy, noisy])[:, None])
    probabilities.write_contents(tmp_path / "m", Contents("softmax", ("LV",), entries({"a": 0, "b": 1})))
    run = ensembles.build("postprocessed", {"m": tmp_path / "m"}, None, lambda _: disc[None, None], tmp_path / "e")
    assert kept(run)[0] == (SMOOTHING, None)
    assert [one["label"] for one in run["tried"]] == [None, "LV", "LV"]  # one label is all labels
    member, found = (probabilities.read_case(tmp_path / name, "x")[1, 0] for name in "me")
    wrong = [((values > 0.5) != disc).mean() for values in (member, found)]
    assert wrong[1] < wrong[0] / 2
    assert ((found > 0.01) & (found < 0.99)).mean() > 0.5


def test_labels_of_a_sigmoid_head_are_corrected_alike(tmp_path):
    build(tmp_path, dict.fromkeys("abx", SPECK), dict.fromkeys("abx", CLEAN), entries({"a": 0, "b": 1}), "sigmoid")
    assert probabilities.read_contents(tmp_path / "e").head == "sigmoid"
    np.testing.assert_array_equal(probabilities.decide(tmp_path / "e", "x"), drawn(CLEAN))


def test_a_label_in_neither_mask_is_left_out_and_one_that_is_removed_rightly_counts(tmp_path):
    """In a the LV is predicted and is not there: after its removal the case is left out, and the mean is that of b."""
    alone = CLEAN.replace("L", ".").replace("M", ".")
    speck = "........ ........ ........ ........ ........ ........ ......L. ......L."
    both = "........ .MMMM... .M..M... .M..M... .MMMM... ........ ......L. ......L."
    true = {"a": both.replace("L", "."), "b": CLEAN, "x": alone}
    run = build(tmp_path, {"a": both, "b": CLEAN, "x": speck}, true, entries({"a": 0, "b": 1}))
    heart = next(one for one in run["tried"] if (one["operation"], one["label"]) == (LARGEST, None))
    assert heart["before"]["LV"] == {"a": 0.0, "b": 1.0} and heart["after"]["LV"] == {"a": None, "b": 1.0}
    assert heart["kept"] and json.dumps(run)
    np.testing.assert_array_equal(probabilities.decide(tmp_path / "e", "x"), drawn(speck))  # all there is of it


def test_mean_dice_is_over_cases_then_labels():
    values = np.array([[1.0, np.nan], [0.5, np.nan], [0.0, 0.2]])
    assert postprocessed.mean_dice(values) == pytest.approx((0.5 + 0.2) / 2)
    assert postprocessed.mean_dice(np.full((2, 2), np.nan)) == 0


def test_several_members_and_none_out_of_fold_are_refused(tmp_path):
    with pytest.raises(InputError, match="m: no out-of-fold cases to choose corrections on"):
        build(tmp_path, {"x": CLEAN}, {}, entries({}))
    members = {"m": tmp_path / "m", "n": tmp_path / "m"}
    with pytest.raises(InputError, match="m, n: an ensemble of kind postprocessed takes one member"):
        ensembles.build("postprocessed", members, None, lambda _: drawn(CLEAN), tmp_path / "e")
    assert not (tmp_path / "e").exists()


def test_a_mask_on_another_grid_is_named(tmp_path):
    with pytest.raises(InputError, match="member 'm', case 'a'"):
        build(tmp_path, dict.fromkeys("abx", CLEAN), {"a": CLEAN[:17], "b": CLEAN}, entries({"a": 0, "b": 1}))
