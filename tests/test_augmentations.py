"""Augmented slices: what the transforms do, measured on images of coordinates; which streams they draw from."""

import random
import subprocess
import sys
from collections import Counter

import cv2
import numpy as np
import pytest

from medley import augmentations, samples, store

SIZE = 96
VALUES = {"large_bowel": (1, 3, 5, 7), "small_bowel": (2, 3, 6, 7), "stomach": (4, 5, 6, 7)}
DRAWS = 600
NOISY = 0.005


def augmented(augmentation, image, mask, number):
    return augmentation(image, mask, np.random.default_rng([number, 1]))


@pytest.fixture(scope="module")
def gi_tract():
    return augmentations.build("gi_tract")


@pytest.fixture(scope="module")
def light():
    return augmentations.build({"name": "gi_tract_light"})


def coordinates(size=SIZE):
    """An image whose two channels say at each pixel in which row and column it is, from 0.3 to 0.7."""
    ramp = np.linspace(0.3, 0.7, size, dtype=np.float32)
    return np.stack(np.meshgrid(ramp, ramp, indexing="ij"))


def measure(augmentation, number):
    """Return the linear part of the map from new to old pixels, what it leaves unexplained (pixels), and its noise.

    The noise is the median deviation from a mean over neighbours, which kinks of the map do not move.
    """
    image, inside = augmented(augmentation, coordinates(), np.ones((SIZE, SIZE), np.uint8), number)
    pixels = (image - 0.3) / 0.4 * (SIZE - 1)
    whole = cv2.erode(inside, np.ones((9, 9), np.uint8), borderValue=0) == 1
    rows, columns = np.nonzero(whole)
    design = np.stack([rows, columns, np.ones_like(rows)], axis=1).astype(float)
    values = pixels[:, whole].T.astype(float)
    fitted, *_ = np.linalg.lstsq(design, values, rcond=None)
    means = np.stack([cv2.blur(plane, (5, 5)) for plane in pixels])[:, whole].T
    # A normal deviation's median is 0.6745; a mean over 25 pixels takes 1/25 of the variance away.
    noise = np.median(np.abs(values - means)) / 0.6745 / np.sqrt(24 / 25)
    return fitted[:2].T, float(np.abs(means - design @ fitted).mean()), noise * 0.4 / (SIZE - 1)


@pytest.fixture(scope="module")
def measured(gi_tract):
    return [measure(gi_tract, number) for number in range(DRAWS)]


@pytest.fixture(scope="module")
def measured_light(light):
    return [measure(light, number) for number in range(DRAWS)]


def scale_and_rotation(linear):
    """Return the map's two scales, and its rotation in degrees with flips of either axis taken out."""
    scales = np.linalg.svd(linear)[1]
    unflipped = linear * np.sign(np.diag(linear))[:, None]
    return scales, np.degrees(np.arctan2(unflipped[0, 1], unflipped[0, 0]))


def share(values):
    return np.mean(list(values))


def test_light_is_a_similarity_with_horizontal_flips_in_half(measured_light):
    assert all(linear[0, 0] > 0 for linear, *_ in measured_light)  # never upside down
    for linear, unexplained, noise in measured_light:
        if noise < NOISY:
            scales, rotation = scale_and_rotation(linear)
            assert scales[0] == pytest.approx(scales[1], abs=0.003)  # no axis more than the other
            assert 1 / 1.105 < scales.mean() < 1 / 0.895 and abs(rotation) < 20.2
            assert unexplained < 0.1
    assert share(linear[1, 1] < 0 for linear, *_ in measured_light) == pytest.approx(0.5, abs=0.06)
    clean = [linear for linear, _, noise in measured_light if noise < NOISY]
    unchanged = [np.allclose(np.abs(linear), np.eye(2), atol=0.001) for linear in clean]
    assert share(unchanged) == pytest.approx(0.15, abs=0.05)
    assert max(abs(scale_and_rotation(linear)[1]) for linear in clean) > 19
    assert np.ptp([scale_and_rotation(linear)[0].mean() for linear in clean]) > 0.19


def test_flips_are_horizontal_vertical_and_both_in_equal_parts(measured):
    signs = Counter((linear[0, 0] < 0, linear[1, 1] < 0) for linear, *_ in measured)
    assert signs[False, False] / DRAWS == pytest.approx(0.5, abs=0.07)
    for flipped in ((True, False), (False, True), (True, True)):
        assert signs[flipped] / DRAWS == pytest.approx(1 / 6, abs=0.05)


def test_a_tenth_each_have_corners_moved_and_the_grid_distorted(measured):
    clean = [(linear, unexplained) for linear, unexplained, noise in measured if noise < NOISY]
    distorted = [unexplained > 0.1 for _, unexplained in clean]
    sheared = [unexplained < 0.1 and np.ptp(scale_and_rotation(linear)[0]) > 0.005 for linear, unexplained in clean]
    assert share(distorted) == pytest.approx(0.1, abs=0.04)
    assert share(sheared) == pytest.approx(0.1, abs=0.04)


