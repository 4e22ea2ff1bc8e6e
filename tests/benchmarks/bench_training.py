"""A training step as the workflow does it against the plain float32 loop; and the share of time spent on data."""

import time

import numpy as np
import torch

from medley import losses, models, optimisers, precision, samples, store
from tests.benchmarks.timing import compare

SHAPE, BATCH = (192, 256), 8


def member(architecture: str) -> dict[str, object]:
    """Return the acdc study's specification of an architecture."""
    return {"architecture": architecture, "encoder": "resnet34", "width": 1, "labels": ["heart"], "head": "softmax"}


def step(architecture: str, how: precision.Precision):
    """Return a function that makes one training step on a fixed batch."""
    torch.manual_seed(0)
    network = models.build(member(architecture), 1, None).to(how.device, memory_format=how.layout).train()
    loss, scaler = losses.build("dice", "softmax"), how.scaler()
    optimiser = optimisers.build("adam", network.parameters(), 1e-4)
    images = torch.rand(BATCH, 1, *SHAPE).to(how.device, memory_format=how.layout)
    targets = torch.randint(0, 2, (BATCH, *SHAPE), device=how.device)

    def one() -> float:
        with how.autocast():
            logits = network(images)
        value = loss(logits.float(), targets)
        optimiser.zero_grad(set_to_none=True)
        scaler.scale(value).backward()
        scaler.step(optimiser)
        scaler.update()
        return value.item()

    return one


def waiting_share(folder, ours) -> float:
    """Return the share of an epoch's time that goes into reading and stacking slices."""
    generator = np.random.default_rng(0)
    cases = [f"case{number}" for number in range(8)]
    for case in cases:
        store.write_case(
            folder, case, generator.random((1, 8, *SHAPE), dtype=np.float32), np.zeros((8, *SHAPE), np.uint8)
        )
    slices = samples.Slices(folder, cases, ["heart"], {"heart": (1,)}, "softmax")
    waiting = working = 0.0
    for batch in samples.batches(samples.epoch_order(len(slices), 0, 0), BATCH):
        started = time.perf_counter()
        slices.batch(batch)
        read = time.perf_counter()
        ours()
        waiting, working = waiting + read - started, working + time.perf_counter() - read
    return waiting / (waiting + working)


def run() -> list[dict[str, object]]:
    """Compare both architectures with two threads, then measure the wait for data."""
    import tempfile
    from pathlib import Path

    torch.set_num_threads(2)
    plain = precision.Precision(torch.device("cpu"), torch.float32, torch.contiguous_format)
    chosen = precision.choose()
    rows = []
    for architecture, goal in (("FPN", 1.8), ("DeepLabV3Plus", 1.4)):
        ours = step(architecture, chosen)
        note = f"{chosen.names()['precision']}, {chosen.names()['memory_format']}, {chosen.device.type}"
        rows.append(compare(f"training step {architecture}", ours, step(architecture, plain), goal=goal, note=note))
        if architecture == "FPN":
            with tempfile.TemporaryDirectory() as folder:
                share = waiting_share(Path(folder), ours)
            measured = {"ratio": share, "goal": 0.05, "less_is_better": True, "note": "no workers"}
            nothing = dict.fromkeys(("ours", "theirs", "peak_memory_mb"))
            rows.append({"name": "share of an epoch waiting for data", **measured, **nothing})
    return rows
