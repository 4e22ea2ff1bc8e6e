"""What can befall a training on a cluster. Each function runs one training, lets one fault hit it, and tells.

A training that must wait for something outside is halted by SIGSTOP, as by a file system that hangs: so the tests
need no long training, and depend on no speed.
"""

import dataclasses
import json
import re
import signal
import subprocess
from collections.abc import Callable

from tests.slurm.cluster import wait
from tests.slurm.workflow import PATIENCE, Training, Workflow

EPOCH = re.compile(r"INFO epoch (\d+)/\d+: training loss")
GONE_ON = re.compile(r"INFO going on after epoch (\d+) of")
GPU_JOB = ("train_member:slurm_partition=gpu", "train_member:gpu=1", "predict_member:slurm_partition=gpu")


@dataclasses.dataclass
class Outcome:
    """What is left of a training after a fault."""

    workflow: Workflow
    training: Training
    jobs: list[str]  # all that SLURM was given for it
    epochs: int  # that were saved when the fault came
    attempts: int
    said: str = ""  # by the main process


def outcome(workflow: Workflow, training: Training, epochs: int) -> Outcome:
    record = json.loads((workflow.folder / training.folder / "run.json").read_text(encoding="utf-8"))
    return Outcome(workflow, training, workflow.jobs(), epochs, record["attempts"], workflow.said())


def on_node(node: str) -> tuple[str, ...]:
    """Return the arguments that keep a training on ``node``, so that others may die."""
    return ("--set-resources", *GPU_JOB, f"train_member:slurm_extra=--nodelist={node}")


def start(workflow: Workflow, training: Training, *arguments: str) -> tuple[subprocess.Popen[bytes], str, int]:
    """Start the run of a training; return it, its job and the last saved epoch once it is underway."""
    run = workflow.snakemake(*workflow.on_cluster(training.model, *arguments))
    epochs = workflow.underway(training)
    (job,) = workflow.jobs("RUNNING")
    return run, job, epochs


def finish(workflow: Workflow, run: subprocess.Popen[bytes]) -> None:
    assert run.wait(PATIENCE) == 0, workflow.said()[-3000:]


def cancelled(workflow: Workflow, training: Training) -> Outcome:
    """Its job is cancelled by hand."""
    run, job, epochs = start(workflow, training, *on_node("g1"))
    workflow.cluster.ask("scancel", job)
    finish(workflow, run)
    return outcome(workflow, training, epochs)


def requeued(workflow: Workflow, training: Training) -> Outcome:
    """An administrator puts its job back into the queue."""
    run, job, epochs = start(workflow, training, *on_node("g1"))
    workflow.cluster.ask("scontrol", "requeue", job)
    finish(workflow, run)
    return outcome(workflow, training, epochs)


def time_limit(workflow: Workflow, training: Training) -> Outcome:
    """It reaches the limit of its time, here a minute."""
    workflow.edit("rules/train.smk", "runtime=growing(240)", "runtime=growing(1)")
    run, job, epochs = start(workflow, training, *on_node("g1"))
    workflow.signal_training(signal.SIGSTOP)
    assert wait(lambda: workflow.state(job) == "TIMEOUT", PATIENCE)
    finish(workflow, run)
    return outcome(workflow, training, epochs)


def memory(workflow: Workflow, training: Training) -> Outcome:
    """It needs more memory than was asked for."""
    workflow.edit("rules/train.smk", "mem_mb=growing(8000)", "mem_mb=growing(600)")
    run = workflow.snakemake(*workflow.on_cluster(training.model, *on_node("g1")))
    finish(workflow, run)
    return outcome(workflow, training, 0)


def node_killed(workflow: Workflow, training: Training) -> Outcome:
    """Its node dies; it is back only after the training has finished elsewhere."""
    run, job, epochs = start(workflow, training)
    node = workflow.node(job)
    workflow.cluster.kill_node(node)
    try:
        finish(workflow, run)
        assert workflow.node(job) != node
    finally:
        workflow.cluster.start_node(node)
    assert wait(lambda: node in workflow.cluster.nodes_up(), PATIENCE)
    return outcome(workflow, training, epochs)


