"""Networks: those that the authors printed or a library has, and what a narrower one has in common with them."""

from typing import Any

import pytest
import segmentation_models_pytorch as smp
import torch
from safetensors.torch import save_file
from torch import nn

from medley import models, optimisers
from medley.models import _efficientnet
from medley.models._stages import Residual, Stages
from medley.models.final_cnn import activations


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


OWN = ["simple_cnn", "simple_cnn_bn_dropout", "residual_skip_cnn", "final_cnn"]  # networks of the gi_tract study


def of_gi_tract(architecture: str, width: float = 0.1, channels: int = 1, **keys: Any) -> Any:
    encoder = "efficientnet-b3" if architecture == "UnetPlusPlus" else None
    common = {"encoder": encoder, "width": width, "labels": ["stomach", "large_bowel", "small_bowel"]}
    member = {"architecture": architecture, **common, "head": "sigmoid", **keys}
    return models.build(member, channels, None)


def random_images(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("architecture", [*OWN, "UnetPlusPlus"])
def test_a_prior_is_where_probabilities_start(architecture):
    torch.manual_seed(0)
    images = random_images(4, 1, 96, 96)
    plain, started = (of_gi_tract(architecture, **keys).train()(images) for keys in ({}, {"prior": 0.02}))
    assert plain.sigmoid().median() > 0.2
    for label in range(3):
        assert started[:, label].mean().sigmoid().item() == pytest.approx(0.02, abs=0.03)


# The authors' table of final_cnn: channels and size after a row, and the parameters of the convolutions in it.
ENCODERS = {
    1: (64, 224, 36_864, 36_864), 2: (64, 112, 36_864, 36_864), 3: (128, 56, 73_728, 147_456),
    4: (128, 28, 147_456, 147_456), 5: (256, 14, 294_912, 589_824), 6: (256, 7, 589_824, 589_824),
    7: (512, 4, 1_179_648, 2_359_296), 8: (512, 2, 2_359_296, 2_359_296),
}  # fmt: skip
POOLED = {1: 112, 3: 28, 5: 7, 7: 2}
DECODERS = [
    (512, 2, 2_359_296, 2_359_296), (512, 2, 2_359_296, 2_359_296), (256, 7, 1_179_648, 589_824),
    (256, 7, 589_824, 589_824), (128, 28, 1_179_648, 147_456), (128, 28, 147_456, 147_456),
    (64, 112, 294_912, 36_864), (64, 112, 36_864, 36_864),
]  # fmt: skip


def printed_rows() -> list[tuple[str, int, int, int]]:
    """The 121 rows: type, channels, size, parameters; a block itself is a row after its layers."""
    rows = [("Conv2d", 64, 224, 9_408), ("BatchNorm2d", 64, 224, 128), ("ReLU", 64, 224, 0)]
    for number, (channels, size, *convolutions) in ENCODERS.items():
        for weights in convolutions:
            cells = {"Conv2d": weights, "BatchNorm2d": 2 * channels, "ReLU": 0, "Dropout2d": 0}
            rows += [(kind, channels, size, count) for kind, count in cells.items()]
        rows.append(("EncoderBlock", channels, size, 0))
        if number in POOLED:
            rows.append(("MaxPool2d", channels, POOLED[number], 0))
    for channels, size, *convolutions in DECODERS:
        for weights in convolutions:
            rows += [("ConvTranspose2d", channels, size, weights), ("BatchNorm2d", channels, size, 2 * channels)]
        rows.append(("DecoderBlock", channels, size, 0))
    return [*rows, ("ConvTranspose2d", 3, 224, 12_288), ("BatchNorm2d", 3, 224, 6)]


@pytest.mark.parametrize("keys", [{}, {"decoder_activation": "relu"}])
def test_final_cnn_is_the_authors_table_row_by_row(keys):
    network, rows, elements = of_gi_tract("final_cnn", width=1, channels=3, **keys), [], []

    def note(module: nn.Module, _inputs: Any, outputs: torch.Tensor) -> None:
        _, channels, height, width = outputs.shape
        assert height == width
        rows.append((type(module).__name__, channels, height, sum(p.numel() for p in module.parameters(recurse=False))))
        elements.append(outputs.numel())

    for module in network.modules():
        if not isinstance(module, nn.Sequential | nn.ModuleDict | Stages):  # as torchsummary does
            module.register_forward_hook(note)
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, 224, 224))
    assert len(rows) == 121
    assert rows == printed_rows()
    assert parameters(network) == 25_436_486
    assert round(2 * 4 * sum(elements) / 2**20, 3) == 467.906  # MB, as printed


