"""Training and prediction on a tiny store: resume, determinism, and that it learns."""

import errno
import json
import logging
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from medley import lock, losses, models, precision, predict, samples, state, store, train
from medley.errors import InputError

MEMBER = {
    "architecture": "FPN", "encoder": "resnet18", "weights": None, "width": 0.25, "labels": ["heart"],
    "head": "softmax", "recipe": "pad", "loss": "dice", "optimiser": "adam", "lr": 1e-3, "schedule": "constant",
    "batch": 4, "epochs": 4, "keep": "best_validation_loss",
}  # fmt: skip
VALUES = {"heart": (1, 2)}
FLOAT32 = {"precision": "float32"}
RECIPE = {"intensity": "minmax", "spacing": None, "shape": [32, 64, 4]}


@pytest.fixture
def arrays(tmp_path):
    """Four cases of four slices with a bright square, in a store."""
    folder = tmp_path / "arrays"
    folder.mkdir()
    generator = np.random.default_rng(0)
    entries = {}
    for case in ("a", "b", "c", "d"):
        mask = np.zeros((4, 32, 64), dtype=np.uint8)
        row, column = generator.integers(4, 16, size=2)
        mask[:, row : row + 10, column : column + 20] = generator.integers(1, 3)
        image = (mask > 0) + 0.3 * generator.standard_normal(mask.shape)
        digest = store.write_case(folder, case, image[None].astype(np.float32), mask)
        entries[case] = {"shape": [32, 64, 4], "spacing": [1, 1, 8], "sha256": digest}
    store.write_index(folder, RECIPE, {"x": (1,), "y": (2,)}, entries)
    return folder


def run(arrays, folder, member=MEMBER, mark="mark", seed=0):
    held = [samples.Slices(arrays, cases, member["labels"], VALUES, member["head"]) for cases in ("abc", "d")]
    train.train(train.Task(member, VALUES, seed, 1, None), *held, mark, folder)
    return (folder / "model.safetensors").read_bytes()


def stop_after(monkeypatch, epochs):
    """Let the training die right after it saved the state of an epoch."""
    save = state.save

    def save_and_die(folder, mark, epoch, *saved):
        save(folder, mark, epoch, *saved)
        if epoch == epochs:
            raise KeyboardInterrupt

    monkeypatch.setattr(state, "save", save_and_die)


@pytest.mark.parametrize("architecture", ["FPN", "DeepLabV3Plus"])
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_stopped_and_resumed_gives_the_same_file(arrays, tmp_path, monkeypatch, architecture, schedule):
    member = {**MEMBER, "architecture": architecture, "schedule": schedule}
    whole = run(arrays, tmp_path / "whole", member)
    with monkeypatch.context() as patched:
        stop_after(patched, 2)
        with pytest.raises(KeyboardInterrupt):
            run(arrays, tmp_path / "stopped", member)
    assert not (tmp_path / "stopped" / "model.safetensors").exists()
    assert run(arrays, tmp_path / "stopped", member) == whole
    first, second = ((tmp_path / name / "history.csv").read_text().splitlines() for name in ("whole", "stopped"))
    assert [line.rsplit(",", 1)[0] for line in first] == [line.rsplit(",", 1)[0] for line in second]  # but for seconds


def test_same_seed_same_file_other_seed_another(arrays, tmp_path):
    assert run(arrays, tmp_path / "one") == run(arrays, tmp_path / "two")
    assert run(arrays, tmp_path / "one") != run(arrays, tmp_path / "three", seed=1)


