"""Recipes there and back, against hand-computed windows."""

import albumentations
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medley import contrast
from medley.errors import InputError
from medley.preprocess import geometry, nonzero_box, preprocess, scale_intensity

PAD = {"intensity": "minmax", "spacing": None, "shape": [6, 4, 3]}
RESIZED = {"intensity": "minmax", "spacing": None, "shape": None, "resize": [32, 48]}
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


CROPPED = {"intensity": None, "crop": "nonzero", "spacing": None, "shape": None}


@settings(max_examples=60, deadline=None)
@given(shape=sizes, seed=st.integers(0, 2**32 - 1))
def test_cropping_keeps_what_is_not_zero_and_is_undone_exactly(shape, seed):
    rows, columns, slices = shape
    generator = np.random.default_rng(seed)
    image = generator.choice([0, 0, 0, 0, 0, 0, -1, 2], size=(2, slices, rows, columns)).astype(np.float32)
    box = nonzero_box(image)
    voxels = np.argwhere(image.any(axis=0))
    if len(voxels):
        assert [start for start, _ in box] == voxels.min(axis=0).tolist()
        assert [stop - 1 for _, stop in box] == voxels.max(axis=0).tolist()
    else:
        assert list(box) == [(0, slices), (0, rows), (0, columns)]
    grid = geometry(shape, (1.3, 1.3, 8), CROPPED, box)
    there = grid.apply_image(image)
    assert there.shape[1:] == grid.window == tuple(stop - start for start, stop in box)
    np.testing.assert_array_equal(grid.undo(there, outside=[0, 0]), image)
    mask = generator.integers(1, 4, size=image.shape[1:]).astype(np.uint8)
    back = grid.undo(grid.apply_mask(mask)[None].astype(np.float32), outside=[9])[0]
    np.testing.assert_array_equal(back, np.where(grid.inside(), mask, 9))


def test_a_cropped_image_is_scaled_and_resampled_by_what_is_left_of_it():
    recipe = {
        "intensity": {"percentile": [0, 100]},
        "crop": "nonzero",
        "spacing": [1.5, 2.0, None],
        "shape": [8, 8, None],
    }
    image = np.zeros((1, 3, 40, 30), dtype=np.float32)
    image[:, 1:, 5:35, 10:26] = np.random.default_rng(0).normal(100, 7, size=(1, 2, 30, 16))
    cropped = np.ascontiguousarray(image[:, 1:, 5:35, 10:26])
    mask = (image[0] > 100).astype(np.uint8)
    grid = geometry((40, 30, 3), (1.0, 1.0, 8.0), recipe, nonzero_box(image))
    without = {key: value for key, value in recipe.items() if key != "crop"}
    alone = geometry((30, 16, 2), (1.0, 1.0, 8.0), without)
    found, expected = (
        preprocess(image, mask, grid, recipe),
        preprocess(cropped, np.ascontiguousarray(mask[1:, 5:35, 10:26]), alone, without),
    )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    probabilities = np.random.default_rng(1).random((2, 2, 8, 8), dtype=np.float32)
    whole = grid.undo(probabilities, outside=[1, 0])
    np.testing.assert_array_equal(whole[:, 1:, 5:35, 10:26], alone.undo(probabilities, outside=[1, 0]))
    assert (whole[0, 0] == 1).all() and (whole[0, :, :5] == 1).all() and (whole[1, :, :, 26:] == 0).all()
    assert grid.inside().sum() == alone.inside().sum()


def test_metrics_on_the_grid_of_a_recipe_that_crops_are_refused():
    with pytest.raises(InputError, match="a recipe with `crop` has a grid for each case"):
        geometry((4, 4, 4), (1, 1, 1), CROPPED)


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


def test_zscore_is_that_of_each_channel():
    values = np.random.default_rng(0).normal(50, 9, size=(2, 3, 8, 8)).astype(np.float32)
    values[1] *= 4
    found = scale_intensity(values, "zscore")
    for channel, scaled in zip(values.astype(np.float64), found, strict=True):
        np.testing.assert_allclose(scaled, (channel - channel.mean()) / channel.std(), atol=1e-5)


@pytest.mark.parametrize("intensity", ["minmax", "zscore", {"percentile": [0.5, 99.5]}])
def test_constant_image_becomes_zero(intensity):
    assert not scale_intensity(np.full((1, 2, 3, 3), 9, dtype=np.float32), intensity).any()


