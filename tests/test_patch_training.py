"""Training on patches, with deep supervision and against an adversary: it learns, and can be stopped at any epoch."""

import json

import numpy as np
import pytest
import torch

from medley import adversary, patches, predict, state, store, train
from medley.errors import InputError

FLAT = {
    "architecture": "generic_unet", "encoder": None, "weights": None, "width": 0.25, "labels": ["heart"],
    "head": "softmax", "recipe": "pad", "spacing": [1.5, 1.5, None], "patch": [16, 32], "patches": 12,
    "foreground": 0.5, "deep_supervision": True, "loss": "dice_cross_entropy", "optimiser": "sgd", "clip": 12.0,
    "lr": 1e-2, "schedule": "polynomial", "batch": 4, "epochs": 4, "keep": "best_validation_dice",
}  # fmt: skip
VOLUME = FLAT | {"patch": [16, 32, 4], "spacing": [1.5, 1.5, 5.0], "batch": 2, "patches": 6}
ADVERSE = FLAT | {"adversary": 0.3}
VALUES = {"heart": (1, 2)}
RECIPE = {"intensity": None, "spacing": None, "shape": None}
VENDORS = {"a": "ge", "b": "philips", "c": "ge", "d": "siemens"}


@pytest.fixture
def arrays(tmp_path):
    """Four cases of different sizes, with a bright square, in a store."""
    folder = tmp_path / "arrays"
    folder.mkdir()
    generator = np.random.default_rng(0)
    entries = {}
    for case, shape in zip("abcd", [(5, 20, 40), (3, 16, 33), (6, 31, 44), (4, 14, 50)], strict=True):
        mask = np.zeros(shape, dtype=np.uint8)
        mask[1:, 3:11, 10:30] = generator.integers(1, 3)
        image = (mask > 0) + 0.3 * generator.standard_normal(shape)
        digest = store.write_case(folder, case, image[None].astype(np.float32), mask)
        slices, rows, columns = shape
        entries[case] = {"shape": [rows, columns, slices], "spacing": [1, 1, 8], "sha256": digest}
    store.write_index(folder, RECIPE, {"x": (1,), "y": (2,)}, entries)
    return folder


def run(arrays, folder, member):
    held = [patches.build(member, cases == "abc", arrays, list(cases), VALUES) for cases in ("abc", "d")]
    domains = adversary.numbered({case: VENDORS[case] for case in "abc"}) if "adversary" in member else {}
    train.train(train.Task(member, VALUES, 0, 1, None, domains), *held, "mark", folder)
    return (folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize("member", [FLAT, VOLUME, ADVERSE], ids=["flat", "volume", "adverse"])
def test_stopped_and_resumed_gives_the_same_file(arrays, tmp_path, monkeypatch, member):
    whole = run(arrays, tmp_path / "whole", member)
    save = state.save

    def save_and_die(folder, mark, epoch, *saved):
        save(folder, mark, epoch, *saved)
        if epoch == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(state, "save", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            run(arrays, tmp_path / "stopped", member)
    assert run(arrays, tmp_path / "stopped", member) == whole
    record = json.loads((tmp_path / "whole" / "run.json").read_text())
    assert record["slices_per_epoch"] == member["patches"]


@pytest.mark.parametrize("member", [FLAT, VOLUME], ids=["flat", "volume"])
def test_learns_a_bright_square_and_predicts_it_in_windows(arrays, tmp_path, member):
    run(arrays, tmp_path / "run", member | {"epochs": 12, "patches": 24})
    predictor = predict.Predictor(member, 1, tmp_path / "run" / "model.safetensors", threads=1)
    for case, probabilities in predict.predict_cases(predictor, arrays, ["d"]):
        truth = np.asarray(store.open_mask(arrays, case)) > 0
        found = probabilities[1] > 0.5
        assert found.shape == truth.shape
        assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.8


def test_adversary_changes_the_network_but_not_what_it_is_made_of(arrays, tmp_path):
    plain, adverse = run(arrays, tmp_path / "plain", FLAT), run(arrays, tmp_path / "adverse", ADVERSE)
    assert plain != adverse
    assert len(plain) == len(adverse)  # the head is no part of the model
    first, second = ((tmp_path / name / "history.csv").read_text().splitlines()[1] for name in ("plain", "adverse"))
    # Its gradient begins at 0, and what is noted is the segmentation's loss alone: the first epoch is the same.
    assert first.split(",")[:3] == second.split(",")[:3]


def test_adversary_needs_two_vendors():
    with pytest.raises(InputError, match="the training part has one vendor alone"):
        adversary.build(ADVERSE, torch.nn.Identity(), {"a": 0, "b": 0})


def test_gradient_is_shortened_to_the_norm(arrays, tmp_path):
    held = [patches.build(FLAT, cases == "abc", arrays, list(cases), VALUES) for cases in ("abc", "d")]
    trained = train.Run(train.Task(FLAT | {"clip": 1e-3}, VALUES, 0, 1, None), *held, "mark", tmp_path)
    loss, *_ = trained._forward(trained.training, [0, 1], (0, 0, 1))
    trained._step(loss)
    gradients = torch.cat([value.grad.flatten() for value in trained.network.parameters()])
    assert gradients.norm().item() == pytest.approx(1e-3, rel=1e-3)
