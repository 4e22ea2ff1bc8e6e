"""Networks: what a narrower one has in common with the published one."""

from typing import Any

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import nn

from medley import models


def fpn(width: float) -> Any:
    member = {
        "architecture": "FPN",
        "encoder": "resnet18",
        "width": width,
        "labels": ["RV", "MYO", "LV"],
        "head": "softmax",
    }
    return models.build(member, 1, None).eval()


@pytest.mark.parametrize("width", [0.25, 0.5, 1])
def test_fpn_normalises_four_channels_together_at_every_width(width):
    groups = [module for module in fpn(width).modules() if isinstance(module, nn.GroupNorm)]
    assert groups
    assert {module.num_channels / module.num_groups for module in groups} == {4}


def test_fpn_of_width_one_is_the_librarys_own():
    own = fpn(1)
    published = smp.FPN("resnet18", encoder_weights=None, in_channels=1, classes=4).eval()
    published.load_state_dict(own.state_dict())
    images = torch.rand(2, 1, 64, 96, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(own(images), published(images), rtol=0, atol=0)
