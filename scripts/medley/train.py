"""Training of one member on one fold with one seed: a plain PyTorch loop that can be killed and goes on."""

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medley import (
    adversary,
    allocation,
    deep_supervision,
    epochs,
    lock,
    losses,
    models,
    optimisers,
    outputs,
    precision,
    process,
    samples,
    schedules,
    stages,
    state,
    validation,
)
from medley.errors import InputError
from medley.task import Task

PROGRESS_SECONDS = 20


def train(task: Task, training: samples.Samples, validation: samples.Samples, mark: str, folder: Path) -> None:
    """Train and write ``model.safetensors``, ``history.csv`` and ``run.json`` into ``folder``.

    ``mark`` is the fingerprint of everything that the result depends on; a state in ``folder/state``
    that bears it is gone on from. Of two jobs that train into one folder, the second waits for the first,
    then finishes from its state. The same task and data give the same weights: to the bit on a
    processor of one kind, whether the run was interrupted or not.

    Raises InputError when a part of the split is empty or the loss is not finite.
    """
    for part, held in (("train", training), ("validation", validation)):
        if not held.cases:
            raise InputError(f"split: no case in part {part!r}; give it more cases or another split")
    while True:
        try:
            with lock.held(folder / "state") as owned:
                if state.is_answered(folder, mark):
                    return
                owned.check()
                run = Run(task, training, validation, mark, folder)
                while not run.done:
                    run.one_epoch()
                    owned.check()
                    run.save()
                owned.check()
                run.finish()
                return
        except lock.LostError as lost:
            # To fail here would let Snakemake remove the outputs, which may be the other job's by now.
            logging.warning("%s; nothing more is written until that one is done", lost)


