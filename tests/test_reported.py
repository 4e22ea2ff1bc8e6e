import csv
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, jaccard_score

from medley import rle
from medley.metrics import slicewise
from medley.metrics.reported import (
    cut,
    foreground_iou,
    pixel_accuracy,
    slice_confusions,
    weighted_jaccard,
)

maps = st.tuples(
    st.integers(2, 5), st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6)), st.integers(0, 2**32 - 1)
)


def random_maps(classes, shape, seed):
    """Truth and prediction that agree on about half of the voxels; classes may be missing."""
    generator = np.random.default_rng(seed)
    present = generator.integers(1, classes + 1)
    truth, prediction = generator.integers(present, size=(2, *shape), dtype=np.uint8)
    return truth, np.where(generator.random(shape) < 0.5, truth, prediction)


@settings(max_examples=100, deadline=None)
@given(maps)
def test_equals_scikit_learn(drawn):
    classes, shape, seed = drawn
    truth, prediction = random_maps(classes, shape, seed)
    confusion = slice_confusions(truth, prediction, classes).sum(axis=0)
    pair = truth.ravel(), prediction.ravel()
    assert pixel_accuracy(confusion) == pytest.approx(accuracy_score(*pair))
    assert weighted_jaccard(confusion) == pytest.approx(jaccard_score(*pair, average="weighted", zero_division=0))
    if truth.any() or prediction.any():
        assert foreground_iou(confusion) == pytest.approx(jaccard_score(pair[0] > 0, pair[1] > 0))
    else:
        assert math.isnan(foreground_iou(confusion))


def test_values_computed_by_hand():
    truth = np.array([[[0, 0, 0, 0], [1, 1, 2, 2]]], dtype=np.uint8)
    prediction = np.array([[[0, 0, 0, 1], [1, 0, 2, 1]]], dtype=np.uint8)
    confusion = slice_confusions(truth, prediction, 3)[0]
    np.testing.assert_array_equal(confusion, [[3, 1, 0], [1, 1, 0], [0, 1, 1]])
    assert pixel_accuracy(confusion) == 5 / 8
    assert foreground_iou(confusion) == 3 / 5  # three voxels in both, one in each alone
    assert weighted_jaccard(confusion) == pytest.approx(4 / 8 * 3 / 5 + 2 / 8 * 1 / 4 + 2 / 8 * 1 / 2)


def test_each_slice_has_its_own_matrix():
    truth = np.zeros((2, 3, 3), dtype=np.uint8)
    truth[1] = 1
    np.testing.assert_array_equal(slice_confusions(truth, truth, 2), [[[9, 0], [0, 0]], [[0, 0], [0, 9]]])


def test_batches_are_nearly_equal_and_in_order():
    slices = np.arange(7)[:, None, None] * np.ones((7, 2, 2), dtype=np.int64)
    assert [part[:, 0, 0].tolist() for part in cut(slices, 3)] == [[0, 1, 2], [3, 4], [5, 6]]


def test_fewer_slices_than_batches_make_a_batch_each():
    assert [len(part) for part in cut(np.ones((2, 2, 2), dtype=np.int64), 5)] == [1, 1]
    assert cut([], 5) == []


def test_smoothed_dice_computed_by_hand():
    """Slices: two of three voxels shared with three; nothing at all; a voxel that is not predicted."""
    truth, prediction = np.zeros((2, 3, 2, 4), dtype=bool)
    truth[0, 0, :3] = prediction[0, 0, 1:4] = True
    truth[2, 1, 1] = True
    assert slicewise.dice(truth[:1], prediction[:1], 0.001) == pytest.approx(4.001 / 6.001, rel=1e-12)
    assert slicewise.dice(truth[1:2], prediction[1:2], 0.001) == 1
    assert slicewise.dice(truth[2:], prediction[2:], 0.001) == pytest.approx(0.001 / 1.001, rel=1e-12)
    expected = (4.001 / 6.001 + 1 + 0.001 / 1.001) / 3
    assert slicewise.dice(truth, prediction, 0.001) == pytest.approx(expected, rel=1e-12)
    assert slicewise.dice(truth, prediction, 1.0) == pytest.approx((5 / 7 + 1 + 1 / 2) / 3, rel=1e-12)


@settings(max_examples=100, deadline=None)
@given(maps, st.sampled_from([1e-6, 0.001, 1.0]))
def test_smoothed_dice_counts_sets_of_places(drawn, epsilon):
    _, shape, seed = drawn
    truth, prediction = (labels > 0 for labels in random_maps(2, shape, seed))
    expected = []
    for slices in zip(truth, prediction, strict=True):
        true, predicted = ({tuple(place) for place in np.argwhere(plane)} for plane in slices)
        expected.append((2 * len(true & predicted) + epsilon) / (len(true) + len(predicted) + epsilon))
    assert slicewise.dice(truth, prediction, epsilon) == pytest.approx(math.fsum(expected) / len(expected))
    assert 0 < slicewise.dice(truth, prediction, epsilon) <= 1
    assert slicewise.dice(truth, truth, epsilon) == 1


@pytest.mark.real
def test_the_reported_dice_of_predicting_nothing_on_real_slices(real):
    """0.32, as the study's page measured it: the share of organs that are not in a slice with organs."""
    with (real / "UW-Madison" / "train_part.csv").open(newline="") as stream:
        runs = [row["segmentation"] for row in csv.DictReader(stream)]
    masks = [rle.decode(text, (1, 360 * 310)).astype(bool)[None] for text in runs]
    dice = [slicewise.dice(mask, np.zeros_like(mask), 0.001) for mask in masks]
    assert len(dice) == 3 * 975
    assert np.mean(dice) == pytest.approx(0.32, abs=0.005)