def test_final_cnn_adds_identities_and_skips_where_shapes_agree():
    network = of_gi_tract("final_cnn").eval()
    inputs, outputs = {}, {}
    same = {f"{kind}_{number}" for kind in ("encoder", "decoder") for number in (1, 2, 4, 6, 8)}
    for name, stage in network.stages.named_children():
        if "coder" in name:
            if name in same or "decoder" in name:
                stage.layers[-1 if "decoder" in name else -3].weight.data.zero_()  # the last batch norm: layers give 0
            stage.register_forward_pre_hook(lambda _, given, name=name: inputs.update({name: given[0]}))
            stage.register_forward_hook(lambda _, given, made, name=name: outputs.update({name: made}))
    network(random_images(1, 1, 96, 96))
    assert same == {name for name in outputs if torch.equal(outputs[name], inputs[name])}
    for earlier, later in ((6, 4), (4, 6), (2, 8)):  # added after D3, D5, D7, which give 0 here
        assert outputs[f"encoder_{earlier}"].any() and not outputs[f"decoder_{later - 1}"].any()
        torch.testing.assert_close(inputs[f"decoder_{later}"], outputs[f"encoder_{earlier}"], rtol=0, atol=0)


def test_relu_in_the_decoder_of_final_cnn_leaves_nothing_below_zero():
    images = random_images(1, 1, 96, 96)
    for keys, lowest in (({}, False), ({"decoder_activation": "relu"}, True)):
        maps = activations(of_gi_tract("final_cnn", **keys), images)
        assert all((value.min() >= 0) == lowest for name, value in maps.items() if "decoder" in name)
        assert maps["head"].min() < 0


def test_activations_come_stage_by_stage_and_leave_the_network_alone():
    network = of_gi_tract("final_cnn").train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    maps = activations(network, random_images(2, 1, 96, 96))
    names = (
        "stem encoder_1 pool_1 encoder_2 encoder_3 pool_2 encoder_4 encoder_5 pool_3 encoder_6 encoder_7 pool_4 "
        "encoder_8 decoder_1 decoder_2 decoder_3 decoder_4 decoder_5 decoder_6 decoder_7 decoder_8 head"
    )
    assert list(maps) == names.split()
    assert maps["encoder_7"].shape[-2:] == (2, 2) and maps["decoder_7"].shape[-2:] == (48, 48)
    assert network.training and not any(module._forward_hooks for module in network.modules())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_residual_skip_cnn_adds_each_level_of_the_encoder_to_the_decoders():
    network = of_gi_tract("residual_skip_cnn").eval()
    inputs: dict[str, torch.Tensor] = {}
    for name, stage in network.stages.named_children():
        stage.register_forward_pre_hook(lambda _, given, name=name: inputs.update({name: given[0]}))
    maps = activations(network, random_images(1, 1, 32, 48))
    for later, next_stage, earlier in ((1, "decoder_2", 3), (2, "decoder_3", 2), (3, "head", 1)):
        expected = maps[f"decoder_{later}"] + maps[f"encoder_{earlier}"]
        torch.testing.assert_close(inputs[next_stage], expected, rtol=0, atol=0)


def test_residuals_of_residual_skip_cnn_are_identities():
    residuals = [module for module in of_gi_tract("residual_skip_cnn").eval().modules() if isinstance(module, Residual)]
    assert len(residuals) == 7
    for residual in residuals:
        norm = residual.layers[1]
        norm.weight.data.zero_()
        inputs = random_images(1, norm.num_features, 4, 4)
        torch.testing.assert_close(residual(inputs), inputs, rtol=0, atol=0)


@pytest.mark.parametrize("architecture", OWN)
@pytest.mark.parametrize(("width", "rows", "columns"), [(0.05, 50, 83), (0.3, 128, 160), (0.1, 192, 256)])
def test_own_networks_map_images_of_any_size_to_logits(architecture, width, rows, columns):
    network = of_gi_tract(architecture, width).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 1, rows, columns)).shape == (1, 3, rows, columns)