def test_cells_of_the_grid_change_by_up_to_a_tenth_each():
    """Unless told otherwise, albumentations keeps the grid's size, which halves how far pixels move."""
    from medley.augmentations import gi_tract

    grid = next(each for each in gi_tract.build()[1].transforms if type(each).__name__ == "GridDistortion")
    only, size, moves, expected = augmentations.Augmentation([grid]), 300, [], []
    generator, places = np.random.default_rng(0), np.arange(size)
    for number in range(300):
        image, inside = augmented(only, coordinates(size), np.ones((size, size), np.uint8), number)
        move = np.abs((image[0] - 0.3) / 0.4 * (size - 1) - places[:, None])[cv2.erode(inside, np.ones((3, 3))) == 1]
        if move.max() > 0.01:
            moves.append(move.mean())
        edges = np.concatenate([[0], np.cumsum(1 + generator.uniform(-0.1, 0.1, 5))]) * size / 5
        old = np.interp(places, np.linspace(0, size, 6), edges)
        expected.append(np.abs(old - places)[old < size - 0.5].mean())
    assert len(moves) == pytest.approx(150, abs=30)
    assert np.mean(moves) == pytest.approx(np.mean(expected), rel=0.15)


def test_noise_is_as_strong_and_as_frequent_as_meant(measured, measured_light):
    for draws in (measured, measured_light):
        noises = [noise for *_, noise in draws if noise > NOISY]
        assert len(noises) / DRAWS == pytest.approx(0.35, abs=0.06)
        assert min(noises) == pytest.approx(0.01, abs=0.001) and max(noises) == pytest.approx(0.06325, abs=0.002)


def test_what_is_flipped_is_not_more_often_noisy(measured_light):
    """Transforms that start from one number would all decide alike."""
    flipped, straight = (
        [noise > NOISY for linear, _, noise in measured_light if (linear[1, 1] < 0) == is_flipped]
        for is_flipped in (True, False)
    )
    assert share(flipped) == pytest.approx(share(straight), abs=0.12)


def test_three_corners_move_by_up_to_ten_pixels():
    import albumentations

    from medley.augmentations.gi_tract import MovedCorners

    only = augmentations.Augmentation([albumentations.Compose([MovedCorners(p=1)])])
    rows, columns = axes = np.mgrid[:120, :90]
    corners = [(60 + 30, 45 + 30), (60 - 30, 45 + 30), (60 - 30, 45 - 30)]  # row, column; 30 is 90 / 3
    moves = []
    for number in range(40):
        for corner in corners:
            spot = np.exp(-((rows - corner[0]) ** 2 + (columns - corner[1]) ** 2) / 8).astype(np.float32)
            image, _ = augmented(only, spot[None], np.zeros((120, 90), np.uint8), number)
            moves.append([(image[0] * where).sum() / image.sum() - at for where, at in zip(axes, corner, strict=True)])
    moves = np.array(moves).reshape(40, 3, 2)
    assert np.abs(moves).max() < 10.3 and np.abs(moves).max() > 8.5
    np.testing.assert_allclose(moves.mean(axis=0), 0, atol=3)
    assert np.std(moves, axis=0) == pytest.approx(10 / np.sqrt(3), rel=0.35)  # evenly from -10 to 10
    assert np.abs(np.corrcoef(moves.reshape(40, 6).T) - np.eye(6)).max() < 0.6  # each by itself


@pytest.mark.parametrize("name", ["gi_tract", "gi_tract_light"])
def test_image_and_mask_are_changed_alike_and_values_are_kept(name):
    augmentation = augmentations.build(name)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[20:60, 30:70] = 3
    mask[40:80, 20:50] = 4
    image = np.where(mask > 0, np.float32(0.8), np.float32(0.2))[None]
    for number in range(60):
        new_image, new_mask = augmented(augmentation, image, mask, number)
        assert new_image.dtype == np.float32 and new_mask.dtype == np.uint8
        assert new_image.shape == image.shape and new_mask.shape == mask.shape
        assert set(np.unique(new_mask)) <= {0, 3, 4}
        bright, there = new_image[0] > 0.5, new_mask > 0
        assert 2 * (bright & there).sum() / (bright.sum() + there.sum()) > 0.96


def test_outside_is_zero(light):
    images = [
        augmented(light, np.full((1, SIZE, SIZE), 0.5, np.float32), np.ones((SIZE, SIZE), np.uint8), number)
        for number in range(40)
    ]
    corners = [(image[0, 0, 0], mask[0, 0]) for image, mask in images]
    assert {(grey < 0.25, inside) for grey, inside in corners} == {(True, 0), (False, 1)}


