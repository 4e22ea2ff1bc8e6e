"""The augmentation of mnms2, on slices and volumes: what each change does to grey values, and that slices agree."""

import random

import albumentations
import numpy as np
import pytest

from medley import augmentations
from medley.augmentations import _grey_values, mnms2

SIZE = 48
CHANGES = [
    _grey_values.brightness,
    _grey_values.contrast,
    _grey_values.gamma,
    _grey_values.histogram,
    _grey_values.noise,
    _grey_values.downsampling,
]
DRAWS = 200


def generator(number):
    return np.random.default_rng([number, 7])


@pytest.fixture(scope="module")
def augmentation():
    return augmentations.build("mnms2")


@pytest.fixture(scope="module")
def places():
    """Shift, rotation, scaling and mirrors alone."""
    return augmentations.Augmentation([each for each in mnms2.build() if not isinstance(each, mnms2.GreyValues)])


@pytest.fixture
def image():
    """An image (rows, columns, channels) like a z-scored one, dark and skewed."""
    values = np.random.default_rng(0).gamma(2, size=(SIZE, SIZE + 8, 3))
    return ((values - values.mean()) / values.std()).astype(np.float32)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_keeps_shape_type_and_input(change, image):
    before = image.copy()
    changed = [change(image, generator(number)) for number in range(20)]
    np.testing.assert_array_equal(image, before)
    assert all(each.shape == image.shape and each.dtype == np.float32 for each in changed)
    assert all(np.isfinite(each).all() and not np.array_equal(each, before) for each in changed)
    assert max(each.max() for each in changed) > 2 and min(each.min() for each in changed) < -1  # not cut to [0, 1]


def test_brightness_and_contrast_are_within_a_quarter(image):
    for number in range(DRAWS):
        factors = _grey_values.brightness(image, generator(number)) / image
        assert factors.std() < 1e-6 and 0.75 <= factors.mean() <= 1.25
        changed = _grey_values.contrast(image, generator(number))
        inside = (changed > image.min()) & (changed < image.max()) & (np.abs(image) > 0.1)
        factors = changed[inside] / image[inside]  # the mean is 0
        assert np.ptp(factors) < 1e-3 and 0.749 <= factors.mean() <= 1.251
        assert changed.min() >= image.min() and changed.max() <= image.max()


@pytest.mark.parametrize("change", [_grey_values.gamma, _grey_values.histogram])
def test_curves_keep_order_mean_and_deviation(change, image):
    order = np.argsort(image.ravel())
    bends = []
    for number in range(40):
        changed = change(image * 3 + 5, generator(number))
        assert changed.mean() == pytest.approx(5, abs=1e-3) and changed.std() == pytest.approx(3, rel=1e-3)
        rising = np.diff(changed.ravel()[order])
        assert rising.min() > -1e-5
        bends.append(np.abs(changed - (image * 3 + 5)).mean())
    assert np.median(bends) > 0.1


def test_gamma_is_a_power_of_the_share_of_the_range(image):
    shares = (image - image.min()) / (image.max() - image.min())
    for number in range(20):
        power = generator(number).uniform(0.7, 1.5)
        expected = shares**power
        expected = (expected - expected.mean()) / expected.std() * image.std() + image.mean()
        np.testing.assert_allclose(_grey_values.gamma(image, generator(number)), expected, atol=1e-4)


def test_histogram_is_linear_between_evenly_placed_knots(image):
    ramp = np.broadcast_to(np.linspace(-2, 5, 701, dtype=np.float32)[None, :, None], (4, 701, 1))
    changed = _grey_values.histogram(ramp, generator(0))[0, :, 0]
    slopes = np.diff(changed).reshape(7, 100)  # six knots cut the range into seven
    assert np.ptp(slopes, axis=1).max() < 1e-4 < np.ptp(slopes.mean(axis=1))
    means = [np.diff(_grey_values.histogram(ramp, generator(n))[0, ::100, 0]) for n in range(DRAWS)]
    shares = np.array(means) / np.sum(means, axis=1, keepdims=True)
    # A flat Dirichlet distribution of 7 shares: mean 1/7, variance (1/7)(6/7)/8.
    np.testing.assert_allclose(shares.mean(axis=0), 1 / 7, atol=0.035)
    assert shares.std() == pytest.approx(np.sqrt(6 / 49 / 8), rel=0.1)


@pytest.mark.parametrize("change", [_grey_values.gamma, _grey_values.histogram, _grey_values.contrast])
def test_an_even_image_stays(change):
    even = np.full((5, 6, 2), 1.5, dtype=np.float32)
    np.testing.assert_array_equal(change(even, generator(0)), even)


def test_noise_has_variances_up_to_a_tenth():
    nothing = np.zeros((64, 64, 2), dtype=np.float32)
    drawn = [_grey_values.noise(nothing, generator(number)) for number in range(DRAWS)]
    variances = [each.var() for each in drawn]
    assert max(variances) == pytest.approx(0.1, abs=0.01) and np.mean(variances) == pytest.approx(0.05, abs=0.006)
    assert abs(np.corrcoef(drawn[0][..., 0].ravel(), drawn[0][..., 1].ravel())[0, 1]) < 0.06  # each voxel its own


