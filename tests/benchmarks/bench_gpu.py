"""Training on a GPU as the workflow does it: fed from the array store, against two peers.

One is the same training fed from memory, the other the loop that one writes first: float32, the plain memory
layout and PyTorch's own settings (convolutions may round to TF32), fed from memory too.
Networks are members of config.yaml, which are trained without augmentation; here from random weights, on noise.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from medley import config, losses, models, optimisers, precision, samples, store, train
from tests.benchmarks.timing import compare

ROOT = Path(__file__).parents[2]
BATCH = 32
MEMORY, PLAIN = "fed from memory", "the plain float32 loop"


class Subject(NamedTuple):
    """What is trained, on how much, and how many times the speed of its peers it should reach."""

    title: str
    study: str
    member: str
    cases: int  # each with one mask; of pictures more than the training keeps open
    shape: tuple[int, int, int, int]  # of a case's image: channels, slices, rows, columns
    goals: dict[str, float]


SUBJECTS = (
    Subject("FPN ResNet-34, 192×256", "acdc", "fpn", 64, (1, 8, 192, 256), {MEMORY: 0.95}),
    Subject(
        *("U-Net ResNet-50, 224×224", "base_architectures", "unet_resnet50_bce"),
        *(640, (3, 1, 224, 224), {MEMORY: 0.95, PLAIN: 2}),
    ),
)


class Held(samples.Slices):
    """Slices that read one batch of each size, and give it again and again."""

    def batch(self, chosen: Any, key: Any = None) -> Any:
        """Return images and targets of as many samples as are chosen."""
        if not hasattr(self, "held"):
            self.held: dict[int, Any] = {}
        if len(chosen) not in self.held:
            self.held[len(chosen)] = super().batch(chosen)
        return self.held[len(chosen)]


def run() -> list[dict[str, Any]]:
    """Return a row for each peer of each subject: an epoch of training, timed where there is a GPU."""
    measured = torch.cuda.is_available()
    return [row for each in SUBJECTS for row in (rows(each, member_of(each)) if measured else not_measured(each))]


def member_of(subject: Subject) -> dict[str, Any]:
    """Return the member of config.yaml, with the benchmark's batch."""
    studies = config.resolve(config.read(ROOT / "config.yaml"))["studies"]
    return {**studies[subject.study]["members"][subject.member], "batch": BATCH}


def name_of(subject: Subject, peer: str) -> str:
    """Return what a row is called."""
    return f"training of {subject.title}, batch {BATCH}, on a GPU against {peer}"


def not_measured(subject: Subject) -> list[dict[str, Any]]:
    """Return the rows of a machine without a GPU."""
    rest = {**dict.fromkeys(("ours", "theirs", "ratio", "peak_memory_mb")), "note": "not measured: no GPU here"}
    return [{"name": name_of(subject, peer), "goal": goal, **rest} for peer, goal in subject.goals.items()]


def rows(subject: Subject, member: dict[str, Any]) -> list[dict[str, Any]]:
    """Compare an epoch of ``member`` on data of the subject's size with its peers."""
    values = dict.fromkeys(member["labels"], (1,))
    task = train.Task(member=member, values=values, seed=0, threads=torch.get_num_threads(), weights=None)
    with tempfile.TemporaryDirectory() as name:
        folder, measured = Path(name), []
        cases = write_store(folder, subject)
        what = (folder, cases, member["labels"], values, member["head"])
        stored, held = samples.Slices(*what), Held(*what)
        ours = workflow_epoch(task, stored, folder)
        peers = {MEMORY: workflow_epoch(task, held, folder), PLAIN: plain_epoch(task, held)}
        for peer, goal in subject.goals.items():
            row = compare(name_of(subject, peer), ours, peers[peer], goal)
            speed, other = (len(stored) / row[side] for side in ("ours", "theirs"))
            measured.append({**row, "note": f"{speed:.0f} against {other:.0f} images/s"})
        return measured


def write_store(folder: Path, subject: Subject) -> list[str]:
    """Write arrays of noise and return the names of their cases."""
    generator = np.random.default_rng(0)
    cases = [f"case{number:03d}" for number in range(subject.cases)]
    for case in cases:
        image = generator.random(subject.shape, dtype=np.float32)
        store.write_case(folder, case, image, (image[0] > 0.5).astype(np.uint8))
    return cases


def workflow_epoch(task: train.Task, source: samples.Slices, folder: Path) -> Callable[[], float]:
    """Return a function that trains an epoch as the workflow does, without validation, and returns the mean loss."""
    training = train.Run(task, source, source, "", folder)

    def epoch() -> float:
        loss = training._train()
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # the last step may still be at work
        return loss

    return epoch


def plain_epoch(task: train.Task, source: samples.Slices) -> Callable[[], float]:
    """Return a function that trains an epoch in the plain float32 loop and returns the mean loss."""
    torch.manual_seed(task.seed)
    member, device = task.member, precision.choose().device
    network = models.build(member, source.channels, None).to(device).train()
    loss = losses.build(member["loss"], member["head"])
    optimiser = optimisers.build(member["optimiser"], network.parameters(), member["lr"])

    def epoch() -> float:
        total = 0.0
        with pytorchs_settings(task):
            for batch in samples.batches(range(len(source)), member["batch"]):
                images, targets = (torch.from_numpy(array).to(device) for array in source.batch(batch))
                value = loss(network(images), targets)
                optimiser.zero_grad()
                value.backward()
                optimiser.step()
                total += value.item() * len(batch)
        return total / len(source)

    return epoch


@contextlib.contextmanager
def pytorchs_settings(task: train.Task) -> Iterator[None]:
    """Undo for a while what makes training reproducible."""
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.allow_tf32 = True
    try:
        yield
    finally:
        precision.make_deterministic(task.seed, task.threads)
