import itertools
import math
import warnings
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from scipy.spatial.distance import directed_hausdorff

from medley.metrics import NAMES, case_metrics, scan, surface

TOLERANCE = 2.0
DISTANCES = ("hd", "hd95", "assd")
FEWS = pytest.mark.parametrize("few", [0, surface.FEW], ids=["neighbours first", "tree alone"])

spacings = st.tuples(*[st.sampled_from([0.4, 0.8, 1.0, 1.37, 2.5, 10.0])] * 3)


@st.composite
def pairs(draw, slices=(1, 5), size=(1, 9)):
    """Two masks of one shape, neither empty; sparse, dense and often touching the image's edge."""
    shape = draw(st.tuples(st.integers(*slices), st.integers(*size), st.integers(*size)))
    masks = draw(hnp.arrays(bool, (2, *shape), elements=st.booleans(), fill=st.booleans()))
    for mask in masks:
        mask[tuple(draw(st.integers(0, length - 1)) for length in shape)] = True
    return masks[0], masks[1]


def by_monai(truth, prediction, spacing):
    """MONAI's values, and its distances in both directions."""
    import monai.metrics
    import torch
    from monai.metrics.utils import get_edge_surface_distance

    if len(truth) == 1:
        truth, prediction, spacing = truth[0], prediction[0], spacing[1:]
    pair = [torch.from_numpy(mask[None, None].astype(np.float32)) for mask in (prediction, truth)]
    distance = {"include_background": True, "spacing": list(spacing)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = {
            "dice": float(monai.metrics.compute_dice(*pair)),
            "iou": float(monai.metrics.compute_iou(*pair)),
            "hd": float(monai.metrics.compute_hausdorff_distance(*pair, **distance)),
            "hd95": float(monai.metrics.compute_hausdorff_distance(*pair, percentile=95, **distance)),
            "assd": float(monai.metrics.compute_average_surface_distance(*pair, symmetric=True, **distance)),
            "nsd": float(monai.metrics.compute_surface_dice(*pair, [TOLERANCE], **distance)),
        }
        masks = [mask[0, 0] for mask in pair]
        _, directed, _ = get_edge_surface_distance(*masks, spacing=list(spacing), symmetric=True)
    return values, [distances.double().numpy() for distances in directed]


def assert_equal_to_monai(measured, pair, spacing):
    """Equal to 1e-6; hd95 to that of MONAI's distances, whose own percentile has its rank in float32.

    The rank is off by up to a float32 step, which moves MONAI's percentile by that share of the gap
    between two neighbouring distances.
    """
    expected, directed = by_monai(*pair, spacing)
    reported = expected.pop("hd95")
    rank = 0.95 * (max(len(distances) for distances in directed) - 1)
    step = float(np.spacing(np.float32(rank)))
    assert measured["hd95"] == pytest.approx(reported, rel=1e-6, abs=step * expected["hd"])
    expected["hd95"] = max(np.quantile(distances, 0.95) for distances in directed)
    assert {name: measured[name] for name in expected} == pytest.approx(expected, rel=1e-6)


def from_distances(there, back):
    """The four surface metrics, by their definitions, from all distances in both directions."""
    pooled = np.concatenate([there, back])
    return {
        "hd": pooled.max(),
        "hd95": max(np.percentile(there, 95), np.percentile(back, 95)),
        "assd": pooled.mean(),
        "nsd": np.mean(pooled <= TOLERANCE + 1e-6),
    }


def by_brute_force(truth, prediction, spacing):
    """Border voxels by looking at each neighbour, distances between all pairs."""

    def border(mask):
        inside = {tuple(place) for place in np.argwhere(mask)}
        steps = [step for axis in np.eye(3, dtype=int) for step in (axis, -axis)]
        return [place for place in inside if any(tuple(np.add(place, step)) not in inside for step in steps)]

    def distances(queries, others):
        return [min(math.dist(np.multiply(a, spacing), np.multiply(b, spacing)) for b in others) for a in queries]

    of_truth, of_prediction = border(truth), border(prediction)
    there, back = distances(of_truth, of_prediction), distances(of_prediction, of_truth)
    return from_distances(there, back)


@FEWS
@settings(max_examples=100, deadline=None)
@given(pair=pairs(), spacing=spacings)
def test_equals_monai(few, pair, spacing):
    with mock.patch.object(surface, "FEW", few):
        measured = case_metrics(*pair, spacing, TOLERANCE)
    assert_equal_to_monai(measured, pair, spacing)


@FEWS
@settings(max_examples=60, deadline=None)
@given(pair=pairs(slices=(2, 4), size=(1, 5)), spacing=spacings)
def test_equals_brute_force(few, pair, spacing):
    with mock.patch.object(surface, "FEW", few):
        measured = case_metrics(*pair, spacing, TOLERANCE)
    expected = by_brute_force(*pair, spacing)
    assert {name: measured[name] for name in expected} == pytest.approx(expected, rel=1e-6)


def blob(seed, shape):
    """A smooth random mask that reaches the image's edge."""
    grey = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), (1, 3, 3))
    return grey > 0