def test_state_of_another_training_is_not_used(arrays, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        stop_after(patched, 3)
        with pytest.raises(KeyboardInterrupt):
            run(arrays, tmp_path / "run", {**MEMBER, "lr": 0.1}, mark="other")
    assert run(arrays, tmp_path / "run") == run(arrays, tmp_path / "fresh")


def test_torn_state_is_passed_over(arrays, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        stop_after(patched, 3)
        with pytest.raises(KeyboardInterrupt):
            run(arrays, tmp_path / "run")
    newest = max((tmp_path / "run" / "state").glob("*.pt"))
    newest.write_bytes(newest.read_bytes()[:-100])
    loaded = state.load(tmp_path / "run" / "state", "mark", precision.choose().names()["precision"])
    assert len(loaded["history"]) == 2
    assert run(arrays, tmp_path / "run") == run(arrays, tmp_path / "fresh")


def test_finished_training_is_answered_from_its_state(arrays, tmp_path, monkeypatch):
    whole = run(arrays, tmp_path / "run")
    (tmp_path / "run" / "model.safetensors").unlink()
    monkeypatch.setattr(train.Run, "one_epoch", lambda self: pytest.fail("trained again"))
    assert run(arrays, tmp_path / "run") == whole
    assert len(list((tmp_path / "run" / "state").glob("*.pt"))) == 1


def test_second_job_waits_and_finishes_from_the_state_of_the_first(arrays, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(lock, "LOOK", 0.05)
    caplog.set_level(logging.INFO)
    epochs, one_epoch = [], train.Run.one_epoch

    def slowly(self):
        epochs.append(threading.current_thread().name)
        time.sleep(0.1)
        one_epoch(self)

    monkeypatch.setattr(train.Run, "one_epoch", slowly)
    jobs = [threading.Thread(target=run, args=(arrays, tmp_path / "run")) for _ in range(2)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(60)
    assert len(epochs) == MEMBER["epochs"] and len(set(epochs)) == 1
    assert "waiting until it is done" in caplog.text
    assert "this training is done, by the job that worked on it before" in caplog.text
    monkeypatch.undo()
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == run(arrays, tmp_path / "alone")


def test_job_that_was_taken_for_gone_writes_nothing_more(arrays, tmp_path, monkeypatch, caplog):
    """After its second epoch another job has taken over, and is killed later: then this one goes on."""
    monkeypatch.setattr(lock, "LOOK", 0.05)
    folder, found = tmp_path / "run" / "state", []
    one_epoch, load = train.Run.one_epoch, state.load

    def lose(self):
        one_epoch(self)
        if self.epoch == 2 and len(found) == 1:
            theirs = folder / "lock-00002.json"
            theirs.write_text(json.dumps({"process": "0123456789ab_7_100"}))
            os.utime(theirs, (time.time() - 600,) * 2)

    def look(*arguments):
        found.append(sorted(path.name for path in folder.iterdir()))
        return load(*arguments)

    monkeypatch.setattr(train.Run, "one_epoch", lose)
    monkeypatch.setattr(state, "load", look)
    model = run(arrays, tmp_path / "run")
    assert found == [["lock-00001.json"], ["epoch-00001.json", "epoch-00001.pt", "lock-00003.json"]]
    assert "another job took this folder over" in caplog.text
    monkeypatch.undo()
    assert model == run(arrays, tmp_path / "alone")


@pytest.mark.parametrize("torn", ["state cut", "state changed", "state empty", "no label", "label cut"])
def test_whatever_is_torn_of_a_state_the_one_before_is_used(tmp_path, caplog, torn):
    for epoch in (1, 2):
        state.save(tmp_path, "mark", epoch, {"history": list(range(epoch))}, FLOAT32)
    file, label = tmp_path / "epoch-00002.pt", tmp_path / "epoch-00002.json"
    content = file.read_bytes()
    if torn == "no label":  # killed between the two
        label.unlink()
    elif torn == "label cut":
        label.write_text(label.read_text()[:40])
    else:
        changed = content[:200] + bytes([content[200] ^ 1]) + content[201:]
        file.write_bytes({"state cut": content[:-1], "state changed": changed, "state empty": b""}[torn])
    assert state.load(tmp_path, "mark", "float32") == {"history": [0]}
    assert "epoch-00002.pt is not whole" in caplog.text


def test_two_torn_states_are_a_fresh_start(tmp_path):
    for epoch in (1, 2):
        state.save(tmp_path, "mark", epoch, {"history": []}, FLOAT32)
        (tmp_path / f"epoch-0000{epoch}.pt").write_bytes(b"")
    assert state.load(tmp_path, "mark", "float32") is None
    assert list(tmp_path.iterdir()) == []


def test_state_of_another_precision_is_refused_and_kept(tmp_path):
    state.save(tmp_path, "mark", 1, {"history": [0]}, {"precision": "bfloat16"})
    with pytest.raises(InputError, match=r"trained in bfloat16, .* float16: .* gpu_model"):
        state.load(tmp_path, "mark", "float16")
    assert state.load(tmp_path, "mark", "bfloat16") == {"history": [0]}


def test_state_that_cannot_be_read_for_a_moment_is_not_thrown_away(tmp_path, monkeypatch):
    state.save(tmp_path, "mark", 1, {"history": [0]}, FLOAT32)

    def stale(_):
        raise OSError(errno.ESTALE, "Stale file handle")

    with monkeypatch.context() as patched:
        patched.setattr(state, "read_json", stale)
        with pytest.raises(OSError, match="Stale"):
            state.load(tmp_path, "mark", "float32")
    assert state.load(tmp_path, "mark", "float32") == {"history": [0]}


def test_outputs_of_the_job_before_are_not_written_again(arrays, tmp_path):
    run(arrays, tmp_path / "run")
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").glob("*.*")}
    run(arrays, tmp_path / "run")
    assert {path: path.stat().st_mtime_ns for path in written} == written
    run(arrays, tmp_path / "run", mark="other")
    assert (tmp_path / "run" / "run.json").stat().st_mtime_ns != written[tmp_path / "run" / "run.json"]


@pytest.mark.parametrize(("given", "refused"), [("0", True), ("GPU-7a", True), ("", False), ("NoDevFiles", False)])
def test_a_gpu_that_torch_cannot_use_is_not_held_idle(tmp_path, monkeypatch, given, refused):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(precision, "DRIVER", tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    if refused:
        with pytest.raises(InputError, match=f"GPU {given}, which torch .* cannot use: .*doctor"):
            precision.choose()
    else:
        assert precision.choose().device.type == "cpu"


def test_keep_last_keeps_the_last_epoch(arrays, tmp_path):
    run(arrays, tmp_path / "last", {**MEMBER, "keep": "last"})
    assert json.loads((tmp_path / "last" / "run.json").read_text())["best_epoch"] == 4


def test_best_validation_loss_keeps_the_lowest_row(arrays, tmp_path):
    run(arrays, tmp_path / "best", {**MEMBER, "lr": 0.05})
    rows = [line.split(",") for line in (tmp_path / "best" / "history.csv").read_text().splitlines()[1:]]
    record = json.loads((tmp_path / "best" / "run.json").read_text())
    assert record["best_epoch"] == 1 + int(np.argmin([float(row[2]) for row in rows]))


def test_it_learns_and_predicts_on_the_native_grid(arrays, tmp_path):
    run(arrays, tmp_path / "run", {**MEMBER, "epochs": 25, "lr": 3e-3})
    predictor = predict.Predictor(MEMBER, 1, tmp_path / "run" / "model.safetensors", threads=1)
    ((_, probabilities),) = predict.predict_cases(predictor, arrays, ["d"])
    truth = store.open_mask(arrays, "d") > 0
    guess = probabilities[1] > 0.5
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-5)
    assert 2 * (guess & truth).sum() / (guess.sum() + truth.sum()) > 0.8
    assert predictor.cost()["images"] == 4


def test_empty_part_is_refused(arrays, tmp_path):
    held = samples.Slices(arrays, [], ["heart"], VALUES, "softmax")
    with pytest.raises(InputError, match="no case in part 'train'"):
        train.train(train.Task(MEMBER, VALUES, 0, 1, None), held, held, "mark", tmp_path)


def test_batches_hold_every_sample_and_none_stands_alone():
    cut = samples.batches(list(range(9)), 4)
    assert cut == [[0, 1, 2, 3], [4, 5, 6, 7, 8]]
    assert samples.batches([5], 4) == [[5]]


def test_epoch_orders_are_permutations_that_differ():
    orders = {tuple(samples.epoch_order(50, seed, epoch)) for seed in (0, 1) for epoch in range(3)}
    assert len(orders) == 6 and all(sorted(order) == list(range(50)) for order in orders)


def test_targets_are_class_indices_or_planes(arrays):
    one = samples.Slices(arrays, ["a"], ["x", "y"], {"x": (1,), "y": (2,)}, "softmax").batch([0])[1]
    planes = samples.Slices(arrays, ["a"], ["x", "y"], {"x": (1,), "y": (2,)}, "sigmoid").batch([0])[1]
    mask = store.open_mask(arrays, "a")[0]
    np.testing.assert_array_equal(one[0], mask)
    np.testing.assert_array_equal(planes[0], np.stack([mask == 1, mask == 2]))


def test_dice_loss_by_hand():
    logits = torch.full((1, 2, 1, 4), 0.0)  # probability one half everywhere
    target = torch.tensor([[[1, 1, 0, 0]]])
    # Dice per class: 2 · (2 · ½) / (4 · ½ + 2) = ½, so the loss is ½
    assert losses.build("dice", "softmax")(logits, target).item() == pytest.approx(0.5)


@pytest.mark.parametrize("architecture", ["FPN", "DeepLabV3Plus"])
def test_networks_are_those_of_the_library_at_width_one(architecture):
    import segmentation_models_pytorch as smp

    member = {**MEMBER, "architecture": architecture, "encoder": "resnet34", "width": 1}
    ours = models.build(member, 1, None).state_dict()
    theirs = smp.create_model(architecture, "resnet34", encoder_weights=None, in_channels=1, classes=2).state_dict()
    assert {name: value.shape for name, value in ours.items()} == {name: value.shape for name, value in theirs.items()}


@pytest.mark.parametrize("architecture", ["FPN", "DeepLabV3Plus"])
@pytest.mark.parametrize("width", [0.1, 0.125, 0.3, 0.75])
def test_networks_of_any_width_map_images_to_logits(architecture, width):
    network = models.build({**MEMBER, "architecture": architecture, "width": width}, 1, None).eval()
    assert network(torch.zeros(1, 1, 64, 96)).shape == (1, 2, 64, 96)


def test_pretrained_kernels_are_summed_for_one_channel(tmp_path):
    import segmentation_models_pytorch as smp
    from safetensors.torch import save_file

    encoder = smp.encoders.get_encoder("resnet18", weights=None)
    save_file(encoder.state_dict(), tmp_path / "weights.safetensors")
    member = {**MEMBER, "width": 1, "weights": "imagenet"}
    network = models.build(member, 1, str(tmp_path / "weights.safetensors"))
    expected = encoder.conv1.weight.sum(dim=1, keepdim=True)
    torch.testing.assert_close(network.encoder.conv1.weight, expected)


def test_unknown_architecture_names_the_known_ones():
    with pytest.raises(InputError, match="'UNet9' is not known; known are deeplabv3plus, final_cnn, fpn, generic_unet"):
        models.module_name("UNet9")


def test_precision_follows_the_processor_flags(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(precision, "processor_flags", lambda: {"avx2"})
    assert precision.choose().compute == torch.float32
    monkeypatch.setattr(precision, "processor_flags", lambda: {"avx2", "avx512_bf16"})
    assert precision.choose().compute == torch.bfloat16


def test_more_cases_than_open_files_may_be(tmp_path):
    import resource

    for number in range(300):
        store.write_case(tmp_path, f"c{number}", np.full((1, 1, 2, 2), number), np.zeros((1, 2, 2)))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 450, hard))
    try:
        held = samples.Slices(tmp_path, [f"c{number}" for number in range(300)], ["heart"], VALUES, "softmax")
        assert [int(held.batch([sample])[0].max()) for sample in range(300)] == list(range(300))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_store_gives_back_what_was_written(tmp_path):
    image = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    mask = np.random.default_rng(1).integers(0, 4, size=(3, 4, 5)).astype(np.uint8)
    digest = store.write_case(tmp_path, "a", image, mask)
    np.testing.assert_array_equal(store.open_image(tmp_path, "a"), image)
    np.testing.assert_array_equal(store.open_mask(tmp_path, "a"), mask)
    assert digest == store.write_case(tmp_path, "b", image, mask) != store.write_case(tmp_path, "c", image + 1, mask)


def test_folder_without_index_is_no_store(tmp_path):
    with pytest.raises(InputError, match=r"no index\.json"):
        store.read_index(tmp_path)


def test_loss_that_is_not_finite_in_validation_stops_too(arrays, tmp_path, monkeypatch):
    monkeypatch.setattr(train.Run, "_train", lambda self: 0.5)
    monkeypatch.setattr(train.Run, "_forward", lambda self, source, batch: [torch.tensor(float("nan"))] * 4)
    with pytest.raises(InputError, match="loss became nan in epoch 1 on a batch of d"):
        run(arrays, tmp_path / "run")


def test_sampling_and_augmentation_reach_the_training_alone_and_resume(arrays, tmp_path, monkeypatch):
    """The order is drawn by weight, each batch has a key of its own, and what is stopped goes on alike."""
    member = {**MEMBER, "sampling": "combinations"}
    keys = []

    def flip(image, mask, generator):
        turn = generator.random() < 0.5
        return (image[..., ::-1], mask[..., ::-1]) if turn else (image, mask)

    def train_it(folder):
        held = [
            samples.Slices(arrays, cases, member["labels"], VALUES, member["head"], flip if cases == "abc" else None)
            for cases in ("abc", "d")
        ]
        batch = held[0].batch
        held[0].batch = lambda chosen, key=None: keys.append((tuple(chosen), tuple(key))) or batch(chosen, key)
        train.train(train.Task(member, VALUES, 0, 1, None), *held, "mark", folder)
        return (folder / "model.safetensors").read_bytes()

    whole = train_it(tmp_path / "whole")
    assert [key for _, key in keys] == [(0, epoch, number) for epoch in range(4) for number in (1, 2, 3)]
    drawn = [sample for chosen, key in keys if key[1] == 0 for sample in chosen]
    assert drawn == samples.weighted_order([1 / 12] * 12, 0, 0)
    with monkeypatch.context() as patched:
        stop_after(patched, 2)
        with pytest.raises(KeyboardInterrupt):
            train_it(tmp_path / "stopped")
    assert train_it(tmp_path / "stopped") == whole
    plain = run(arrays, tmp_path / "plain", member)
    assert plain != whole
