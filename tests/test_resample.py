"""Resampling against scipy, which computes the same spline another way."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from medley.resample import resample, resample_mask

sizes = st.tuples(st.integers(1, 9), st.integers(2, 40), st.integers(2, 40))


@settings(max_examples=40, deadline=None)
@given(old=sizes, new=sizes, order=st.sampled_from([1, 3]), seed=st.integers(0, 2**32 - 1))
def test_equals_scipy_zoom(old, new, order, seed):
    array = np.random.default_rng(seed).normal(size=old).astype(np.float32)
    factors = [after / before for before, after in zip(old, new, strict=True)]
    expected = ndimage.zoom(array.astype(float), factors, order=order, mode="nearest", grid_mode=True)
    assert resample(array, new, order).shape == new
    np.testing.assert_allclose(resample(array, new, order), expected, atol=2e-4 * array.std() + 1e-6)


def test_leading_axes_are_left_alone():
    array = np.random.default_rng(0).normal(size=(3, 4, 10, 12)).astype(np.float32)
    result = resample(array, (4, 7, 20), order=3)
    assert result.shape == (3, 4, 7, 20)
    for channel in range(3):
        np.testing.assert_allclose(result[channel], resample(array[channel], (4, 7, 20), order=3), atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(old=sizes, new=sizes, seed=st.integers(0, 2**32 - 1))
def test_mask_takes_the_value_of_the_largest_linear_weight(old, new, seed):
    mask = np.random.default_rng(seed).integers(0, 4, size=old).astype(np.uint8)
    factors = [after / before for before, after in zip(old, new, strict=True)]
    weights = np.stack(
        [
            ndimage.zoom((mask == value).astype(float), factors, order=1, mode="nearest", grid_mode=True)
            for value in range(4)
        ]
    )
    result = resample_mask(mask, new)
    chosen = np.take_along_axis(weights, result[None].astype(int), axis=0)[0]
    assert np.all(chosen >= weights.max(axis=0) - 1e-5)
    assert set(np.unique(result)) <= set(np.unique(mask))


@settings(max_examples=40, deadline=None)
@given(
    old=st.tuples(*[st.integers(2, 60)] * 2), part=st.tuples(*[st.floats(0.1, 1)] * 2), seed=st.integers(0, 2**32 - 1)
)
def test_area_is_that_of_opencv_where_samples_become_fewer(old, part, seed):
    image = np.random.default_rng(seed).normal(size=old).astype(np.float32)
    rows, columns = (max(1, round(size * share)) for size, share in zip(old, part, strict=True))
    expected = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(resample(image, (rows, columns), order="area"), expected, atol=2e-5)


def test_area_is_linear_where_samples_become_more():
    image = np.random.default_rng(0).normal(size=(10, 30)).astype(np.float32)
    ours = resample(image, (16, 12), order="area")
    linear = resample(image, (16, 30), order=1)
    np.testing.assert_allclose(ours, resample(linear, (16, 12), order="area"), atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(new=st.tuples(st.integers(1, 12), st.integers(1, 15)), seed=st.integers(0, 2**32 - 1))
def test_mask_takes_the_value_that_covers_most(new, seed):
    """Counted in pieces so small that neither grid cuts one."""
    mask = np.random.default_rng(seed).integers(0, 4, size=(12, 15)).astype(np.uint8)
    pieces = mask.repeat(new[0], axis=0).repeat(new[1], axis=1).reshape(new[0], 12, new[1], 15)
    counts = np.stack([(pieces == value).sum(axis=(1, 3)) for value in range(4)])
    result = resample_mask(mask, new, order="area")
    np.testing.assert_array_equal(result, counts.argmax(axis=0))  # of equal counts the smaller value


@pytest.mark.parametrize("shape", [(3, 5, 5), (3, 8, 5)])
def test_constant_stays_constant(shape):
    assert np.allclose(resample(np.full((3, 5, 5), 7, dtype=np.float32), shape, order=3), 7, atol=1e-4)