def by_scipy(truth, prediction, spacing):
    """Border voxels by erosion, distances by an exact distance transform of the whole image."""
    borders = [mask & ~ndimage.binary_erosion(mask) for mask in (truth, prediction)]
    away = [ndimage.distance_transform_edt(~border, sampling=spacing) for border in borders]
    there, back = away[1][borders[0]], away[0][borders[1]]
    return from_distances(there, back)


@FEWS
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), spacing=spacings)
def test_equals_distance_transforms_on_blobs_that_touch_the_edge(few, seed, spacing):
    pair = [blob([seed, number], (8, 40, 36)) for number in range(2)]
    with mock.patch.object(surface, "FEW", few):
        measured = case_metrics(*pair, spacing, TOLERANCE)
    expected = by_scipy(*pair, spacing)
    assert {name: measured[name] for name in expected} == pytest.approx(expected, rel=1e-6)


def balls(shift):
    """Two balls of radius 8 voxels in 40×64×64, ``shift`` voxels apart, the first at the image's edge."""
    z, y, x = np.ogrid[:40, :64, :64]
    return [(z - 6) ** 2 + (y - 30) ** 2 + (x - place) ** 2 <= 64 for place in (20, 20 + shift)]


@FEWS
@pytest.mark.parametrize("shift", [1, 4, 30], ids=["touching", "near", "far apart"])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (5.0, 1.25, 1.25), (0.7, 2.0, 0.9)])
def test_equals_monai_on_surfaces_of_many_voxels(few, shift, spacing):
    pair = balls(shift)
    with mock.patch.object(surface, "FEW", few):
        measured = case_metrics(*pair, spacing, TOLERANCE)
    assert_equal_to_monai(measured, pair, spacing)


def test_values_computed_by_hand():
    truth, prediction = np.zeros((2, 3, 6, 7), dtype=bool)
    truth[0, 0, 0:4] = True  # four voxels in a row
    prediction[0, 0, 2:5] = True  # two of them, and one beyond
    prediction[2, 5, 6] = True  # and one far away: 10·2, 1·5, 1·3 mm from the nearest true voxel
    far = math.sqrt(20**2 + 5**2 + 3**2)
    there, back = [2, 1, 0, 0], [0, 0, 1, far]
    expected = {
        "dice": 4 / 8,
        "iou": 2 / 6,
        "precision": 2 / 4,
        "recall": 2 / 4,
        "volume_difference": 0,
        "volume": 4 * 10 / 1000,
        "hd": far,
        "hd95": 1 + 0.85 * (far - 1),  # at 95 % of the way along four sorted values
        "assd": sum(there + back) / 8,
        "nsd": 7 / 8,
    }
    assert case_metrics(truth, prediction, (10, 1, 1), TOLERANCE) == pytest.approx(expected, rel=1e-6)


def test_volume_difference_is_predicted_minus_true():
    truth, prediction = np.zeros((2, 4, 10, 10), dtype=bool)
    truth[1:3, 2:4, 2:4] = True  # 8 voxels
    prediction[1:3, 2:7, 2:4] = True  # 20 voxels
    measured = case_metrics(truth, prediction, (5.0, 2.0, 2.0), TOLERANCE)
    assert measured["volume"] == pytest.approx(8 * 20 / 1000)
    assert measured["volume_difference"] == pytest.approx(12 * 20 / 1000)


def test_both_empty_is_not_a_number():
    empty = np.zeros((3, 4, 5), dtype=bool)
    measured = case_metrics(empty, empty, (1, 1, 1), TOLERANCE)
    assert tuple(measured) == NAMES
    assert all(math.isnan(value) for value in measured.values())