@pytest.fixture
def slices(tmp_path, light):
    generator = np.random.default_rng(0)
    for case in ("a", "b"):
        image = generator.random((1, 3, 32, 48), dtype=np.float32)
        store.write_case(tmp_path, case, image, generator.integers(0, 8, (3, 32, 48)))
    return samples.Slices(tmp_path, ["a", "b"], list(VALUES), VALUES, "sigmoid", light)


def same(one, other):
    return all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


def test_a_batch_is_fixed_by_its_key_whatever_was_drawn_before(slices):
    first = slices.batch([0, 4, 2], key=[7, 3, 1])
    slices.batch([1, 5], key=[7, 3, 2])
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    assert same(first, slices.batch([0, 4, 2], key=[7, 3, 1]))
    for other in ([8, 3, 1], [7, 4, 1], [7, 3, 2]):
        assert not same(first, slices.batch([0, 4, 2], key=other))


def test_a_sample_depends_on_its_place_and_not_on_its_neighbours(slices):
    key = [0, 0, 0]
    images, targets = slices.batch([0, 4, 0], key)
    shorter = slices.batch([3, 4], key)
    assert np.array_equal(images[1], shorter[0][1]) and np.array_equal(targets[1], shorter[1][1])
    assert not np.array_equal(images[0], images[2])


def test_without_a_key_or_an_augmentation_nothing_is_augmented(slices, tmp_path):
    plain = samples.Slices(tmp_path, ["a", "b"], list(VALUES), VALUES, "sigmoid")
    assert same(plain.batch([0, 4]), slices.batch([0, 4]))
    assert same(plain.batch([0, 4]), plain.batch([0, 4], key=[0, 0, 0]))
    np.testing.assert_array_equal(plain.batch([4])[0][0], store.open_image(tmp_path, "b")[:, 1])


def test_no_random_state_of_others_is_touched(light):
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    augmented(light, coordinates(), np.zeros((SIZE, SIZE), np.uint8), 0)
    assert before == (random.getstate(), np.random.get_state()[1].tolist())  # noqa: NPY002


def test_albumentations_is_imported_when_asked_for_and_asks_no_network(root):
    program = """
import socket, sys, urllib.request
asked = []
def refuse(*arguments, **_):
    asked.append(arguments)
    raise OSError("no network here")
urllib.request.OpenerDirector.open = socket.getaddrinfo = socket.socket.connect = refuse
from medley import augmentations, samples
print("albumentations" in sys.modules, end=" ")
augmentations.build("gi_tract")
print("albumentations" in sys.modules, len(asked))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root / "scripts", env={}, capture_output=True, text=True, check=True
    )
    assert (done.stdout.split(), done.stderr) == (["False", "True", "0"], "")


# Sampling


def test_weights_are_one_over_the_count_of_the_combination(tmp_path):
    masks = np.zeros((6, 4, 4), np.uint8)
    masks[0, 0, 0], masks[0, 1, 1] = 1, 4  # large bowel and stomach
    masks[1, 2, :] = 5  # the same, where they overlap
    masks[2, 0, 0] = 2
    masks[3, 3, 3], masks[3, 0, 0] = 5, 1
    store.write_case(tmp_path, "a", np.zeros((1, 6, 4, 4)), masks)  # its last two are empty
    store.write_case(tmp_path, "b", np.zeros((1, 1, 4, 4)), np.full((1, 4, 4), 2))
    held = samples.Slices(tmp_path, ["a", "b"], list(VALUES), VALUES, "sigmoid")
    assert held.combination_weights() == [1 / 3, 1 / 3, 1 / 2, 1 / 3, 1 / 2, 1 / 2, 1 / 2]
    stomach = samples.Slices(tmp_path, ["a", "b"], ["stomach"], VALUES, "sigmoid")
    assert stomach.combination_weights() == [1 / 3, 1 / 3, 1 / 4, 1 / 3, 1 / 4, 1 / 4, 1 / 4]


def test_combinations_are_drawn_alike_often():
    combinations = ["x"] * 900 + ["y"] * 90 + ["z"] * 10
    weights = [1 / combinations.count(name) for name in combinations]
    drawn = Counter()
    for epoch in range(20):
        order = samples.weighted_order(weights, 5, epoch)
        assert len(order) == 1000 and type(order[0]) is int
        drawn.update(combinations[sample] for sample in order)
    assert [drawn[name] / 20000 for name in "xyz"] == pytest.approx([1 / 3] * 3, abs=0.015)


def test_draws_are_fixed_by_seed_and_epoch():
    weights = np.random.default_rng(0).random(40) + 0.1
    orders = {tuple(samples.weighted_order(weights, seed, epoch)) for seed in (0, 1) for epoch in range(3)}
    assert len(orders) == 6
    assert tuple(samples.weighted_order(weights, 1, 2)) in orders
    assert any(len(set(order)) < 40 for order in orders)
