"""Recipes there and back, against hand-computed windows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medley.preprocess import geometry, scale_intensity

PAD = {"intensity": "minmax", "spacing": None, "shape": [6, 4, 3]}
AUDITED = {"intensity": {"percentile": [0.5, 99.5]}, "spacing": [1.5, 1.5, None], "shape": [32, 32, None]}

sizes = st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 8))


def test_pads_and_crops_about_the_centre():
    mask = np.arange(1, 1 + 2 * 4 * 6, dtype=np.uint8).reshape(2, 4, 6)  # 2 slices, 4 rows, 6 columns
    result = geometry((4, 6, 2), (1, 1, 1), PAD).apply_mask(mask)
    assert result.shape == (3, 6, 4)
    # rows 4 → 6: one row of padding on each side; columns 6 → 4: one cut on each side; slices 2 → 3: padded behind
    np.testing.assert_array_equal(result[:2, 1:5], mask[:, :, 1:5])
    assert not result[:, 0].any() and not result[:, 5].any() and not result[2].any()


@settings(max_examples=60, deadline=None)
@given(shape=sizes, seed=st.integers(0, 2**32 - 1))
def test_pad_and_crop_are_undone_exactly(shape, seed):
    rows, columns, slices = shape
    grid = geometry(shape, (1.3, 1.3, 8), PAD)
    inside = np.random.default_rng(seed).random((2, 3, 6, 4), dtype=np.float32)
    native = grid.undo(inside, outside=[1, 0])
    assert native.shape == (2, slices, rows, columns)
    window = grid.inside()
    assert np.all(native[0][~window] == 1) and np.all(native[1][~window] == 0)
    # what is inside comes back onto the recipe's grid unchanged
    levels = (native[1] * 255).astype(np.uint8)
    back = grid.apply_mask(np.where(window, levels, 0))
    seen = grid.apply_mask(window.astype(np.uint8)) == 1
    np.testing.assert_array_equal(back[seen], (inside[1] * 255).astype(np.uint8)[seen])


def test_spacing_decides_the_resampled_size():
    grid = geometry((100, 60, 7), (1.2, 1.8, 10.0), AUDITED)
    assert grid.resampled == (7, 80, 72)  # 100 · 1.2 / 1.5 rows, 60 · 1.8 / 1.5 columns
    assert grid.window == (7, 32, 32)
    assert grid.inside().mean() == pytest.approx((32 / 80) * (32 / 72), rel=0.1)


def test_a_disc_survives_resampling_and_the_way_back():
    rows, columns = np.mgrid[:64, :64]
    disc = ((rows - 32) ** 2 + (columns - 32) ** 2 < 12**2).astype(np.uint8)[None]
    grid = geometry(
        (64, 64, 1), (1.0, 1.0, 5.0), {"intensity": None, "spacing": [1.5, 1.5, None], "shape": [32, 32, None]}
    )
    there = grid.apply_mask(disc)
    assert there.sum() == pytest.approx(disc.sum() * (43 / 64) ** 2, rel=0.05)
    probabilities = np.stack([there == 0, there == 1]).astype(np.float32)
    back = grid.undo(probabilities, outside=[1, 0])
    np.testing.assert_allclose(back.sum(axis=0), 1, atol=1e-5)
    overlap = (back[1] > 0.5) & (disc == 1)
    assert 2 * overlap.sum() / ((back[1] > 0.5).sum() + disc.sum()) > 0.95


def test_edge_of_a_window_that_crops_what_was_resampled():
    # 20 columns of 1 mm become 10 of 2 mm, of which the middle 4 are kept: columns 6 to 13 of the raw file
    recipe = {"intensity": None, "spacing": [None, 2.0, None], "shape": [None, 4, None]}
    grid = geometry((3, 20, 1), (1.0, 1.0, 5.0), recipe)
    np.testing.assert_array_equal(np.flatnonzero(grid.inside()[0, 0]), np.arange(6, 14))
    ones = np.stack([np.zeros((1, 3, 4)), np.ones((1, 3, 4))]).astype(np.float32)
    native = grid.undo(ones, outside=[1, 0])
    assert np.all(native[1][:, :, 7:13] == 1) and np.all(native[1][:, :, :5] == 0) and np.all(native[1][:, :, 15:] == 0)
    np.testing.assert_allclose(native[1, 0, 0, 5:8], [0.25, 0.75, 1], atol=1e-6)  # linear between centres 2 mm apart


def test_padding_takes_the_channel_minimum():
    image = np.random.default_rng(0).normal(5, 1, size=(1, 3, 2, 2)).astype(np.float32)
    grid = geometry((2, 2, 3), (1, 1, 1), PAD)
    result = grid.apply_image(image)
    assert result.min() == image.min() and (result == image.min()).sum() >= result.size - image.size


def test_minmax_spans_zero_to_one_per_channel():
    image = np.array([[[[2.0, 4.0]]], [[[-1.0, 3.0]]]], dtype=np.float32)
    np.testing.assert_array_equal(scale_intensity(image, "minmax"), [[[[0, 1]]], [[[0, 1]]]])


def test_percentile_clips_and_standardises():
    values = np.linspace(0, 100, 1001, dtype=np.float32).reshape(1, 1, 7, 143)
    result = scale_intensity(values, {"percentile": [10, 90]})
    assert result.mean() == pytest.approx(0, abs=1e-5) and result.std() == pytest.approx(1, abs=1e-5)
    assert (result == result.min()).sum() == 101 and (result == result.max()).sum() == 101


@pytest.mark.parametrize("intensity", ["minmax", {"percentile": [0.5, 99.5]}])
def test_constant_image_becomes_zero(intensity):
    assert not scale_intensity(np.full((1, 2, 3, 3), 9, dtype=np.float32), intensity).any()
