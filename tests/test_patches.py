"""Patches and tiles against plain loops, padded copies and counts by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley import patches, store

VALUES = {"LV": (1,), "MYO": (2, 3)}
SHAPES = {"a": (3, 20, 16), "b": (1, 7, 30)}

sizes = st.tuples(*[st.integers(1, 12)] * 3)


@pytest.fixture
def arrays(tmp_path):
    """Two cases of two channels; every voxel of an image has a value of its own. LV is one voxel of b alone."""
    for number, (case, shape) in enumerate(SHAPES.items()):
        image = np.arange(2 * np.prod(shape), dtype=np.float32).reshape(2, *shape) + 1 + 10_000 * number
        mask = np.zeros(shape, dtype=np.uint8)
        mask[..., 3:6] = 2
        if case == "b":
            mask[0, 5, 28] = 1
        store.write_case(tmp_path, case, image, mask)
    return tmp_path


def opened(kind, arrays, patch, **more):
    return kind(arrays, list(SHAPES), list(VALUES), VALUES, "softmax", patch, **more)


@given(shape=sizes, size=sizes, begin=st.tuples(*[st.integers(-12, 12)] * 3))
def test_cut_is_a_part_of_the_array_with_zeros_around_it(shape, size, begin):
    array = np.arange(1, 1 + np.prod(shape)).reshape(shape)
    padded = np.pad(array, 40)
    there = tuple(slice(40 + start, 40 + start + want) for start, want in zip(begin, size, strict=True))
    if all(-want < start < have for start, want, have in zip(begin, size, shape, strict=True)):
        np.testing.assert_array_equal(patches.cut(array, begin, size), padded[there])


@given(shape=sizes, size=sizes)
def test_tiles_cover_a_case_with_as_few_as_can_be(shape, size):
    seen = np.zeros(shape, dtype=int)
    places = patches.tiles(shape, size)
    for place in places:
        part = tuple(slice(max(0, start), start + want) for start, want in zip(place, size, strict=True))
        seen[part] += 1
    assert seen.min() >= 1
    assert len(places) == np.prod([-(-have // want) for have, want in zip(shape, size, strict=True)])
    if all(have % want == 0 for have, want in zip(shape, size, strict=True)):
        assert seen.max() == 1
    for place, have, want in itertools.product([*places], [0, 1, 2], [0]):
        # Within the case where it is large enough, else the case within the tile, in its middle.
        start, length, reach = place[have], shape[have], size[have]
        if length >= reach:
            assert want <= start <= length - reach
        else:
            assert abs((-start) - (reach - length + start)) <= 1


@given(shape=sizes, size=sizes, centre=st.tuples(*[st.floats(0, 0.999)] * 3), seed=st.integers(0, 99))
def test_places_hold_their_centre_and_stay_inside(shape, size, centre, seed):
    voxel = [int(share * have) for share, have in zip(centre, shape, strict=True)]
    drawn = patches.random_place(shape, size, np.random.default_rng(seed))
    about = patches.place_about(voxel, shape, size)
    for place in (drawn, about):
        for start, have, want in zip(place, shape, size, strict=True):
            assert (0 <= start <= have - want) if have >= want else (start <= 0 and start + want >= have)
    for start, middle, have, want in zip(about, voxel, shape, size, strict=True):
        assert start <= middle < start + want
        if have > want and want // 2 <= middle <= have - want + want // 2:
            assert start == middle - want // 2


def test_flat_patches_are_parts_of_slices(arrays):
    held = opened(patches.Patches, arrays, [8, 6], count=400, foreground=0.0)
    images, targets = held.batch(held.order(None, 0, 0), key=(0, 0, 1))
    assert images.shape == (400, 2, 8, 6)
    assert targets.shape == (400, 8, 6)
    found = 0
    for image in images:
        inside = image[0][image[0] > 0]
        case = "b" if inside[0] > 10_000 else "a"
        first = int(inside[0]) - 1 - 10_000 * (case == "b")
        place = np.unravel_index(first, SHAPES[case])
        if case == "a":
            whole = np.asarray(store.open_image(arrays, case))[
                :, place[0], place[1] : place[1] + 8, place[2] : place[2] + 6
            ]
            np.testing.assert_array_equal(image, whole)
            found += 1
        else:  # seven rows in eight: one of zeros
            assert (image == 0).sum() == 2 * 6
    assert 150 < found < 250  # each case as likely as the other


def test_patches_of_volumes_have_their_slices(arrays):
    held = opened(patches.Patches, arrays, [8, 6, 2], count=10, foreground=1.0)
    images, targets = held.batch([0] * 5, key=(0, 0, 1))
    assert images.shape == (5, 2, 2, 8, 6)
    assert targets.shape == (5, 2, 8, 6)


def test_a_share_of_each_batch_is_centred_on_a_label(arrays):
    held = opened(patches.Patches, arrays, [3, 3], count=12, foreground=0.33)
    _, targets = held.batch([1] * 12, key=(0, 0, 1))
    centres = targets[:, 1, 1]
    assert (centres[:4] > 0).all()  # round(0.33 · 12)
    # Of 7 · 30 voxels 22 have a label: that the other eight all do is out of the question.
    assert (centres[4:] == 0).any()


def test_each_label_of_a_case_is_a_centre_as_often_as_another_however_small_it_is(arrays):
    held = opened(patches.Patches, arrays, [1, 1], count=400, foreground=1.0)
    _, targets = held.batch([1] * 400, key=(0, 0, 1))
    counts = np.bincount(targets.ravel(), minlength=3)
    assert counts[0] == 0
    assert 150 < counts[1] < 250  # one voxel of 22
    _, targets = held.batch([0] * 50, key=(0, 0, 1))
    assert (targets == 2).all()  # the only label of this case


def test_draws_are_fixed_by_their_key(arrays):
    held = opened(patches.Patches, arrays, [8, 6], count=6, foreground=0.5)
    order = held.order(None, 3, 4)
    assert order == held.order(None, 3, 4) != held.order(None, 3, 5)
    assert len(order) == len(held) == 6
    one, other = (held.batch(order, key=(3, 4, number))[0] for number in (1, 2))
    np.testing.assert_array_equal(one, held.batch(order, key=(3, 4, 1))[0])
    assert not np.array_equal(one, other)
    with pytest.raises(ValueError, match="take Tiles"):
        held.batch(order)


def test_augmentation_does_not_change_what_is_drawn(arrays):
    def marked(image, mask, generator):
        return image + generator.integers(1, 9) * 1_000_000, mask

    plain = opened(patches.Patches, arrays, [8, 6], count=6, foreground=0.5)
    changed = opened(patches.Patches, arrays, [8, 6], count=6, foreground=0.5, augmentation=marked)
    images, targets = plain.batch([0] * 6, key=(0, 0, 1))
    others, same = changed.batch([0] * 6, key=(0, 0, 1))
    np.testing.assert_array_equal(targets, same)
    np.testing.assert_array_equal(np.mod(others, 1_000_000), images)
    assert len({int(image.max()) // 1_000_000 for image in others}) > 1


def test_tiles_show_every_voxel(arrays):
    held = opened(patches.Tiles, arrays, [8, 6])
    images, targets = held.batch(held.order(None, 0, 0))
    assert len(held) == len(images) == 3 * 3 * 3 + 1 * 1 * 5
    assert held.case_of(26) == "a"
    assert held.case_of(27) == "b"
    shown = set(images[:, 0].ravel().astype(int)) - {0}
    assert shown == {int(value) for case in SHAPES for value in store.open_image(arrays, case)[0].ravel()}
    assert {int(value) for value in targets.ravel()} == {0, 1, 2}
