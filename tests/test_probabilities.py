import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from medley import probabilities
from medley.errors import InputError
from medley.probabilities import Contents, Entry

SHAPE = (3, 6, 5)  # slices, rows, columns
TOP = 65535  # steps from probability 0 to 1


def softmax(seed, channels=4, sharpness=4.0, shape=SHAPE):
    logits = sharpness * np.random.default_rng(seed).standard_normal((channels, *shape))
    powers = np.exp(logits - logits.max(axis=0))
    return (powers / powers.sum(axis=0)).astype(np.float32)


def sigmoid(seed, channels=3, sharpness=4.0, shape=SHAPE):
    logits = sharpness * np.random.default_rng(seed).standard_normal((channels, *shape))
    return (1 / (1 + np.exp(-logits))).astype(np.float32)


EDGES = [0, 1e-6, 1e-5, 0.002, 0.25, 0.5, 0.5000001, 0.998, 0.99999, 1, 3]


def given_probabilities(head):
    """Any probabilities: ties, exact zeros and ones, and values a hair from a step's edge."""
    sizes = st.tuples(st.integers(1 if head == "sigmoid" else 2, 5), st.just(1), st.integers(1, 4), st.integers(1, 4))
    levels = arrays.arrays(np.float64, sizes, elements=st.sampled_from(EDGES))
    if head == "sigmoid":
        return levels.map(lambda values: np.minimum(values, 1).astype(np.float32))
    return levels.map(lambda values: ((values + 1e-9) / (values + 1e-9).sum(axis=0)).astype(np.float32))


