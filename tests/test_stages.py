"""Training in stages: what is frozen, what is thawed, and that a stopped training goes on in its stage."""

import copy

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from medley import samples, stages, train, validation
from medley.config import resolve
from medley.config_check import check
from medley.errors import InputError
from tests.conftest import ROOT
from tests.test_training import MEMBER, VALUES, arrays, run, stop_after

__all__ = ["arrays"]

STAGES = [
    {"epochs": 2, "freeze": ["encoder"], "lr": 0.02},
    {"epochs": 2, "freeze": ["encoder"], "thaw": ["encoder.model.layer4"], "lr": 0.01, "optimiser": "rmsprop",
     "schedule": {"name": "step", "factor": 0.5}},
]  # fmt: skip
STAGED = {**MEMBER, "stages": STAGES}


def training(arrays, folder, member=STAGED):
    held = [samples.Slices(arrays, cases, member["labels"], VALUES, member["head"]) for cases in ("abc", "d")]
    return train.Run(train.Task(member, VALUES, 0, 1, None), *held, "mark", folder)


def values(network, part):
    return {name: value.clone() for name, value in network.state_dict().items() if name.startswith(part)}


def changed(before, network):
    now = network.state_dict()
    return {name for name, value in before.items() if not torch.equal(value, now[name])}


def test_frozen_encoder_keeps_weights_and_statistics_and_the_thawed_layer_learns(arrays, tmp_path):
    run = training(arrays, tmp_path)
    encoder, decoder = values(run.network, "encoder"), values(run.network, "decoder")
    run.one_epoch()
    run.one_epoch()
    assert not changed(encoder, run.network)
    assert changed(decoder, run.network)
    run.one_epoch()
    moved = changed(encoder, run.network)
    assert moved
    assert all(name.startswith("encoder.model.layer4.") for name in moved)
    assert any(name.endswith("running_mean") for name in moved)
    gradients = {name: p.grad for name, p in run.network.named_parameters() if name.startswith("encoder.model.layer4")}
    assert any(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients.values())


def test_each_stage_has_its_own_rate_and_schedule(arrays, tmp_path):
    run = training(arrays, tmp_path)
    for _ in range(4):
        run.one_epoch()
    assert [row["learning_rate"] for row in run.history] == pytest.approx([0.02, 0.02, 0.01, 0.005])
    assert isinstance(run.optimiser, torch.optim.RMSprop)


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_stopped_in_any_stage_and_resumed_gives_the_same_file(arrays, tmp_path, monkeypatch, epoch):
    whole = run(arrays, tmp_path / "whole", STAGED)
    with monkeypatch.context() as patched:
        stop_after(patched, epoch)
        with pytest.raises(KeyboardInterrupt):
            run(arrays, tmp_path / "stopped", STAGED)
    assert run(arrays, tmp_path / "stopped", STAGED) == whole


def test_one_stage_that_freezes_nothing_is_the_plain_training(arrays, tmp_path):
    plain = run(arrays, tmp_path / "plain")
    assert run(arrays, tmp_path / "staged", {**MEMBER, "stages": [{"epochs": 4}]}) == plain


def test_unknown_module_is_named(arrays, tmp_path):
    with pytest.raises(InputError, match=r"no module 'encodr' .* encoder, decoder"):
        training(arrays, tmp_path, {**MEMBER, "stages": [{"epochs": 4, "freeze": ["encodr"]}]})


def test_module_whose_name_only_begins_alike_is_not_frozen():
    network = nn.ModuleDict({"block": nn.Linear(1, 1), "block2": nn.Linear(1, 1)})
    stage = stages.Stage(1, 0.1, "adam", "constant", freeze=["block"])
    assert stages.freeze(network, stage) == [network["block"]]
    assert [p.requires_grad for p in network.parameters()] == [False, False, True, True]


def test_best_validation_dice_is_kept_and_noted(arrays, tmp_path):
    member = {**MEMBER, "keep": "best_validation_dice", "epochs": 6}
    run(arrays, tmp_path, member)
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert lines[0].split(",")[-1] == "validation_dice"
    dices = [float(line.split(",")[-1]) for line in lines[1:]]
    assert f'"best_epoch": {dices.index(max(dices)) + 1}' in (tmp_path / "run.json").read_text()


@pytest.mark.parametrize("head", ["sigmoid", "softmax"])
def test_validation_dice_by_counting(head):
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(3, 3, 8, 8)).astype(np.float32)
    if head == "sigmoid":
        truth = generator.random((3, 3, 8, 8)) < 0.3
        logits[0, 1], truth[0, 1] = -1, False  # both empty
        predicted, targets = logits > 0, torch.from_numpy(truth.astype(np.float32))
    else:
        classes = generator.integers(0, 3, (3, 8, 8))
        truth = np.stack([classes == 1, classes == 2], axis=1)
        winner = logits.argmax(1)
        predicted, targets = np.stack([winner == 1, winner == 2], axis=1), torch.from_numpy(classes)
    expected = [
        [(2 * np.sum(t & p) + 0.001) / (np.sum(t) + np.sum(p) + 0.001) for t, p in zip(*pair, strict=True)]
        for pair in zip(truth, predicted, strict=True)
    ]
    found = validation.dice(torch.from_numpy(logits), targets, head)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


# Configuration


@pytest.fixture
def config():
    with (ROOT / "tests/workflow.yaml").open() as stream:
        loaded = yaml.safe_load(stream)
    member = loaded["studies"]["acdc"]["members"]["fpn"]
    member["stages"] = [{"epochs": 10, "freeze": ["encoder"]}, {"epochs": 5, "lr": 1.0e-6}]
    return loaded


def test_epochs_of_stages_add_up_and_a_preset_shortens_each(config):
    full = resolve(copy.deepcopy(config))["studies"]["acdc"]["members"]["fpn"]
    assert full["epochs"] == 15
    config["preset"] = "demo"
    config["presets"]["demo"]["epochs"] = 3
    short = resolve(config)["studies"]["acdc"]["members"]["fpn"]
    assert [stage["epochs"] for stage in short["stages"]] == [2, 1]
    assert short["epochs"] == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 10}, "members.fpn.epochs: its stages say how many; remove it"),
        ({"stages": [{"epochs": 1, "optimiser": "adan"}]}, r"stages\[0\].optimiser: no optimiser 'adan'; did you mean"),
        ({"stages": [{"lr": 0.1}]}, r"stages\[0\]: no 'epochs'; add it"),
        ({"stages": [{"epochs": 1, "freze": ["encoder"]}]}, "freze: unknown key; did you mean 'freeze'"),
    ],
)
def test_wrong_stages_are_named(config, change, message):
    config["studies"]["acdc"]["members"]["fpn"] |= change
    with pytest.raises(InputError, match=message):
        check(config)