def preempted(workflow: Workflow, training: Training) -> Outcome:
    """It runs where others come first, and one comes who wants all GPUs of the node."""
    scavenge = ("--set-resources", "train_member:slurm_partition=scavenge", "train_member:gpu=1")
    run, job, epochs = start(workflow, training, *scavenge)
    node = workflow.node(job)
    workflow.cluster.ask(
        "sbatch", "--partition=gpu", "--gres=gpu:2", f"--nodelist={node}", "--output=/dev/null", "--wrap=sleep 3"
    )
    finish(workflow, run)
    return outcome(workflow, training, epochs)


def main_terminated(workflow: Workflow, training: Training) -> Outcome:
    """The main process gets SIGTERM: it ends after the jobs that run, and the next one goes on."""
    target = str(training.folder / "prediction.json")
    run = workflow.snakemake(*workflow.on_cluster(target, *on_node("g1")))
    epochs = workflow.underway(training)
    run.send_signal(signal.SIGTERM)
    assert run.wait(PATIENCE) != 0
    assert workflow.jobs("RUNNING", "PENDING") == []
    assert (workflow.folder / training.model).exists()
    assert not (workflow.folder / target).exists()
    finish(workflow, workflow.snakemake(*workflow.on_cluster(target, *on_node("g1"))))
    return outcome(workflow, training, epochs)


def main_killed(workflow: Workflow, training: Training) -> Outcome:
    """The main process is killed and started again while its job still trains."""
    run, _, epochs = start(workflow, training)
    workflow.signal_training(signal.SIGSTOP)
    run.kill()
    run.wait()
    assert workflow.run("--unlock") == 0
    run = workflow.snakemake(*workflow.on_cluster(training.model))
    assert wait(lambda: "waiting until it is done" in workflow.log_of(workflow.jobs()[-1]), 100), workflow.said()[
        -3000:
    ]
    workflow.signal_training(signal.SIGCONT)
    finish(workflow, run)
    return outcome(workflow, training, epochs)


def main_interrupted(workflow: Workflow, training: Training) -> Outcome:
    """The main process is a job itself, and is stopped with its jobs as slurm/main.sh says."""
    main = workflow.as_job(training.model, *on_node("g1"))
    epochs = workflow.underway(training)
    workflow.cluster.ask("scancel", "--batch", "--signal=INT", main)
    assert workflow.ended(main) == "FAILED"
    assert wait(lambda: workflow.jobs("RUNNING", "PENDING", "COMPLETING") == [], PATIENCE)
    assert not (workflow.folder / training.model).exists()
    finish(workflow, workflow.snakemake(*workflow.on_cluster(training.model, *on_node("g1"))))
    return outcome(workflow, training, epochs)


Fault = Callable[[Workflow, Training], Outcome]

# Beside each other on one GPU node, and one after the other on the other one, which they have to themselves.
ON_A_SHARED_NODE: dict[Fault, Training] = {
    time_limit: Training("folds", "fpn", 0),
    cancelled: Training("single", "fpn"),
    memory: Training("folds", "fpn", 1),
    requeued: Training("single", "deeplabv3plus"),
    main_terminated: Training("folds", "deeplabv3plus", 0),
    main_interrupted: Training("folds", "deeplabv3plus", 1),
}
ALONE: dict[Fault, Training] = {
    node_killed: Training("folds", "fpn-4class", 0),
    preempted: Training("folds", "fpn-4class", 1),
    main_killed: Training("folds", "deeplabv3plus-4class", 0),
}
ALL: dict[Fault, Training] = {**ON_A_SHARED_NODE, **ALONE}


def logs(outcome: Outcome) -> dict[str, str]:
    """Return what SLURM wrote down of each job of a training."""
    return {job: outcome.workflow.log_of(job) for job in outcome.jobs}


def epochs_logged(outcome: Outcome) -> list[int]:
    """Return the numbers of the epochs that all jobs of a training logged."""
    return [int(epoch) for log in logs(outcome).values() for epoch in EPOCH.findall(log)]
