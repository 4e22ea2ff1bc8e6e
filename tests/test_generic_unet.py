"""The generic U-Net, its plan and what it is trained with: plans by hand or published, and MONAI."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.losses import DiceCELoss
from monai.networks.nets.dynunet import DynUNet
from safetensors.torch import load_file, save_file
from torch import nn

from medley import deep_supervision, losses, models, optimisers, schedules
from medley.errors import InputError
from medley.topology import of_member, topology

IN_PLANE, ALL, ONE = (2, 2, 1), (2, 2, 2), (1, 1, 1)
FLAT, CUBE = (3, 3, 1), (3, 3, 3)

# Patch, spacing, strides and kernels, all in the order rows, columns(, slices).
PLANS = {
    # 256×224 → 128×112 → 64×56 → 32×28 → 16×14 → 8×7; the 8 alone is below 12.
    "ACDC, 2D": ((256, 224), (1.5625, 1.5625), [(1, 1)] + [(2, 2)] * 5, [(3, 3)] * 6),
    # 10 / 1.5625 = 6.4 and 10 / 3.125 = 3.2 are at least 2, 10 / 6.25 = 1.6 is not; 20 slices → 10 → 5.
    "10 mm slices": (
        (256, 224, 20), (1.5625, 1.5625, 10.0), [ONE, IN_PLANE, IN_PLANE, ALL, ALL, IN_PLANE], [FLAT] * 2 + [CUBE] * 4,
    ),
    # As nnU-Net plans ACDC: 5 / 1.5625 = 3.2 is at least 2, 5 / 3.125 = 1.6 is not.
    "ACDC, 3D": (
        (256, 224, 20), (1.5625, 1.5625, 5.0), [ONE, IN_PLANE, ALL, ALL, IN_PLANE, IN_PLANE], [FLAT] + [CUBE] * 5,
    ),
    # 320×256×20 → 160×128 → 80×64 → 40×32×10 → 20×16×5 → 10×8 → 5×4; 3.6 / 1.25 = 2.88, 3.6 / 2.5 = 1.44.
    "prostate": (
        (320, 256, 20),
        (0.625, 0.625, 3.6),
        [ONE, IN_PLANE, IN_PLANE, ALL, ALL, IN_PLANE, IN_PLANE],
        [FLAT] * 2 + [CUBE] * 5,
    ),
    # The plan of a user of nnU-Net (its issue 856).
    "liver": ((128, 128, 128), (1.898, 1.898, 2.473), [ONE] + [ALL] * 5, [CUBE] * 6),
    # Six slices are never halved; their kernel grows at 10 / 6.25 = 1.6.
    "thin": ((64, 64, 6), (1.5625, 1.5625, 10.0), [ONE] + [IN_PLANE] * 4, [FLAT] * 2 + [CUBE] * 3),
    # Slices that stay too coarse get a kernel of 3 only at the bottom.
    "coarse": ((32, 32, 4), (1.0, 1.0, 20.0), [ONE] + [IN_PLANE] * 3, [FLAT] * 3 + [CUBE]),
    # 160×40×8 → 80×20 → 40×10 → 20×5: columns stay at 5 mm, of which the 10 of the slices are twice to the end;
    # the rows go on alone, 20 → 10, and then with the slices.
    "uneven": (
        (160, 40, 8), (0.625, 0.625, 10.0), [ONE, *[IN_PLANE] * 3, (2, 1, 1), (2, 1, 2)], [FLAT] * 5 + [CUBE],
    ),
    # Twice the finest spacing is not within a factor of 2.
    "twice": ((32, 32, 16), (1.0, 1.0, 2.0), [ONE, IN_PLANE, ALL, ALL], [FLAT] + [CUBE] * 3),
    # The columns end at 4; the rows go on alone to 16 → 8, and 8 is below 12.
    "narrow": ((64, 8), (1.0, 1.0), [(1, 1), (2, 2), (2, 1), (2, 1)], [(3, 3)] * 4),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANS)
def test_plan(name):
    patch, spacing, strides, kernels = PLANS[name]
    assert topology(patch, spacing) == (tuple(strides), tuple(kernels))


def products(strides):
    return [math.prod(along) for along in zip(*strides, strict=True)]


@settings(deadline=None)
@given(
    st.integers(2, 3).flatmap(
        lambda axes: st.lists(st.tuples(st.integers(32, 400), st.floats(0.3, 12)), min_size=axes, max_size=axes)
    )
)
def test_any_patch_or_the_one_proposed_in_its_place_ends_in_at_least_four_voxels(axes):
    patch, spacing = zip(*axes, strict=True)
    try:
        plan = topology(patch, spacing)
    except InputError as error:
        fitting = [int(size) for size in str(error).split("[")[-1].rstrip("]").split(",")]
        assert all(have <= new < 2 * have for have, new in zip(patch, fitting, strict=True))
        patch, plan = fitting, topology(fitting, spacing)
    ends = [size / step for size, step in zip(patch, products(plan.strides), strict=True)]
    assert all(end >= 4 and end.is_integer() for end in ends)
    assert min(ends) < 12
    backwards = topology(patch[::-1], spacing[::-1])
    assert [sizes[::-1] for stages in backwards for sizes in stages] == [sizes for stages in plan for sizes in stages]


def member(patch, spacing, **keys) -> dict[str, Any]:
    common = {"architecture": "generic_unet", "labels": ["LV", "MYO", "RV"], "head": "softmax", "width": 0.05}
    return {**common, "recipe": "mnms2", "patch": list(patch), "spacing": spacing, **keys}


def test_plan_of_a_member_takes_spacing_from_the_recipe():
    (patch, spacing, *plan) = PLANS["ACDC, 3D"]
    assert of_member(member(patch, list(spacing))) == tuple(map(tuple, plan))
    assert of_member(member((64, 64), [1.0, 3.0, 9.0])) == topology((64, 64), (1, 3))


@pytest.mark.parametrize("spacing", [None, [None, None, 8.0]])
def test_pixels_that_are_not_resampled_count_as_square(spacing):
    assert of_member(member((64, 96), spacing)) == topology((64, 96), (1, 1))


@pytest.mark.parametrize(("patch", "spacing", "message"), [
    ((288, 288), [1.0, 1.0, None], r"patch \[288, 288\]: .* it must be \[320, 320\]"),
    ((100, 64, 20), [1.5, 1.5, 10.0], r"it must be \[112, 64, 20\]"),
    ((16, 8), None, r"patch \[16, 8\] is too small"),
    ((64, 64, 16), [1.5, 1.5, None], "recipe 'mnms2' leaves the spacing of an axis open"),
    ((64, 64, 16), None, "recipe 'mnms2' leaves the spacing of an axis open"),
])  # fmt: skip
def test_bad_patch(patch, spacing, message):
    with pytest.raises(InputError, match=message):
        models.build(member(patch, spacing), 1, None)


def test_parameters_of_the_plane_network_by_hand():
    """Five times halved: 32, 64, 128, 256, 512, 512 channels; convolutions have no bias, heads have one."""
    down = 9 * (1 * 32 + 32**2 + 32 * 64 + 64**2 + 64 * 128 + 128**2 + 128 * 256 + 256**2 + 256 * 512 + 3 * 512**2)
    up = 4 * (512 * 512 + 512 * 256 + 256 * 128 + 128 * 64 + 64 * 32)
    up += 9 * (3 * 512**2 + 3 * 256**2 + 3 * 128**2 + 3 * 64**2 + 3 * 32**2)
    norms = 4 * (32 + 64 + 128 + 256 + 512 + 512) + 4 * (512 + 256 + 128 + 64 + 32)
    heads = 4 * (32 + 64 + 128 + 256) + 4 * 4
    patch, spacing, *_ = PLANS["ACDC, 2D"]
    for keys, extra in (({"deep_supervision": True}, 0), ({}, 4 * (64 + 128 + 256) + 4 * 3)):
        with torch.device("meta"):
            network = models.build(member(patch, spacing, width=1, normalisation="batch", **keys), 1, None)
        assert sum(parameter.numel() for parameter in network.parameters()) == down + up + norms + heads - extra


def test_parameters_of_the_solid_network_by_hand():
    """Kernels of 9, 27 … 27 voxels for 32, 64, 128, 256, 320, 320 channels; strides of 4, 8, 8, 4, 4 voxels."""
    down = 9 * (2 * 32 + 32**2)
    down += 27 * (32 * 64 + 64**2 + 64 * 128 + 128**2 + 128 * 256 + 256**2 + 256 * 320 + 3 * 320**2)
    up = 4 * 320 * 320 + 4 * 320 * 256 + 8 * 256 * 128 + 8 * 128 * 64 + 4 * 64 * 32
    up += 27 * 3 * (320**2 + 256**2 + 128**2 + 64**2) + 9 * 3 * 32**2
    norms = 4 * (32 + 64 + 128 + 256 + 320 + 320) + 4 * (320 + 256 + 128 + 64 + 32)
    patch, spacing, *_ = PLANS["ACDC, 3D"]
    with torch.device("meta"):
        network = models.build(member(patch, list(spacing), width=1), 2, None)
    assert sum(parameter.numel() for parameter in network.parameters()) == down + up + norms + 32 * 4 + 4


PLANE = {"patch": (64, 48), "spacing": [1.5, 1.5, None]}  # 64×48 → 32×24 → 16×12 → 8×6, and 8 alone is below 12
SOLID = {"patch": (64, 48, 8), "spacing": [1.5, 1.5, 4.0]}  # slices: kept, then 8 → 4, kept
CUBIC = {"patch": (64, 48, 8), "spacing": [1.5, 1.5, 2.5]}  # slices: 8 → 4 first; 3 × 3 × 3 voxels everywhere


@pytest.fixture
def seeded():
    torch.manual_seed(0)


def images(case, count=2) -> torch.Tensor:
    rows, columns, *slices = case["patch"]
    return torch.randn(count, 1, *slices, rows, columns, generator=torch.Generator().manual_seed(1))


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("normalisation", ["batch", "instance"])
@pytest.mark.parametrize(("case", "kernels", "strides"), [
    (PLANE, [3] * 4, [1, 2, 2, 2]),
    (CUBIC, [3] * 4, [1, 2, (1, 2, 2), (1, 2, 2)]),
])  # fmt: skip
def test_answers_of_monais_network_with_the_same_kernels(case, kernels, strides, normalisation):
    keys = {"width": 0.25, "normalisation": normalisation, "deep_supervision": True}
    own = models.build(member(**case, **keys), 1, None)
    theirs = DynUNet(
        len(case["patch"]), 1, 4, kernels, strides, strides[1:], filters=[8, 16, 32, 64],
        norm_name=normalisation if normalisation == "batch" else ("instance", {"affine": True}),
        deep_supervision=True, deep_supr_num=1,
    )  # fmt: skip
    pairs = [
        (own.encoder, [theirs.input_block, *theirs.downsamples, theirs.bottleneck]),
        (own.decoder, theirs.upsamples),
        (own.heads, [theirs.deep_supervision_heads[0], theirs.output_block]),
    ]
    for ours, blocks in pairs:
        for block, other in zip(ours, blocks, strict=True):
            block.load_state_dict(other.state_dict())
    batch = images(case)
    stacked = theirs.train()(batch)  # (n, outputs, classes, …), the coarse ones enlarged
    finest, coarse = own.train()(batch)
    torch.testing.assert_close(finest, stacked[:, 0], rtol=0, atol=0)
    enlarged = nn.functional.interpolate(coarse, finest.shape[2:])
    torch.testing.assert_close(enlarged, stacked[:, 1], rtol=0, atol=0)
    torch.testing.assert_close(own.eval()(batch), theirs.eval()(batch), rtol=0, atol=0)


def test_kernels_of_both_ways_are_those_of_the_plan():
    network = models.build(member(PLANS["10 mm slices"][0], [1.5625, 1.5625, 10.0]), 1, None)
    flat, cube = (1, 3, 3), (3, 3, 3)  # slices first
    down = [[stage.conv1.conv, stage.conv2.conv] for stage in network.encoder]
    up = [[stage.conv_block.conv1.conv, stage.conv_block.conv2.conv] for stage in network.decoder]
    assert [{layer.kernel_size for layer in pair} for pair in down] == [{flat}, {flat}, {cube}, {cube}, {cube}, {cube}]
    assert [{layer.kernel_size for layer in pair} for pair in up] == [{cube}, {cube}, {cube}, {flat}, {flat}]
    in_plane, every = (1, 2, 2), (2, 2, 2)
    assert [first.stride for first, _ in down] == [(1, 1, 1), in_plane, in_plane, every, every, in_plane]
    enlarged = [stage.transp_conv.conv for stage in network.decoder]
    assert [layer.stride for layer in enlarged] == [in_plane, every, every, in_plane, in_plane]
    assert all(layer.kernel_size == layer.stride for layer in enlarged)


@pytest.mark.usefixtures("seeded")
def test_weights_start_as_he_has_it_for_leaky_relu():
    network = models.build(member((64, 64), None, width=0.5), 1, None)
    kernels = network.encoder[3].conv2.conv.weight  # 128 channels of 3 × 3
    assert kernels.std().item() == pytest.approx(math.sqrt(2 / (1 + 0.01**2) / (128 * 9)), rel=0.02)
    assert not network.heads[0].conv.conv.bias.any()


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("case", [PLANE, SOLID])
def test_bfloat16_and_float32_agree(case):
    network = models.build(member(**case, normalisation="instance"), 1, None).eval()
    with torch.no_grad():
        exact = network(images(case))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            coarse = network(images(case))
    assert exact.dtype == torch.float32 and coarse.dtype == torch.bfloat16
    assert exact.shape == (2, 4, *images(case).shape[2:])
    assert (coarse.float() - exact).abs().mean() < 0.05 * exact.std()


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("case", [PLANE, SOLID])
def test_weights_come_back_from_safetensors(case, tmp_path):
    network, again = (models.build(member(**case, deep_supervision=True), 1, None).eval() for _ in range(2))
    assert not torch.equal(network(images(case)), again(images(case)))
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    again.load_state_dict(load_file(tmp_path / "model.safetensors"))
    assert torch.equal(network(images(case)), again(images(case)))


@pytest.mark.usefixtures("seeded")
def test_channels_are_narrowed_and_deep_supervision_leaves_out_the_two_lowest_grids():
    network = models.build(member((128, 128), None, width=0.25, deep_supervision=True), 1, None)
    batch = images({"patch": (128, 128)}, count=1)
    assert [level.shape[1] for level in network.encode(batch)] == [8, 16, 32, 64, 128, 128]
    assert [level.shape[-1] for level in network.encode(batch)] == [128, 64, 32, 16, 8, 4]
    assert [output.shape[-1] for output in network(batch)] == [128, 64, 32, 16]
    shallow = models.build(member((16, 16), None, deep_supervision=True), 1, None)
    assert shallow(batch[..., :16, :16]).shape == (1, 4, 16, 16)  # three stages: no grid is left


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("case", [PLANE, SOLID])
def test_every_parameter_learns_and_every_head_alone(case):
    network = models.build(member(**case, deep_supervision=True), 1, None).train()
    loss = losses.build("dice_cross_entropy", "softmax")
    batch = images(case)
    targets = torch.randint(4, (len(batch), *batch.shape[2:]), generator=torch.Generator().manual_seed(2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = network(batch)
    deep_supervision.total(loss, deep_supervision.answers(outputs), targets).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())
    for number, output in enumerate(reversed(network(batch))):
        network.zero_grad()
        loss(output, deep_supervision.shrunk(targets, output.shape[2:])).backward(retain_graph=True)
        reached = [any(parameter.grad is not None for parameter in head.parameters()) for head in network.heads]
        assert reached == [number == head for head in range(len(network.heads))]


def test_supervision_halves_the_weight_of_each_coarser_grid():
    assert deep_supervision.weights(3) == pytest.approx([4 / 7, 2 / 7, 1 / 7])
    outputs = [torch.full((1, 1, size, size), float(size)) for size in (8, 4, 2)]
    seen = []

    def mean(logits, targets):
        seen.append(targets.shape)
        return logits.mean() + targets.float().mean()

    total = deep_supervision.total(mean, outputs, torch.ones(1, 8, 8, dtype=torch.int64))
    assert total.item() == pytest.approx((4 * 8 + 2 * 4 + 2) / 7 + 1)
    assert seen == [(1, 8, 8), (1, 4, 4), (1, 2, 2)]
    assert torch.equal(deep_supervision.total(mean, outputs[:1], torch.ones(1, 8, 8)), torch.tensor(9.0))


def test_answers_are_float32_whatever_the_network_computed_in():
    logits = torch.zeros(1, 4, 2, 2, dtype=torch.bfloat16)
    assert [each.dtype for each in deep_supervision.answers([logits, logits])] == [torch.float32] * 2
    assert [each.dtype for each in deep_supervision.answers(logits)] == [torch.float32]


@pytest.mark.parametrize(("size", "coarse"), [((12, 16), (6, 4)), ((5, 24, 16), (5, 12, 8)), ((8, 24, 16), (2, 3, 2))])
def test_shrunk_truth_is_that_of_the_nearest_voxel(size, coarse):
    drawn = torch.randint(4, (2, 3, *size), generator=torch.Generator().manual_seed(0))
    expected = nn.functional.interpolate(drawn.float(), coarse, mode="nearest-exact")
    assert torch.equal(deep_supervision.shrunk(drawn, coarse).float(), expected)
    assert torch.equal(deep_supervision.shrunk(drawn[:, 0], coarse).float(), expected[:, 0])


def test_dice_cross_entropy_by_hand():
    # Two images of two pixels; the probability of class 1 is ½ everywhere, of class 2 ¼, of the background ¼.
    logits = torch.tensor([0.25, 0.5, 0.25]).log().reshape(1, 3, 1, 1).expand(2, 3, 1, 2)
    targets = torch.tensor([[[0, 1]], [[1, 1]]])
    # Class 1: 2 · (3 · ½) / (4 · ½ + 3) = 3/5. Class 2 is absent: 0. Background is left out.
    dice = 1 - (3 / 5 + 0) / 2
    cross_entropy = (math.log(4) + 3 * math.log(2)) / 4
    loss = losses.build("dice_cross_entropy", "softmax")
    assert loss(logits, targets).item() == pytest.approx(dice + cross_entropy, abs=1e-5)
    # Neither is there, nor is it predicted: Dice 1.
    assert loss(torch.tensor([0.0, -200.0]).reshape(1, 2, 1), torch.tensor([[0]])).item() == pytest.approx(0)
    with pytest.raises(InputError, match="head: softmax"):
        losses.build("dice_cross_entropy", "sigmoid")


@pytest.mark.parametrize("size", [(2, 4, 6, 10), (3, 4, 5, 6, 7)])
def test_dice_cross_entropy_is_monais_over_the_batch(size):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(size, generator=generator).requires_grad_()
    targets = torch.randint(3, (size[0], *size[2:]), generator=generator)  # the fourth class is absent
    theirs = DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True)
    expected = theirs(logits, targets.unsqueeze(1))
    measured = losses.build("dice_cross_entropy", "softmax")(logits, targets)
    torch.testing.assert_close(measured, expected)
    torch.testing.assert_close(*(torch.autograd.grad(value, logits)[0] for value in (measured, expected)))


@pytest.mark.parametrize(
    ("keys", "momentum", "decay"), [({}, 0.99, 3e-5), ({"momentum": 0.9, "weight_decay": 0.1}, 0.9, 0.1)]
)
def test_sgd_with_nesterovs_momentum_by_hand(keys, momentum, decay):
    parameter = nn.Parameter(torch.tensor([1.0]))
    optimiser = optimisers.build({"name": "sgd", **keys}, [parameter], 0.01)
    value, velocity = 1.0, 0.0
    for gradient in (2.0, -1.0, 0.5):
        parameter.grad = torch.tensor([gradient])
        optimiser.step()
        slope = gradient + decay * value
        velocity = momentum * velocity + slope
        value -= 0.01 * (slope + momentum * velocity)
    assert parameter.item() == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(("keys", "power"), [({}, 0.9), ({"power": 2.0}, 2)])
def test_polynomial_by_hand(keys, power):
    optimiser = optimisers.build("sgd", [nn.Parameter(torch.zeros(1))], 0.01)
    schedule, seen = schedules.build({"name": "polynomial", **keys}, optimiser, 5), []
    for _ in range(6):
        seen.append(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()
    assert seen == pytest.approx([0.01 * (1 - epoch / 5) ** power for epoch in range(5)] + [0])