def test_downsampling_leaves_what_is_coarse_and_takes_what_is_fine(image):
    ramp = np.broadcast_to(np.linspace(-2, 5, 96, dtype=np.float32)[None, :, None], (80, 96, 1))
    checks = ((np.indices((80, 96)).sum(axis=0) % 2) * 2 - 1).astype(np.float32)[..., None]
    for number in range(20):
        inner = np.s_[4:-4, 4:-4]
        changed = _grey_values.downsampling(ramp, generator(number))
        np.testing.assert_allclose(changed[inner], ramp[inner], atol=0.3)
        fewer = round(96 * generator(number).uniform(0.5, 1))
        changed = _grey_values.downsampling(checks, generator(number))
        assert fewer > 94 or np.abs(changed - checks).mean() > 0.2


def test_changes_are_as_frequent_as_meant(monkeypatch):
    counts = dict.fromkeys(CHANGES, 0)

    def counted(change):
        def changed(image, stream):
            counts[change] += 1
            return image

        return changed

    for change in CHANGES:
        monkeypatch.setattr(_grey_values, change.__name__, counted(change))
    augmentation = augmentations.Augmentation(mnms2.build())
    kept = 0
    image = np.random.default_rng(1).normal(size=(1, 12, 12)).astype(np.float32)
    for number in range(800):
        changed, _ = augmentation(image, np.zeros((12, 12), np.uint8), generator(number))
        kept += any(np.array_equal(changed, flipped) for flipped in flips(image))
    wanted = [0.15, 0.15, 0.3, 0.3, 0.1, 0.25]
    np.testing.assert_allclose([count / 800 for count in counts.values()], wanted, atol=0.045)
    assert kept / 800 == pytest.approx(0.6, abs=0.05)  # the rest was shifted, turned or scaled


def flips(image):
    return [image, image[:, ::-1], image[:, :, ::-1], image[:, ::-1, ::-1]]


def test_all_slices_of_a_volume_are_changed_alike():
    """Of a volume whose slices and masks are equal all come out equal; only noise is each voxel's own."""
    even = [each for each in mnms2.build() if getattr(each, "change", None) is not _grey_values.noise]
    plane = np.random.default_rng(2).normal(size=(2, 1, SIZE, SIZE)).astype(np.float32)
    masks = np.random.default_rng(3).integers(0, 4, (1, SIZE, SIZE)).astype(np.uint8)
    for number in range(60):
        image, mask = augmentations.Augmentation(even)(plane.repeat(7, 1), masks.repeat(7, 0), generator(number))
        assert image.shape == (2, 7, SIZE, SIZE) and mask.shape == (7, SIZE, SIZE)
        assert image.dtype == np.float32 and mask.dtype == np.uint8
        assert np.ptp(image, axis=1).max() == 0 and np.ptp(mask, axis=0).max() == 0


def test_a_slice_of_a_volume_lies_where_it_would_alone(places):
    ramps = np.stack(np.meshgrid(*[np.linspace(0, 1, SIZE, dtype=np.float32)] * 2))
    masks = np.random.default_rng(3).integers(0, 4, (1, SIZE, SIZE)).astype(np.uint8)
    for number in range(40):
        image, mask = places(ramps[:, None].repeat(3, axis=1), masks.repeat(3, axis=0), generator(number))
        alone, of_alone = places(ramps, masks[0], generator(number))
        np.testing.assert_array_equal(mask[1], of_alone)
        # cv2 rounds places in images of many channels to a thirty-second of a pixel.
        assert np.abs(image[:, 1] - alone).mean() < 1 / 32 / SIZE


def test_channels_and_slices_keep_their_places(places):
    volume = np.zeros((2, 5, 16, 16), np.float32) + np.arange(10, dtype=np.float32).reshape(2, 5, 1, 1)
    mask = np.broadcast_to(np.arange(5, dtype=np.uint8)[:, None, None], (5, 16, 16))
    for number in range(40):
        image, changed = places(volume, mask, generator(number))
        np.testing.assert_allclose(image[:, :, 8, 8].ravel(), np.arange(10), atol=1e-4)
        assert changed[:, 8, 8].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("slices", [1, 2])
def test_few_slices_stay_slices(augmentation, slices):
    for number in range(20):
        image, mask = augmentation(
            np.zeros((1, slices, 9, 12), np.float32), np.ones((slices, 9, 12), np.uint8), generator(number)
        )
        assert image.shape == (1, slices, 9, 12) and mask.shape == (slices, 9, 12)


def test_slices_are_changed_as_albumentations_alone_would():
    """What volumes need changes nothing for slices: the same bits as of the transforms by themselves."""
    light = augmentations.build("gi_tract_light")
    image = np.random.default_rng(4).random((3, SIZE, SIZE), dtype=np.float32)
    mask = np.random.default_rng(5).integers(0, 8, (SIZE, SIZE)).astype(np.uint8)
    for number in range(30):
        found = light(image, mask, generator(number))
        stream = generator(number)
        alone = albumentations.Compose(light.transforms.transforms)
        alone.set_random_state(stream, random.Random(int(stream.integers(2**63))))
        expected = alone(image=np.ascontiguousarray(image.transpose(1, 2, 0)), mask=mask)
        np.testing.assert_array_equal(found[0], expected["image"].transpose(2, 0, 1))
        np.testing.assert_array_equal(found[1], expected["mask"])


def test_image_and_mask_move_together(places):
    mask = np.zeros((4, SIZE, SIZE), np.uint8)
    mask[:, 15:32, 18:34] = 2
    image = np.where(mask > 0, np.float32(3), np.float32(-0.5))[None]
    for number in range(40):
        new_image, new_mask = places(image, mask, generator(number))
        assert set(np.unique(new_mask)) <= {0, 2}
        bright = new_image[0] > (new_image.max() + new_image.min()) / 2
        assert 2 * (bright & (new_mask > 0)).sum() / (bright.sum() + (new_mask > 0).sum()) > 0.95
