"""Prediction in windows, against networks whose answer on the whole image is known, and a loop over the windows."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from medley import models, predict

RNG = np.random.default_rng(0)


@pytest.fixture
def predictor(monkeypatch, tmp_path):
    """A function that gives a predictor of a patch with a network of one's own."""

    def made(network, patch, head="softmax"):
        monkeypatch.setattr(models, "build", lambda *_, **__: network)
        monkeypatch.setattr(predict, "load_file", lambda _: network.state_dict())
        member = {"patch": patch, "head": head, "batch": 3, "labels": ["LV"]}
        return predict.Predictor(member, 1, tmp_path / "none", threads=1)

    return made


class Pointwise(nn.Module):
    """Logits that depend on nothing but the voxel itself."""

    def forward(self, images):
        return torch.cat([images, images.square() - 1], dim=1)


class FromCorner(nn.Module):
    """Logits that depend on nothing but the place in the window."""

    def forward(self, images):
        ramps = torch.meshgrid(*(torch.arange(size) for size in images.shape[2:]), indexing="ij")
        ramp = sum(ramps).float().expand(len(images), 1, *images.shape[2:])
        return torch.cat([ramp, torch.zeros_like(ramp)], dim=1)


@pytest.mark.parametrize("patch", [[8, 6], [40, 50], [8, 6, 2], [40, 50, 9]])
@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
def test_windows_of_a_pointwise_network_are_its_answer_on_the_whole(predictor, patch, head):
    image = RNG.normal(size=(1, 5, 21, 17)).astype(np.float32)
    found = predictor(Pointwise(), patch, head).predict(image)
    logits = np.concatenate([image, image**2 - 1])
    exponents = np.exp(logits)
    expected = exponents / exponents.sum(0) if head == "softmax" else exponents / (1 + exponents)
    assert found.shape == (2, 5, 21, 17)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_windows_overlap_by_half_and_weigh_by_a_gaussian(predictor):
    patch, shape = (8, 6), (21, 17)
    found = predictor(FromCorner(), list(patch), "sigmoid").predict(np.zeros((1, 1, *shape), dtype=np.float32))[0, 0]
    # A Gaussian about the window's centre whose deviation is an eighth of the patch.
    bells = [np.exp(-(((np.arange(size) - (size - 1) / 2) / (size / 8)) ** 2) / 2) for size in patch]
    weights = np.outer(*bells)
    weights = np.clip(weights, max(weights[weights > 0].min(), 1e-3), None)
    sums, total = np.zeros(shape), np.zeros(shape)
    ramp = np.add.outer(np.arange(8), np.arange(6))
    starts = [
        sorted({min(begin, have - size) for begin in range(0, have, size // 2)})
        for have, size in zip(shape, patch, strict=True)
    ]
    for row, column in itertools.product(*starts):
        here = slice(row, row + 8), slice(column, column + 6)
        sums[here] += weights * ramp
        total[here] += weights
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-sums / total)), atol=2e-3)


def test_an_image_smaller_than_the_patch_has_zeros_around_it(predictor):
    class Sum(nn.Module):
        def forward(self, images):
            total = images.sum(dim=(2, 3), keepdim=True).expand_as(images)
            return torch.cat([total, total * 0], dim=1)

    image = RNG.uniform(size=(1, 2, 3, 5)).astype(np.float32)
    found = predictor(Sum(), [8, 8], "sigmoid").predict(image)[0]
    expected = 1 / (1 + np.exp(-image[0].sum(axis=(1, 2))))
    np.testing.assert_allclose(found, np.broadcast_to(expected[:, None, None], found.shape), atol=1e-5)