def test_final_cnn_pads_with_zeros_what_its_blocks_do_not_give_back():
    network, images = of_gi_tract("final_cnn").eval(), random_images(1, 1, 64, 100)
    padded = torch.zeros(1, 1, 96, 128)
    padded[..., :64, :100] = images
    with torch.no_grad():
        torch.testing.assert_close(network(images), network(padded)[..., :64, :100], rtol=0, atol=0)


@pytest.mark.parametrize("architecture", OWN)
def test_own_networks_see_one_channel_as_three_equal_ones(architecture):
    network, images = of_gi_tract(architecture).eval(), random_images(1, 1, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(network(images), network(images.repeat(1, 3, 1, 1)), rtol=0, atol=0)
    assert parameters(network) == parameters(of_gi_tract(architecture, channels=3))


@pytest.mark.parametrize("architecture", [*OWN, "UnetPlusPlus"])
def test_a_third_of_the_width_is_a_tenth_of_the_parameters(architecture):
    share = parameters(of_gi_tract(architecture, 0.3)) / parameters(of_gi_tract(architecture, 1))
    assert 0.08 < share < 0.11


@pytest.mark.parametrize(("architecture", "norms", "dropouts"), [
    ("simple_cnn", 0, 0), ("simple_cnn_bn_dropout", 8, 7), ("residual_skip_cnn", 15, 14), ("final_cnn", 34, 16),
])  # fmt: skip
def test_batch_norm_and_dropout_of_the_own_networks(architecture, norms, dropouts):
    found = list(of_gi_tract(architecture, dropout=0.25).modules())
    assert sum(isinstance(module, nn.BatchNorm2d) for module in found) == norms
    assert [module.p for module in found if isinstance(module, nn.Dropout2d)] == [0.25] * dropouts
    if dropouts:
        default = [module.p for module in of_gi_tract(architecture).modules() if isinstance(module, nn.Dropout2d)]
        assert set(default) == {0.1}


@pytest.mark.parametrize("architecture", [*OWN, "UnetPlusPlus"])
def test_same_seed_same_weights_after_steps_of_training(architecture):
    def trained(seed: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(seed)
        network = of_gi_tract(architecture, 0.05)
        optimiser = optimisers.build({"name": "rmsprop"}, network.parameters(), 1e-3)
        for _ in range(2):
            optimiser.zero_grad()
            network(random_images(2, 1, 96, 96)).square().mean().backward()
            optimiser.step()
        weights: dict[str, torch.Tensor] = network.state_dict()
        return weights

    one, again, other = trained(0), trained(0), trained(1)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_unetplusplus_is_the_librarys_with_the_parameters_that_the_study_names():
    network = of_gi_tract("UnetPlusPlus", width=1, channels=3)
    assert parameters(network.encoder) == 10_696_232
    assert parameters(network.decoder) == 2_928_416
    published = smp.UnetPlusPlus("efficientnet-b3", encoder_weights=None, in_channels=3, classes=3)
    assert shapes(network) == shapes(published)


def shapes(network: nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in network.state_dict().items()}


def test_narrow_efficientnet_of_width_one_is_the_librarys_own():
    own = smp.encoders.get_encoder(_efficientnet.register("efficientnet-b0", 1.0)).eval()
    published = smp.encoders.get_encoder("efficientnet-b0", weights=None).eval()
    published.load_state_dict(own.state_dict())
    assert own.out_channels == published.out_channels
    images = random_images(1, 3, 64, 64)
    for ours, theirs in zip(own(images), published(images), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_narrow_efficientnet_has_the_librarys_names():
    assert list(shapes(of_gi_tract("UnetPlusPlus", 0.1))) == list(shapes(of_gi_tract("UnetPlusPlus", 1)))


def test_last_convolution_to_thaw_gets_a_gradient_and_the_one_behind_it_none():
    network = of_gi_tract("UnetPlusPlus").train()
    network.encoder.requires_grad_(False)
    thawed = ["encoder._blocks.25._project_conv", "encoder._blocks.25._bn2"]
    for name in [*thawed, "encoder._conv_head"]:
        network.get_submodule(name).requires_grad_(True)
    network(random_images(2, 1, 64, 64)).square().mean().backward()
    for name in thawed:
        assert all(parameter.grad.abs().sum() > 0 for parameter in network.get_submodule(name).parameters())
    assert network.encoder._conv_head.weight.grad is None
    assert network.encoder._conv_stem.weight.grad is None
    assert len(network.encoder._blocks) == 26  # so 25 is the last


def test_pretrained_efficientnet_is_read_from_a_file(tmp_path):
    encoder = smp.encoders.get_encoder("efficientnet-b0", weights=None)
    save_file(encoder.state_dict(), tmp_path / "weights.safetensors")
    member = {
        "architecture": "UnetPlusPlus",
        "encoder": "efficientnet-b0",
        "width": 1,
        "labels": ["x"],
        "head": "sigmoid",
    }
    network = models.build(member, 1, str(tmp_path / "weights.safetensors")).eval()
    image = random_images(1, 1, 64, 64)
    for ours, theirs in zip(network.encoder(image)[1:], encoder.eval()(image.repeat(1, 3, 1, 1))[1:], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("encoder", "count"), [("vgg19", 21_186_385), ("densenet121", 8_785_041)])
def test_deeplabv3plus_on_encoders_that_halve_by_pooling(encoder, count):
    member = {"architecture": "DeepLabV3Plus", "encoder": encoder, "width": 1, "labels": ["x"], "head": "sigmoid"}
    network = models.build(member, 3, None).eval()
    assert parameters(network) == count
    plain = smp.encoders.get_encoder(encoder, weights=None)
    assert list(network.encoder.state_dict()) == list(plain.state_dict())
    features = network.encoder(random_images(1, 3, 64, 96))
    assert [tuple(feature.shape[2:]) for feature in features[-2:]] == [(4, 6), (4, 6)]
    assert network(random_images(1, 3, 64, 96)).shape == (1, 1, 64, 96)


@pytest.mark.parametrize("encoder", ["vgg19", "densenet121"])
def test_undilated_and_at_width_one_these_encoders_are_the_librarys_own(encoder):
    member = {"architecture": "Unet", "encoder": encoder, "width": 1, "labels": ["x"], "head": "sigmoid"}
    own, plain = models.build(member, 3, None).encoder.eval(), smp.encoders.get_encoder(encoder, weights=None).eval()
    plain.load_state_dict(own.state_dict())
    image = random_images(1, 3, 64, 64)
    for ours, theirs in zip(own(image), plain(image), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_dilation_of_densenet_keeps_what_a_convolution_sees():
    """Every second pixel of the dilated features is what the plain block makes of every second pixel."""
    member = {"architecture": "DeepLabV3Plus", "encoder": "densenet121", "width": 0.25, "labels": ["x"]}
    network = models.build({**member, "head": "sigmoid"}, 3, None).eval()
    plain = models.build({**member, "architecture": "Unet", "head": "sigmoid"}, 3, None).eval()
    plain.encoder.load_state_dict(network.encoder.state_dict())
    features = random_images(1, 3, 64, 64)
    entering = network.encoder.features.transition3.conv(network.encoder(features)[-2])
    dilated = network.encoder.features.denseblock4(entering)
    thinned = plain.encoder.features.denseblock4(entering[..., ::2, ::2])
    torch.testing.assert_close(dilated[..., ::2, ::2], thinned, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", ["Unet", "DeepLabV3Plus"])
@pytest.mark.parametrize("encoder", ["vgg19", "densenet121", "resnet50"])
@pytest.mark.parametrize("width", [0.125, 0.3])
def test_encoders_of_base_architectures_can_be_narrow(architecture, encoder, width):
    member = {"architecture": architecture, "encoder": encoder, "width": width, "labels": ["x"], "head": "sigmoid"}
    network = models.build(member, 1, None).eval()
    assert network(random_images(1, 1, 64, 96)).shape == (1, 1, 64, 96)
    # A DenseNet grows by 8 channels a layer at least, which is its width of 0.25.
    share = max(width, 0.25) if encoder == "densenet121" else width
    assert parameters(network) < 1.5 * share**2 * parameters(models.build({**member, "width": 1}, 1, None))