@settings(max_examples=40, deadline=None)
@given(pair=pairs(slices=(2, 5)), spacing=spacings, missed=st.booleans())
def test_one_empty_is_as_far_as_the_image_reaches(pair, spacing, missed):
    mask = pair[0]
    masks = (mask, np.zeros_like(mask)) if missed else (np.zeros_like(mask), mask)
    measured = case_metrics(*masks, spacing, TOLERANCE)
    diagonal = np.linalg.norm(np.multiply(mask.shape, spacing))
    millilitres = mask.sum() * np.prod(spacing) / 1000
    assert [measured[name] for name in DISTANCES] == pytest.approx([diagonal] * 3)
    assert [measured[name] for name in ("dice", "iou", "nsd")] == [0, 0, 0]
    assert measured["volume_difference"] == pytest.approx(-millilitres if missed else millilitres)


@pytest.mark.parametrize("empty", ["truth", "prediction"])
def test_one_empty_is_zero_and_the_diagonal(empty):
    masks = {"truth": np.zeros((3, 4, 5), dtype=bool), "prediction": np.zeros((3, 4, 5), dtype=bool)}
    masks["prediction" if empty == "truth" else "truth"][1, 2, 3] = True
    measured = case_metrics(**masks, spacing=(10, 2, 1), tolerance=TOLERANCE)
    diagonal = math.sqrt(30**2 + 8**2 + 5**2)
    assert tuple(measured) == NAMES
    assert [measured[name] for name in DISTANCES] == pytest.approx([diagonal] * 3)
    assert [measured[name] for name in ("dice", "iou", "nsd")] == [0, 0, 0]
    defined, undefined = ("precision", "recall") if empty == "truth" else ("recall", "precision")
    assert measured[defined] == 0
    assert math.isnan(measured[undefined])
    assert measured["volume_difference"] == pytest.approx(0.02 if empty == "truth" else -0.02)


def test_one_slice_is_measured_in_its_plane():
    truth, prediction = np.zeros((2, 1, 9, 9), dtype=bool)
    truth[0, 1:8, 1:8] = True
    prediction[0, 2:7, 2:7] = True
    measured = case_metrics(truth, prediction, (8, 1, 1), 1.0)
    # In space the whole squares would be border voxels; in the plane the outer frames are, 1 mm apart,
    # and √2 mm from the four outer corners to the inner ones.
    assert measured["hd"] == pytest.approx(math.sqrt(2))
    assert measured["assd"] == pytest.approx((20 + 4 * math.sqrt(2) + 16) / 40)
    assert measured["nsd"] == pytest.approx(36 / 40)
    # Its file need not say how thick it is; two such slices do have a volume.
    assert math.isnan(measured["volume"]) and math.isnan(measured["volume_difference"])
    pair = [np.repeat(mask, 2, axis=0) for mask in (truth, prediction)]
    assert case_metrics(*pair, (8, 1, 1), 1.0)["volume"] == pytest.approx(2 * 49 * 8 / 1000)
    prediction[:] = False
    assert case_metrics(truth, prediction, (8, 1, 1), 1.0)["hd"] == pytest.approx(math.hypot(9, 9))


@FEWS
def test_a_distance_equal_to_the_tolerance_but_for_rounding_is_within_it(few):
    with mock.patch.object(surface, "FEW", few):
        for spacing, steps in itertools.product((0.3, 0.35, 0.7, 1.1, 1.37), range(1, 30)):
            truth, prediction = np.zeros((2, 2, 1, 30), dtype=bool)
            truth[0, 0, 0] = prediction[0, 0, steps] = True
            for tolerance, share in ((spacing * steps, 1), (spacing * steps - 1e-3, 0)):
                assert case_metrics(truth, prediction, (5, 5, spacing), tolerance)["nsd"] == share


def test_without_a_tolerance_nsd_alone_is_not_a_number():
    mask = np.ones((2, 2, 2), dtype=bool)
    for prediction in (mask, ~mask):
        measured = case_metrics(mask, prediction, (1, 1, 1), None)
        undefined = {name for name, value in measured.items() if math.isnan(value)}
        assert undefined - {"precision"} == {"nsd"}


@settings(max_examples=50, deadline=None)
@given(pair=pairs(slices=(2, 4)), spacing=spacings, margins=st.tuples(*[st.tuples(*[st.integers(0, 3)] * 2)] * 3))
def test_background_around_both_masks_changes_nothing(pair, spacing, margins):
    padded = [np.pad(mask, margins) for mask in pair]
    assert case_metrics(*padded, spacing, TOLERANCE) == case_metrics(*pair, spacing, TOLERANCE)