@settings(deadline=None)
@given(given_probabilities("softmax"))
def test_softmax_keeps_the_argmax_the_sum_and_the_values(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("store")
    probabilities.write_case(folder, "a", values)
    read = probabilities.read_case(folder, "a")
    assert read.dtype == np.float32 and read.shape == values.shape
    steps = np.rint(read * TOP)
    np.testing.assert_allclose(read * TOP, steps, atol=0.01)
    assert (steps.sum(axis=0) == TOP).all()
    assert np.abs(read - values).max() < 2 / TOP
    np.testing.assert_array_equal(probabilities.read_label_map(folder, "a"), values.argmax(axis=0))
    np.testing.assert_array_equal(read.argmax(axis=0), values.argmax(axis=0))


@settings(deadline=None)
@given(given_probabilities("sigmoid"))
def test_sigmoid_keeps_the_decision_and_the_values(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("store")
    probabilities.write_case(folder, "a", values, "sigmoid")
    read = probabilities.read_case(folder, "a")
    assert np.abs(read - values).max() <= 0.51 / TOP
    np.testing.assert_array_equal(probabilities.decide(folder, "a"), values > 0.5)
    np.testing.assert_array_equal(read > 0.5, values > 0.5)
    np.testing.assert_array_equal(probabilities.region(folder, "a", [0, len(values) - 1]), values[[0, -1]].max(0) > 0.5)


def test_rounding_by_largest_remainder(tmp_path):
    """In steps: 16383.75 four times is 16384 thrice, 16383; 32767.6, 19999.9, 12767.5 are 32768, 20000, 12767."""
    values = np.array([[0.25] * 4, [32767.6 / TOP, 19999.9 / TOP, 12767.5 / TOP, 0]], np.float32).T[:, None, None, :]
    probabilities.write_case(tmp_path, "a", values)
    np.testing.assert_array_equal(
        np.rint(probabilities.read_case(tmp_path, "a")[:, 0, 0].T * TOP),
        [[16384, 16384, 16384, 16383], [32768, 20000, 12767, 0]],
    )


def test_a_later_class_that_rounding_makes_equal_stays_the_winner(tmp_path):
    """Steps of 16383.72, 16383.72, 16383.84, 16383.72 would be rounded to a tie that the first class wins."""
    values = np.array([16383.72, 16383.72, 16383.84, 16383.72], dtype=np.float32)[:, None, None, None] / TOP
    probabilities.write_case(tmp_path, "a", values)
    assert probabilities.read_label_map(tmp_path, "a").item() == 2
    assert probabilities.read_case(tmp_path, "a").argmax(axis=0).item() == 2


@pytest.mark.parametrize(("head", "values"), [("softmax", softmax(1)), ("sigmoid", sigmoid(1))])
def test_what_was_read_is_written_again_to_the_byte(tmp_path, head, values):
    probabilities.write_case(tmp_path / "once", "a", values, head)
    probabilities.write_case(tmp_path / "twice", "a", probabilities.read_case(tmp_path / "once", "a"), head)
    first, second = (tmp_path / name / "a.probabilities" for name in ("once", "twice"))
    assert first.read_bytes() == second.read_bytes()


def test_decide_and_region_of_a_softmax_head(tmp_path):
    values = softmax(2, sharpness=2)
    probabilities.write_case(tmp_path, "a", values)
    read = np.rint(probabilities.read_case(tmp_path, "a") * TOP)
    np.testing.assert_array_equal(
        probabilities.decide(tmp_path, "a"), values.argmax(axis=0) == np.arange(1, 4)[:, None, None, None]
    )
    for channels in ([1], [1, 2, 3], [0, 2], [0]):
        expected = read[channels].sum(axis=0) > TOP / 2
        np.testing.assert_array_equal(probabilities.region(tmp_path, "a", channels), expected)
        assert 0 < expected.mean() < 1


@pytest.mark.parametrize(("head", "make"), [("softmax", softmax), ("sigmoid", sigmoid)])
@pytest.mark.parametrize("weights", [None, [1, 2, 5], [0, 1, 0]])
def test_mean_is_numpys_mean_of_what_is_read(tmp_path, head, make, weights):
    folders = [tmp_path / str(seed) for seed in range(3)]
    for seed, folder in enumerate(folders):
        probabilities.write_case(folder, "a", make(seed, sharpness=6), head)
    members = np.array([probabilities.read_case(folder, "a") for folder in folders], dtype=np.float64)
    expected = np.average(members, axis=0, weights=weights)
    read = probabilities.read_mean(folders, "a", weights)
    assert read.dtype == np.float32 and read.min() >= 0
    np.testing.assert_allclose(read, expected, atol=1e-6)


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
def test_members_that_disagree_with_confidence_are_averaged_as_their_floats(tmp_path, head, later):
    """0.9995 against 0.002 is 0.50075; so of every pair of such values, whichever member is the sure one."""
    sure, doubtful = (axis.ravel() for axis in np.meshgrid([0.9995, 0.9998, 0.997], [0.002, 0.0003, 0.0001]))
    label = [np.float32(member)[None, None] for member in ((doubtful, sure) if later else (sure, doubtful))]
    members = [np.stack([1 - values, values]) if head == "softmax" else values[None] for values in label]
    folders = [tmp_path / str(number) for number in range(2)]
    for folder, values in zip(folders, members, strict=True):
        probabilities.write_case(folder, "a", values, head)
    exact = np.mean(members, axis=0, dtype=np.float64)
    read = probabilities.read_mean(folders, "a")
    np.testing.assert_array_equal(read[-1] > 0.5, exact[-1] > 0.5)
    assert exact[-1, 0, 0, 0] == pytest.approx(0.50075) and read[-1, 0, 0, 0] > 0.5
    assert 2 < np.count_nonzero(exact[-1] > 0.5) < 7
    probabilities.write_case(tmp_path / "mean", "a", read, head)
    np.testing.assert_array_equal(probabilities.decide(tmp_path / "mean", "a")[-1], exact[-1] > 0.5)


@pytest.mark.parametrize("members", [2, 6, 20])
def test_an_exact_tie_is_background(tmp_path, members):
    """Half the members say a, half 1 - a, in whole steps: the sums are exact, so nothing breaks the tie."""
    steps = np.arange(1, TOP, 97)
    folders = [tmp_path / str(number) for number in range(members)]
    for number, folder in enumerate(folders):
        label = (steps if number % 2 else TOP - steps).astype(np.float32)[None, None] / TOP
        probabilities.write_case(folder, "a", np.stack([1 - label, label]))
    np.testing.assert_array_equal(probabilities.read_mean(folders, "a"), 0.5)


@pytest.mark.parametrize("weights", [[1, -1, 1], [0, 0, 0], [1, np.nan, 1]])
def test_impossible_weights_are_refused(tmp_path, weights):
    with pytest.raises(InputError, match="weights"):
        probabilities.read_mean([tmp_path] * 3, "a", weights)


def test_where_members_agree_every_convex_combination_says_the_same(tmp_path):
    folders = [tmp_path / str(seed) for seed in range(3)]
    members = [softmax(0, sharpness=1) * 0.7 + softmax(seed, sharpness=3) * 0.3 for seed in range(1, 4)]
    for folder, values in zip(folders, members, strict=True):
        probabilities.write_case(folder, "a", values)
    same = probabilities.agreement(folders, "a")
    maps = np.array([values.argmax(axis=0) for values in members])
    np.testing.assert_array_equal(same, (maps == maps[0]).all(axis=0))
    assert 0.1 < same.mean() < 0.9
    for weights in np.random.default_rng(0).dirichlet(np.ones(3), size=20):
        combined = probabilities.read_mean(folders, "a", weights).argmax(axis=0)
        np.testing.assert_array_equal(combined[same], maps[0][same])


def test_dice_of_an_ensemble_is_unchanged_by_the_encoding(tmp_path):
    """Twelve members with blurred, shifted ellipsoids: Dice of the stored mean differs by less than 0.0001."""
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, size) for size in (12, 160, 160)), indexing="ij"))
    generator = np.random.default_rng(0)

    def member():
        centre = generator.normal(0, 0.03, (3, 1, 1, 1))
        inside = 1 / (1 + np.exp(40 * (np.linalg.norm((grid - centre) / 0.6, axis=0) - 1)))
        return np.stack([1 - inside, inside]).astype(np.float32)

    members = [member() for _ in range(12)]
    folders = [tmp_path / str(number) for number in range(12)]
    for folder, values in zip(folders, members, strict=True):
        probabilities.write_case(folder, "a", values)
    truth = np.linalg.norm(grid / 0.62, axis=0) < 1
    exact = np.mean(members, axis=0, dtype=np.float64)[1] > 0.5
    stored = probabilities.read_mean(folders, "a")[1] > 0.5
    dices = [2 * (mask & truth).sum() / (mask.sum() + truth.sum()) for mask in (exact, stored)]
    assert 0.8 < dices[0] < 0.999
    assert abs(dices[0] - dices[1]) < 1e-4
    size = sum((folder / "a.probabilities").stat().st_size for folder in folders)
    assert size < sum(values.nbytes for values in members) / 10


