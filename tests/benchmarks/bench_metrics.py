"""All metrics of one case, against MONAI's Dice, HD, HD95, ASSD and NSD of the same masks."""

from collections.abc import Sequence
from typing import Any

import monai.metrics
import numpy as np
import torch
from scipy import ndimage

from medley.metrics import case_metrics
from tests.benchmarks.timing import compare

TOLERANCE = 2.0  # mm
NAMES = ("dice", "hd", "hd95", "assd", "nsd")
Masks = list[np.ndarray]


def run() -> list[dict[str, Any]]:
    """Return one row for three labels of a cardiac case and one for one label of a CT."""
    return [
        against_monai("metrics of 3 labels in 256×216×10", *cardiac(), goal=12),
        against_monai("metrics of 1 label in 512×512×90", *organ(), goal=35),
    ]


def against_monai(
    name: str, truths: Masks, predictions: Masks, spacing: Sequence[float], goal: float
) -> dict[str, Any]:
    """Compare values, then speed, on the same masks."""
    prediction, truth = (torch.from_numpy(np.stack(masks)[None].astype(np.float32)) for masks in (predictions, truths))

    def ours() -> np.ndarray:
        measured = [case_metrics(*masks, spacing, TOLERANCE) for masks in zip(truths, predictions, strict=True)]
        return np.array([[values[metric] for values in measured] for metric in NAMES])

    def theirs() -> np.ndarray:
        return by_monai(prediction, truth, spacing)

    np.testing.assert_allclose(ours(), theirs(), rtol=1e-6)
    dice = ours()[0]
    note = f"MONAI {monai.__version__}, equal to 1e-6; Dice {dice.min():.3f} to {dice.max():.3f}"
    return compare(name, ours, theirs, goal, note)


def by_monai(prediction: torch.Tensor, truth: torch.Tensor, spacing: Sequence[float]) -> np.ndarray:
    """Return MONAI's values, one row a metric of NAMES and one column a label."""
    distance = {"include_background": True, "spacing": list(spacing)}
    rows = [
        monai.metrics.compute_dice(prediction, truth, include_background=True),
        monai.metrics.compute_hausdorff_distance(prediction, truth, **distance),
        monai.metrics.compute_hausdorff_distance(prediction, truth, percentile=95, **distance),
        monai.metrics.compute_average_surface_distance(prediction, truth, symmetric=True, **distance),
        monai.metrics.compute_surface_dice(prediction, truth, [TOLERANCE] * truth.shape[1], **distance),
    ]
    return torch.cat(rows).numpy()


def cardiac() -> tuple[Masks, Masks, tuple[float, ...]]:
    """Return right ventricle, myocardium and left ventricle with a prediction of each, and the spacing in mm."""
    shape = (10, 256, 216)
    left = distance_from((5, 128, 105), (7, 24, 24), shape) + 0.1 * noise(shape, (4, 12, 12), seed=0)
    right = distance_from((5, 122, 72), (6, 34, 26), shape) + 0.1 * noise(shape, (4, 12, 12), seed=1)
    error = 0.08 * noise(shape, (6, 20, 20), seed=2)
    truth, prediction = (
        [(right + shift < 1) & (left + shift >= 1.4), (left + shift < 1.4) & (left + shift >= 1), left + shift < 1]
        for shift in (0, error)
    )
    return truth, prediction, (10.0, 1.4, 1.4)


def organ() -> tuple[Masks, Masks, tuple[float, ...]]:
    """Return a large organ with a prediction of it, and the spacing in mm."""
    shape = (90, 512, 512)
    surface = distance_from((45, 230, 220), (30, 90, 110), shape) + 0.12 * noise(shape, (6, 20, 20), seed=0)
    error = 0.06 * noise(shape, (9, 32, 32), seed=1)
    return [surface < 1], [surface + error < 1], (2.5, 0.8, 0.8)


def distance_from(centre: Sequence[float], radii: Sequence[float], shape: Sequence[int]) -> np.ndarray:
    """Return an ellipsoid's level function, float32: below 1 inside."""
    axes = [(np.arange(size) - middle) / radius for size, middle, radius in zip(shape, centre, radii, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    return np.sqrt(z**2 + y**2 + x**2).astype(np.float32)


def noise(shape: Sequence[int], knots: Sequence[int], seed: int) -> np.ndarray:
    """Return smooth noise, float32: normal at ``knots`` points an axis, linear between them."""
    values = np.random.default_rng(seed).standard_normal(knots)
    return ndimage.zoom(values, np.divide(shape, knots), order=1).astype(np.float32)