def blobs(rows, columns, slices=1):
    """Smooth shapes, and bright noise in a corner."""
    generator = np.random.default_rng(0)
    image = np.stack([cv2.GaussianBlur(generator.random((rows, columns)), None, 6) for _ in range(slices)])
    image[:, : rows // 4, : columns // 4] += 0.2 * generator.random((rows // 4, columns // 4))
    return image[None].astype(np.float32)


@pytest.mark.parametrize("channels", [1, 3])
def test_imagenet_is_what_albumentations_normalises_to(channels):
    picture = np.random.default_rng(0).integers(0, 256, size=(5, 7, channels), dtype=np.uint8)
    image = np.moveaxis(picture, -1, 0)[:, None].astype(np.float32)
    scaled = scale_intensity(image, "imagenet")
    expected = albumentations.Normalize()(image=np.broadcast_to(picture, (5, 7, 3)).copy())["image"]
    np.testing.assert_allclose(np.moveaxis(scaled[:, 0], 0, -1), expected, atol=1e-5)


def test_imagenet_is_not_for_other_channels():
    with pytest.raises(InputError, match="2 channels"):
        scale_intensity(np.zeros((2, 1, 4, 4), dtype=np.float32), "imagenet")


def test_resize_takes_means_over_areas_whatever_the_spacing():
    image, mask = blobs(64, 72, 2), (blobs(64, 72, 2)[0] > 0.5).astype(np.uint8) * 5
    for spacing in ((1, 1, 3), (1.5, 1.2, 1)):
        grid = geometry((64, 72, 2), spacing, RESIZED)
        resized, there = preprocess(image, mask, grid, RESIZED)
        assert (resized.dtype, there.dtype) == (np.float32, np.uint8)
        scaled = (image - image.min()) / (image.max() - image.min())
        expected = np.stack([cv2.resize(plane, (48, 32), interpolation=cv2.INTER_AREA) for plane in scaled[0]])
        np.testing.assert_allclose(resized[0], expected, atol=1e-5)
        covered = np.stack(
            [cv2.resize((plane > 0).astype(np.float32), (48, 32), interpolation=cv2.INTER_AREA) for plane in mask]
        )
        decided = np.abs(covered - 0.5) > 1e-3
        np.testing.assert_array_equal(there[decided], 5 * (covered > 0.5)[decided])
        assert 0 < there.mean() < 5


def test_the_way_back_of_resize_is_linear_and_reaches_everywhere():
    grid = geometry((64, 72, 2), (1, 1, 3), RESIZED)
    assert grid.inside().all()
    inside = np.random.default_rng(0).random((3, 2, 32, 48), dtype=np.float32)
    native = grid.undo(inside, outside=[0, 0, 0])
    assert native.shape == (3, 2, 64, 72)
    expected = cv2.resize(inside[1, 1], (72, 64), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(native[1, 1], expected, atol=1e-5)


def test_probabilities_there_and_back_again():
    grid = geometry((64, 72, 1), (1, 1, 3), RESIZED)
    smooth = cv2.GaussianBlur(np.random.default_rng(0).random((32, 48), dtype=np.float32), None, 3)[None, None]
    again = grid.apply_image(grid.undo(smooth, outside=[0]))
    np.testing.assert_allclose(again, smooth, atol=0.01)


def test_clahe_is_that_of_albumentations_on_three_channels():
    import albumentations

    transform = albumentations.CLAHE(clip_limit=(2, 2), tile_grid_size=(8, 8), p=1)
    image = scale_intensity(blobs(224, 224, 2), "minmax")
    ours = contrast.equalise(image, 2.0)
    assert ours.dtype == np.float32 and ours.shape == image.shape
    for number in range(2):
        theirs = transform(image=np.dstack([image[0, number]] * 3))["image"]
        np.testing.assert_array_equal(ours[0, number], theirs[..., 1])
        # the three channels of theirs are equal but for rounding, so that one may stand for them
        assert np.abs(theirs - ours[0, number, ..., None]).max() * 255 == pytest.approx(1, abs=0.01)
    alone = transform(image=image[0, 0][..., None])["image"][..., 0]
    assert np.abs(alone - ours[0, 0]).max() * 255 > 5  # on grey values it is something else


def test_clahe_bounds_values_and_comes_last():
    recipe = {**RESIZED, "resize": [96, 96], "clahe": 2.0}
    image, mask = blobs(128, 128), np.zeros((1, 128, 128), np.uint8)
    grid = geometry((128, 128, 1), (1, 1, 1), recipe)
    before, _ = preprocess(image, mask, grid, RESIZED)
    after, _ = preprocess(image, mask, grid, recipe)
    np.testing.assert_array_equal(after, contrast.equalise(before, 2.0))
    assert after.std() > before.std()
    beyond = 3 * before - 1
    np.testing.assert_array_equal(contrast.equalise(beyond, 2.0), contrast.equalise(beyond.clip(0, 1), 2.0))


def test_arrays_of_another_size_than_the_table_says_are_refused():
    grid = geometry((64, 72, 1), (1, 1, 1), RESIZED)
    with pytest.raises(InputError, match=r"the image has \(1, 72, 64\)"):
        preprocess(blobs(72, 64), np.zeros((1, 64, 72), np.uint8), grid, RESIZED)