def test_only_what_deflating_halves_is_deflated(tmp_path):
    """Decisions are alike in whole regions; the low bytes of random levels cannot be made smaller."""
    values = np.zeros((4, 1, 64, 64), dtype=np.float32)
    values[0, :, :, :32] = 1
    values[:, :, :, 32:] = softmax(1, sharpness=1, shape=(1, 64, 32))
    probabilities.write_case(tmp_path, "a", values)
    header = json.loads((tmp_path / "a.probabilities").read_bytes().split(b"\n")[0].partition(b" ")[2])
    stored, sizes = header["bytes"], header["sizes"]
    assert sizes == [64 * 64, 3 * 64 * 32, 3 * 64 * 32]
    assert stored[0] < sizes[0] / 2 and stored[2] == sizes[2]
    assert np.abs(probabilities.read_case(tmp_path, "a") - values).max() < 2 / TOP


def test_background_outside_a_window_costs_nothing(tmp_path):
    small = softmax(0, shape=(2, 16, 16))
    padded = np.zeros((4, 2, 160, 160), dtype=np.float32)
    padded[0] = 1
    padded[:, :, :16, :16] = small
    probabilities.write_case(tmp_path, "small", small)
    probabilities.write_case(tmp_path, "padded", padded)
    small_size, padded_size = ((tmp_path / f"{case}.probabilities").stat().st_size for case in ("small", "padded"))
    assert padded_size - small_size < 1000  # of 51,200 voxels


@pytest.mark.parametrize(
    ("values", "head"),
    [
        (np.full((2, 1, 2, 2), np.nan, np.float32), "softmax"),
        (np.full((2, 1, 2, 2), np.inf, np.float32), "softmax"),
        (np.full((2, 1, 2, 2), 0.7, np.float32), "softmax"),
        (np.stack([np.full((1, 2, 2), value, np.float32) for value in (1.2, -0.2)]), "softmax"),
        (np.full((1, 1, 2, 2), np.nan, np.float32), "sigmoid"),
        (np.full((1, 1, 2, 2), 1.2, np.float32), "sigmoid"),
        (np.zeros((8, 1, 2, 2), np.float32), "sigmoid"),
        (np.zeros((2, 2, 2), np.float32), "softmax"),
    ],
)
def test_no_probabilities_are_refused_and_nothing_is_written(tmp_path, values, head):
    with pytest.raises(InputError, match=r"fpn.*patient1"):
        probabilities.write_case(tmp_path / "fpn", "patient1", values, head)
    assert not list(tmp_path.rglob("*patient1*"))


