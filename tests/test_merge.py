import numpy as np
import pytest

from medley import probabilities
from medley.errors import InputError
from medley.merge import merge
from medley.probabilities import Contents, Entry

LABELS = ("RV", "LV")


def values(seed, shape=(2, 4, 3)):
    powers = np.random.default_rng(seed).random((3, *shape)) ** 4
    return (powers / powers.sum(axis=0)).astype(np.float32)


def write_fold(folder, fold, validation, test, seed=0, shape=(2, 4, 3), labels=LABELS):
    """Write a fold's folder; return what was written by case."""
    written = {case: values(seed + number, shape) for number, case in enumerate([*validation, *test])}
    for case, array in written.items():
        probabilities.write_case(folder, case, array)
    entries = {case: Entry(fold, "out_of_fold" if case in validation else "test") for case in written}
    probabilities.write_contents(folder, Contents("softmax", labels, entries))
    return written


def test_out_of_fold_cases_are_kept_and_test_cases_averaged(tmp_path):
    folds = [tmp_path / "fold-0", tmp_path / "fold-1"]
    first = write_fold(folds[0], 0, ["a", "c"], ["x", "y"], seed=0)
    second = write_fold(folds[1], 1, ["b"], ["x", "y"], seed=50)
    merge(folds, tmp_path / "merged")
    contents = probabilities.read_contents(tmp_path / "merged")
    assert contents == Contents(
        "softmax",
        LABELS,
        {
            "a": Entry(0, "out_of_fold"),
            "b": Entry(1, "out_of_fold"),
            "c": Entry(0, "out_of_fold"),
            "x": Entry(None, "test"),
            "y": Entry(None, "test"),
        },
    )
    for case, written in {"a": first["a"], "b": second["b"], "c": first["c"]}.items():
        np.testing.assert_allclose(probabilities.read_case(tmp_path / "merged", case), written, atol=1 / 65535)
    for case in "xy":
        mean = (first[case] + second[case]) / 2
        np.testing.assert_allclose(probabilities.read_case(tmp_path / "merged", case), mean, atol=2 / 65535)


def test_one_fold_is_taken_over_to_the_byte_and_survives_it(tmp_path):
    write_fold(tmp_path / "fold-0", 0, ["a"], ["x"])
    before = {path.name: path.read_bytes() for path in (tmp_path / "fold-0").glob("*.probabilities")}
    merge([tmp_path / "fold-0"], tmp_path / "merged")
    write_fold(tmp_path / "fold-0", 0, ["a"], ["x"], seed=9)
    assert {path.name: path.read_bytes() for path in (tmp_path / "merged").glob("*.probabilities")} == before
    assert probabilities.read_contents(tmp_path / "merged").cases["x"] == Entry(None, "test")


def test_the_same_input_gives_the_same_bytes(tmp_path):
    folds = [tmp_path / f"fold-{fold}" for fold in range(2)]
    for fold, folder in enumerate(folds):
        write_fold(folder, fold, [f"v{fold}"], ["x"], seed=fold)
    for name in ("one", "two"):
        merge(folds, tmp_path / name)
    files = {path.name for path in (tmp_path / "one").iterdir()}
    assert len(files) == 4
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


FAULTS = {
    "another grid": ({"shape": (2, 3, 4)}, "fold-1.*'x' is softmax of shape"),
    "other labels": ({"labels": ("LV", "RV")}, "fold-1 holds softmax of LV, RV, but .*fold-0 softmax of RV, LV"),
    "a missing test case": ({"test": []}, "test case 'x' is in only one of .*fold-0 and .*fold-1"),
    "a case validated twice": ({"validation": ["a"]}, "case 'a' is out of fold in both .*fold-0 and .*fold-1"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_folds_that_do_not_belong_together_are_refused(tmp_path, fault):
    changes, message = FAULTS[fault]
    write_fold(tmp_path / "fold-0", 0, ["a"], ["x"])
    write_fold(tmp_path / "fold-1", 1, **({"validation": ["b"], "test": ["x"]} | changes))
    with pytest.raises(InputError, match=message):
        merge([tmp_path / "fold-0", tmp_path / "fold-1"], tmp_path / "merged")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fold-0", "fold-1"]


def test_a_missing_file_is_named(tmp_path):
    write_fold(tmp_path / "fpn" / "fold-0", 0, ["a"], ["x"])
    (tmp_path / "fpn" / "fold-0" / "a.probabilities").unlink()
    with pytest.raises(InputError, match=r"fpn.*missing.*'a'"):
        merge([tmp_path / "fpn" / "fold-0"], tmp_path / "merged")