@settings(max_examples=50, deadline=None)
@given(pair=pairs(), spacing=spacings)
def test_exchanging_the_masks_exchanges_precision_and_recall(pair, spacing):
    one, other = case_metrics(*pair, spacing, TOLERANCE), case_metrics(*pair[::-1], spacing, TOLERANCE)
    assert (one["precision"], one["recall"]) == (other["recall"], other["precision"])
    for name in ("dice", "iou", *DISTANCES, "nsd"):
        assert one[name] == pytest.approx(other[name], rel=1e-6)


def test_neighbours_are_complete_up_to_the_last_distance():
    spacing = (2.5, 0.8, 1.1)
    found = {
        tuple(offset): distance for distance, offsets in surface._neighbours(spacing) for offset in offsets.tolist()
    }
    last = max(found.values())
    reach = range(-9, 10)
    expected = {
        offset: math.hypot(*np.multiply(offset, spacing))
        for offset in itertools.product(reach, repeat=3)
        if math.hypot(*np.multiply(offset, spacing)) <= last + 1e-9
    }
    assert found == pytest.approx(expected)
    assert max(abs(step) for offset in found for step in offset) <= surface.REACH


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="shape"):
        case_metrics(np.ones((1, 2, 3), bool), np.ones((1, 3, 2), bool), (1, 1, 1), TOLERANCE)


def voxels(shape, *places):
    """A mask of ``shape`` that holds single voxels."""
    mask = np.zeros(shape, dtype=bool)
    for place in places:
        mask[place] = True
    return mask


def test_the_hausdorff_distance_of_a_scan_computed_by_hand():
    cube = (10, 10, 10)
    corner = voxels(cube, (0, 0, 0))
    assert scan.hausdorff(corner, voxels(cube, (9, 9, 9))) == pytest.approx(0.9)
    assert scan.hausdorff(corner, voxels(cube, (0, 3, 4))) == pytest.approx(0.5 / math.sqrt(3))
    # Each axis has its own size: one slice of 4, two rows of 10, five columns of 20.
    flat = (4, 10, 20)
    found = scan.hausdorff(voxels(flat, (1, 2, 3)), voxels(flat, (2, 4, 8)))
    assert found == pytest.approx(math.sqrt((1 / 4**2 + 1 / 5**2 + 1 / 4**2) / 3))
    # The larger of the two ways: all of the second lies near the first, a voxel of the first far from the second.
    assert scan.hausdorff(voxels(cube, (5, 5, 0), (5, 5, 7)), voxels(cube, (5, 5, 1))) == pytest.approx(
        0.6 / math.sqrt(3)
    )


def test_the_farthest_voxel_of_a_scan_may_lie_inside_its_mask():
    """Of a solid cube of 9 voxels and its hull, the centre is 4 voxels away; border to border they are one."""
    solid = np.zeros((20, 20, 20), dtype=bool)
    solid[5:14, 5:14, 5:14] = True
    hull = solid & ~ndimage.binary_erosion(solid)
    assert scan.hausdorff(solid, hull) == scan.hausdorff(hull, solid) == pytest.approx(4 / 20 / math.sqrt(3))


def test_empty_scans():
    empty, full = np.zeros((3, 4, 5), dtype=bool), np.ones((3, 4, 5), dtype=bool)
    assert scan.hausdorff(full, empty) == scan.hausdorff(empty, full) == 1
    assert math.isnan(scan.hausdorff(empty, empty))
    with pytest.raises(ValueError, match="shape"):
        scan.hausdorff(full, full[:2])


@settings(max_examples=150, deadline=None)
@given(pair=pairs(slices=(1, 6)), nested=st.booleans())
def test_the_hausdorff_distance_of_a_scan_equals_scipys_of_all_voxels(pair, nested):
    truth, prediction = pair
    if nested:
        prediction = prediction | truth
    places = [np.argwhere(mask) / mask.shape for mask in (truth, prediction)]
    expected = max(directed_hausdorff(*places)[0], directed_hausdorff(*places[::-1])[0]) / math.sqrt(3)
    found = scan.hausdorff(truth, prediction)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert scan.hausdorff(prediction, truth) == found
    assert 0 <= found < 1
    assert (found == 0) == np.array_equal(truth, prediction)