def test_a_label_map_of_a_sigmoid_head_is_refused(tmp_path):
    probabilities.write_case(tmp_path, "a", sigmoid(0), "sigmoid")
    with pytest.raises(InputError, match="sigmoid head has no label map"):
        probabilities.read_label_map(tmp_path, "a")


def test_any_torn_file_is_noticed(tmp_path):
    probabilities.write_case(tmp_path, "patient1", softmax(3, shape=(1, 4, 4)))
    path = tmp_path / "patient1.probabilities"
    whole = path.read_bytes()
    torn = [whole[:length] for length in range(len(whole))]
    torn += [whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :] for at in range(len(whole))]
    for content in torn:
        path.write_bytes(content)
        with pytest.raises(InputError, match="patient1"):
            probabilities.read_case(tmp_path, "patient1")


def test_a_missing_and_a_foreign_file_are_noticed(tmp_path):
    with pytest.raises(InputError, match=r"fpn.*missing.*'b'"):
        probabilities.read_case(tmp_path / "fpn", "b")
    probabilities.write_case(tmp_path, "a", softmax(0))
    (tmp_path / "a.probabilities").rename(tmp_path / "b.probabilities")
    with pytest.raises(InputError, match="holds case 'a' in place of 'b'"):
        probabilities.read_label_map(tmp_path, "b")


def store(folder, seed=0):
    for number, case in enumerate("ab"):
        probabilities.write_case(folder, case, softmax(seed + number))
    contents = Contents("softmax", ("RV", "MYO", "LV"), {"b": Entry(1, "out_of_fold"), "a": Entry(None, "test")})
    probabilities.write_contents(folder, contents)
    return contents


def test_contents_come_back_sorted(tmp_path):
    written = store(tmp_path)
    read = probabilities.read_contents(tmp_path)
    assert read == written
    assert list(read.cases) == ["a", "b"]
    assert json.loads((tmp_path / "labels.json").read_text())["cases"]["b"]["fold"] == 1


def test_a_file_of_another_run_is_noticed(tmp_path):
    store(tmp_path / "one")
    store(tmp_path / "other", seed=10)
    (tmp_path / "other" / "b.probabilities").replace(tmp_path / "one" / "b.probabilities")
    with pytest.raises(InputError, match="'b' is of another run"):
        probabilities.read_contents(tmp_path / "one")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"head": "softmax", "labels": ["LV"], "cases": {"a": 1}}'])
def test_broken_contents_are_refused(tmp_path, text):
    (tmp_path / "labels.json").write_text(text)
    with pytest.raises(InputError, match=r"labels\.json"):
        probabilities.read_contents(tmp_path)


def test_a_folder_without_contents_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"labels\.json: missing"):
        probabilities.read_contents(tmp_path)


def test_members_of_other_shapes_or_heads_are_refused(tmp_path):
    probabilities.write_case(tmp_path / "fpn", "a", softmax(0))
    probabilities.write_case(tmp_path / "unet", "a", softmax(0, shape=(3, 5, 6)))
    probabilities.write_case(tmp_path / "multi", "a", sigmoid(0, channels=4), "sigmoid")
    for other in ("unet", "multi"):
        folders = [tmp_path / "fpn", tmp_path / other]
        for combine in (probabilities.read_mean, probabilities.agreement):
            with pytest.raises(InputError, match=f"{other}.*case 'a'"):
                combine(folders, "a")


def test_the_shape_is_read_and_a_case_copied(tmp_path):
    probabilities.write_case(tmp_path / "one", "a", softmax(0))
    probabilities.copy_case(tmp_path / "one", tmp_path / "other", "a")
    (tmp_path / "one" / "a.probabilities").unlink()
    assert probabilities.read_shape(tmp_path / "other", "a") == (4, *SHAPE)
    np.testing.assert_array_equal(probabilities.read_label_map(tmp_path / "other", "a"), softmax(0).argmax(axis=0))
