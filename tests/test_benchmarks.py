"""The benchmark that needs a GPU, as far as it runs on a processor."""

import re

import pytest
import torch

from medley import precision, samples, train
from tests.benchmarks import bench_gpu

SUBJECT = bench_gpu.SUBJECTS[1]._replace(cases=5, shape=(3, 1, 32, 64))
SMALL = {"width": 0.125, "batch": 2}


@pytest.fixture
def float32(monkeypatch):
    plain = precision.Precision(torch.device("cpu"), torch.float32, torch.contiguous_format)
    monkeypatch.setattr(precision, "choose", lambda volumes=False: plain)


def source_of(kind, folder, member, **changes):
    cases = bench_gpu.write_store(folder, SUBJECT._replace(**changes))
    return kind(folder, cases, member["labels"], {"foreground": (1,)}, member["head"])


def test_gpu_benchmark_trains_what_was_asked_for():
    fpn, unet = (bench_gpu.member_of(subject) for subject in bench_gpu.SUBJECTS)
    assert (fpn["architecture"], fpn["encoder"], fpn["width"]) == ("FPN", "resnet34", 1)
    assert (unet["architecture"], unet["encoder"], unet["width"]) == ("Unet", "resnet50", 1)
    assert "augmentation" not in fpn | unet
    assert [subject.shape[2:] for subject in bench_gpu.SUBJECTS] == [(192, 256), (224, 224)]


def test_without_a_gpu_its_rows_say_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    rows = bench_gpu.run()
    assert [row["goal"] for row in rows] == [0.95, 0.95, 2]
    assert {row["note"] for row in rows} == {"not measured: no GPU here"}
    assert all(row[key] is None for row in rows for key in ("ours", "theirs", "ratio", "peak_memory_mb"))


def test_rows_are_made_of_images_a_second(float32):
    rows = bench_gpu.rows(SUBJECT, bench_gpu.member_of(SUBJECT) | SMALL)
    assert [row["goal"] for row in rows] == [0.95, 2]
    for row in rows:
        speed, other = map(int, re.fullmatch(r"(\d+) against (\d+) images/s", row["note"]).groups())
        assert speed == pytest.approx(5 / row["ours"], abs=0.51)
        assert other == pytest.approx(5 / row["theirs"], abs=0.51)


def test_from_the_store_every_batch_is_read_and_from_memory_one_of_each_size(tmp_path, monkeypatch):
    sizes, found, member = [], [], bench_gpu.member_of(SUBJECT) | SMALL
    read = samples.Slices.batch
    monkeypatch.setattr(
        samples.Slices, "batch", lambda self, chosen, key=None: sizes.append(len(chosen)) or read(self, chosen, key)
    )
    for kind in (samples.Slices, bench_gpu.Held):
        source = source_of(kind, tmp_path, member, cases=7)
        epoch = bench_gpu.workflow_epoch(train.Task(member, source.values, 0, 1, None), source, tmp_path)
        for _ in range(2):
            epoch()
        found.append(sizes.copy())
        sizes.clear()
    assert found == [[2, 2, 3, 2, 2, 3], [2, 3]]


def test_plain_loop_takes_the_steps_of_the_workflow(tmp_path, float32):
    member = bench_gpu.member_of(SUBJECT) | SMALL | {"batch": 4}
    source = source_of(bench_gpu.Held, tmp_path, member, cases=12)
    task = train.Task(member, source.values, seed=0, threads=1, weights=None)
    ours, plain = bench_gpu.workflow_epoch(task, source, tmp_path), bench_gpu.plain_epoch(task, source)
    losses = [(ours(), plain()) for _ in range(3)]
    assert losses[2][0] < losses[0][0]
    for own, other in losses:
        assert own == pytest.approx(other, rel=1e-4)


def test_plain_loop_has_pytorchs_settings_and_leaves_the_workflows():
    task = train.Task({}, {}, seed=0, threads=torch.get_num_threads(), weights=None)

    def settings():
        return torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.allow_tf32

    precision.make_deterministic(0, task.threads)
    with bench_gpu.pytorchs_settings(task):
        assert settings() == (False, True)
    assert settings() == (True, False)
