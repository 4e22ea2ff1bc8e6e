import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, jaccard_score

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