class Run:
    """A training between its epochs: network, optimiser, history and what is saved of them."""

    def __init__(
        self, task: Task, training: samples.Samples, validation: samples.Samples, mark: str, folder: Path
    ) -> None:
        """Build everything from the seed, then go on from a saved state where there is one."""
        member = task.member
        self.task, self.training, self.validation = task, training, validation
        self.mark, self.folder = mark, folder
        precision.make_deterministic(task.seed, task.threads)
        self.precision = precision.choose(volumes=len(member.get("patch", [])) == 3)
        network = models.build(member, training.channels, task.weights)
        self.network: Any = network.to(self.precision.device, memory_format=self.precision.layout)
        self.adversary = adversary.build(member, self.network, task.domains)
        self.loss = losses.build(member["loss"], member["head"])
        self.stages = stages.of(member)
        self.history: list[dict[str, float]] = []
        self.kept: dict[str, torch.Tensor] = {}
        self.cost = {
            "attempts": 1,
            "queue_seconds": process.slurm_wait_seconds(),
            **dict.fromkeys(("train_seconds", "validation_seconds", "peak_gpu_memory_mb"), 0.0),
        }
        self.peak_memory_before = 0.0
        self._begin(state.load(folder / "state", mark, self.precision.names()["precision"]))

    @property
    def epoch(self) -> int:
        """Return the number of epochs done."""
        return len(self.history)

    @property
    def done(self) -> bool:
        """Return whether there have been enough epochs."""
        return epochs.enough(self.history, self.task.member)

    @property
    def best(self) -> epochs.Row:
        """Return the row of history whose weights are kept."""
        return epochs.best(self.history, self.task.member["keep"])

    def _enter_stage(self) -> None:
        """Freeze and thaw what the stage of the next epoch says; its optimiser and schedule begin anew."""
        stage = stages.at(self.stages, self.epoch)
        self.frozen = stages.freeze(self.network, stage)
        learning = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        learning += self.adversary.parameters() if self.adversary else []
        self.optimiser = optimisers.build(stage.optimiser, learning, stage.lr)
        self.schedule = schedules.build(stage.schedule, self.optimiser, stage.epochs)
        self.scaler = self.precision.scaler()

    def one_epoch(self) -> None:
        """Train on every slice once, judge the validation slices, and note the epoch."""
        started = time.monotonic()
        learning_rate = float(self.schedule.get_last_lr()[0])
        where = f"epoch {self.epoch + 1} on {self.precision.device}"
        with allocation.explained(self.task.member, where, self._kept()):
            train_loss = self._train()
            trained = time.monotonic()
            judged = self._validate()
        ended = time.monotonic()
        self.schedule.step()
        self.cost["train_seconds"] += trained - started
        self.cost["validation_seconds"] += ended - trained
        row = (self.epoch + 1, train_loss, judged.pop("validation_loss"), learning_rate, ended - started)
        self.history.append(dict(zip(epochs.HISTORY, row, strict=True)) | judged)
        if self.best["epoch"] == self.epoch:
            self.kept = {name: value.detach().clone().cpu() for name, value in self.network.state_dict().items()}
        if stages.begins(self.stages, self.epoch):
            self._enter_stage()
        of, seconds = self.task.member["epochs"], ended - started
        logging.info(
            "epoch %d/%d: training loss %.4f, validation loss %.4f (kept: epoch %d), %.0f s, about %.0f s left",
            *(self.epoch, of, train_loss, self.history[-1]["validation_loss"], self.best["epoch"]),
            *(seconds, 0 if self.done else (of - self.epoch) * seconds),
        )

    def _train(self) -> float:
        """Return the mean loss over the epoch's slices, each seen once in an order fixed by seed and epoch."""
        self.network.train()
        stages.keep_frozen(self.frozen)
        order = self.training.order(self.task.member.get("sampling"), self.task.seed, self.epoch)
        total, told = 0.0, time.monotonic()
        cut = samples.batches(order, self.task.member["batch"])
        for number, batch in enumerate(cut, start=1):
            loss, _, _, adverse = self._forward(self.training, batch, (self.task.seed, self.epoch, number))
            value = self._finite(loss.item(), self.training, batch)
            self._step(loss + adverse)
            total += value * len(batch)
            if time.monotonic() - told > PROGRESS_SECONDS:
                told = time.monotonic()
                logging.info("epoch %d: batch %d of %d, loss %.4f", self.epoch + 1, number, len(cut), value)
        return total / len(order)

    def _step(self, loss: torch.Tensor) -> None:
        """Change the weights by the gradient of ``loss``."""
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if "clip" in self.task.member:
            self.scaler.unscale_(self.optimiser)
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.task.member["clip"])
        self.scaler.step(self.optimiser)
        self.scaler.update()

    @torch.no_grad()
    def _validate(self) -> dict[str, float]:
        """Return the mean loss over the validation slices, in batches as in training; their mean Dice if it counts."""
        self.network.eval()
        sums = {"validation_loss": 0.0}
        if self.task.member["keep"] == epochs.BEST_DICE:
            sums["validation_dice"] = 0.0
        for batch in samples.batches(range(len(self.validation)), self.task.member["batch"]):
            loss, logits, targets, _ = self._forward(self.validation, batch)
            sums["validation_loss"] += self._finite(loss.item(), self.validation, batch) * len(batch)
            if "validation_dice" in sums:
                sums["validation_dice"] += (
                    validation.dice(logits, targets, self.task.member["head"]).mean(1).sum().item()
                )
        return {name: value / len(self.validation) for name, value in sums.items()}

    def _finite(self, value: float, source: samples.Samples, batch: list[int]) -> float:
        """Return the loss of a batch. Raises InputError, naming the batch's cases, when it is not finite."""
        if np.isfinite(value):
            return value
        cases = ", ".join(sorted({source.case_of(sample) for sample in batch}))
        raise InputError(
            f"the loss became {value} in epoch {self.epoch + 1} on a batch of {cases}: look at these images in "
            f"quality.csv and quality.png, or lower `lr` ({self.task.member['lr']}) in config.yaml; {self._kept()}"
        )

    def _kept(self) -> str:
        """Return in words which state there is to go on from."""
        return f"epoch {self.epoch} is kept in {self.folder / 'state'}" if self.epoch else "no epoch was finished"

    def _forward(self, source: samples.Samples, batch: list[int], key: samples.Key = None) -> tuple[torch.Tensor, ...]:
        """Return loss and logits of a batch, in float32 from a network in the machine's precision, its targets, and
        the loss of the adversary: 0 without one, and in validation, which has no ``key``.
        """
        images, targets = source.batch(batch, key)
        inputs = torch.from_numpy(images).to(self.precision.device, memory_format=self.precision.layout)
        truth = torch.from_numpy(targets).to(self.precision.device)
        adverse = torch.zeros((), device=self.precision.device)
        if self.adversary is None or key is None:
            with self.precision.autocast():
                outputs = deep_supervision.answers(self.network(inputs))
        else:
            cases = [source.case_of(sample) for sample in batch]
            with self.precision.autocast():
                maps = self.network.encode(inputs)
                outputs = deep_supervision.answers(self.network.decode(maps))
                adverse = self.adversary(maps[-1], cases, self.epoch / self.task.member["epochs"])
        return deep_supervision.total(self.loss, outputs, truth), outputs[0], truth, adverse

    def save(self) -> None:
        """Write the state after this epoch; after the last one only what the outputs are made of."""
        parts = {"history": self.history, "kept": self.kept, "cost": {**self.cost, **self._peaks()}}
        if not self.done:
            parts["going"] = {
                "network": self.network.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "schedule": self.schedule.state_dict(),
                "scaler": self.scaler.state_dict(),
                "adversary": self.adversary.state_dict() if self.adversary else {},
                "random": torch.get_rng_state(),
                "random_gpu": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            }
        more = {**self.history[-1], **self.precision.names(), "epochs": self.task.member["epochs"]}
        state.save(self.folder / "state", self.mark, self.epoch, parts, more)

    def _begin(self, saved: dict[str, Any] | None) -> None:
        """Begin, or go on from a saved state; the order of the data follows from seed and epoch."""
        if saved is not None:
            self.history, self.kept = saved["history"], saved["kept"]
        self._enter_stage()
        if saved is None:
            return
        if going := saved.get("going"):
            for part in ("network", "optimiser", "schedule", "scaler"):
                getattr(self, part).load_state_dict(going[part])
            if self.adversary:
                self.adversary.load_state_dict(going["adversary"])
            torch.set_rng_state(going["random"])
            if going["random_gpu"] and torch.cuda.is_available():
                torch.cuda.set_rng_state_all(going["random_gpu"])
        self.peak_memory_before = saved["cost"].pop("peak_memory_mb")
        for summed in ("attempts", "queue_seconds"):
            saved["cost"][summed] += self.cost[summed]
        self.cost = saved["cost"]
        logging.info("going on after epoch %d of %d", self.epoch, self.task.member["epochs"])

    def _peaks(self) -> dict[str, float]:
        """Return peak memory in MB, of the process and of the GPU, over all attempts."""
        gpu = torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else 0.0
        return {
            "peak_memory_mb": max(process.peak_memory_mb(), self.peak_memory_before),
            "peak_gpu_memory_mb": max(gpu, self.cost["peak_gpu_memory_mb"]),
        }

    def finish(self) -> None:
        """Write the kept weights, the history and the record of the run.

        The finished state stays: when Snakemake asks for the same training again (raw files touched,
        arrays made anew with the same content), it is answered at once.
        """
        outputs.write(self.folder, self.kept, self.history, self._record())
        state.keep(self.folder / "state", 1)

    def _record(self) -> dict[str, Any]:
        """Return what run.json holds: parameters, cost summed over attempts, precision and the kept epoch."""
        images = len(self.training) * self.epoch
        return {
            **self.cost,
            **self._peaks(),
            **self.precision.names(),
            "parameters": sum(parameter.numel() for parameter in self.network.parameters()),
            "images_per_second": images / self.cost["train_seconds"],
            "slices_per_epoch": len(self.training),
            "cases": {"train": len(self.training.cases), "validation": len(self.validation.cases)},
            "epochs": self.epoch,
            "best_epoch": int(self.best["epoch"]),
            "best_validation_loss": self.best["validation_loss"],
            "seed": self.task.seed,
            "threads": self.task.threads,
            "member": self.task.member,
            "fingerprint": self.mark,
            "versions": {"torch": torch.__version__},
        }
