"""Jobs and the main process are killed at random moments, then run again: the same bytes as without.

FAULT_COUNT kills of each kind and signal (two unless told, twenty in `make test-faults`), at moments that
follow from FAULT_SEED; the seed is part of each test's name. Moments are spread over the undisturbed
duration of the process; as jobs mostly load libraries, every other one counts from when the job begins to write.
"""

import collections
import contextlib
import os
import random
import re
import secrets
import signal
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.disturbed import ENSEMBLE, MODEL, PATIENCE, PREDICTION, RESULTS, TABLE, TRAINING, Workflow, wait_for

COUNT = int(os.environ.get("FAULT_COUNT") or 2)
SEED = int(os.environ.get("FAULT_SEED") or secrets.randbelow(1_000_000))
WRITING = 0.25  # at most this part of a job's duration


class Job(NamedTuple):
    """A kind of job: its rule, what to ask for, all it writes, and what is there once it has begun to write."""

    rule: str
    target: Path
    outputs: tuple[Path, ...]
    begun: str


JOBS = {
    "train": Job(
        "train_member",
        MODEL,
        (MODEL, TRAINING / "history.csv", TRAINING / "run.json", TRAINING / "state"),
        "state/epoch-*.pt",
    ),
    "predict": Job("predict_member", PREDICTION, (PREDICTION, TRAINING / "probabilities"), ".probabilities.*.part"),
    "ensemble": Job(
        "build_ensemble",
        ENSEMBLE / "run.json",
        (ENSEMBLE / "run.json", ENSEMBLE / "probabilities"),
        ".probabilities.*.part",
    ),
}
SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM}
MEMORY = Path("/dev/shm")  # a file system of its own on most machines
LOG = RESULTS / "logs/train_member/acdc/acdc/single/fpn/fold-0/seed-0.log"

pytestmark = pytest.mark.slow


def moment(kind: str, sent: str, number: int) -> float:
    """Return when to kill, as a part of the undisturbed duration."""
    return random.Random(f"{SEED} {kind} {sent} {number}").random()


def kills(*kinds: str) -> list[object]:
    """Return each kill of ``kinds``: kind, signal, number."""
    every = [(kind, sent, number) for kind in kinds for sent in SIGNALS for number in range(COUNT)]
    return [pytest.param(kind, sent, number, id=f"{kind}-{sent}-{number}-seed{SEED}") for kind, sent, number in every]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A workflow that has run undisturbed, what it wrote and how many seconds each part of it took."""
    workflow = Workflow(tmp_path_factory.mktemp("done"))
    elsewhere = MEMORY / f"medley-{os.getpid()}"
    if os.access(MEMORY, os.W_OK) and MEMORY.stat().st_dev != workflow.folder.stat().st_dev:
        elsewhere.mkdir()
        (workflow / "results").symlink_to(elsewhere)
    began = time.monotonic()
    assert workflow.run(TABLE) == 0, workflow.said()
    seconds = {"main": time.monotonic() - began}
    for kind, job in JOBS.items():
        (benchmark,) = (workflow / RESULTS / "benchmarks" / job.rule).rglob("*.tsv")
        seconds[kind] = float(benchmark.read_text().splitlines()[1].split("\t")[0])
    yield workflow, workflow.content(), seconds
    workflow.forget(elsewhere)


@pytest.fixture(scope="module")
def noted(request):
    """Kills by kind, signal and what they struck, told at the end."""
    found = collections.defaultdict(list)
    yield found
    plugins = request.config.pluginmanager
    with plugins.getplugin("capturemanager").global_and_fixture_disabled():
        for (kind, sent, struck), numbers in sorted(found.items()):
            text = f"{kind:9}{sent:9}{struck:32}{len(numbers):3} killed and run again: the same bytes"
            plugins.getplugin("terminalreporter").write_line(f"\n{text}")


def assert_whole(content: dict[str, str], reference: dict[str, str]) -> None:
    """All that is there is as it would be in the end."""
    assert {path for path, checksum in content.items() if reference.get(path) != checksum} == set()


def kill(workflow: Workflow, job: Job, sent: str, after: float, writing: bool) -> str:
    """Start the job and kill it ``after`` seconds from its start, or from when it has begun to write.

    Returns what it was about, and nothing where it had ended before.
    """
    workflow.forget(*job.outputs)
    # Snakemake would remove the outputs of a failed job: here they stay, to be looked at.
    main = workflow.start(job.target, "--keep-incomplete")
    script, folder = workflow.script(), workflow / job.target.parent
    if writing:
        wait_for(lambda: any(folder.glob(job.begun)) or not workflow.scripts())
    time.sleep(after)
    stage = "writing" if any(folder.glob(job.begun)) else "all written" if (workflow / job.target).exists() else "begin"
    with contextlib.suppress(ProcessLookupError):
        os.kill(script, SIGNALS[sent])
    return "" if main.wait(PATIENCE) == 0 else stage


@pytest.mark.parametrize(("kind", "sent", "number"), kills(*JOBS))
def test_killed_job_run_again_gives_the_same_bytes(done, noted, kind, sent, number):
    workflow, reference, seconds = done
    job, writing = JOBS[kind], (number + list(SIGNALS).index(sent)) % 2 == 1
    after = moment(kind, sent, number) * seconds[kind] * (WRITING if writing else 1)
    while not (stage := kill(workflow, job, sent, after, writing)):
        after /= 2
    assert not workflow.scripts()
    assert_whole(workflow.content(), reference)
    assert workflow.run(job.target, "--rerun-incomplete") == 0, workflow.said()
    assert workflow.content() == reference
    assert not workflow.parts()
    noted[kind, sent, stage].append(number)


@pytest.mark.parametrize(("kind", "sent", "number"), kills("main"))
def test_killed_main_process_run_again_gives_the_same_bytes(done, noted, tmp_path, kind, sent, number):
    undisturbed, reference, seconds = done
    after, struck, attempt = moment(kind, sent, number) * seconds["main"], False, 0
    while not struck:
        attempt += 1
        workflow = Workflow(tmp_path / str(attempt), undisturbed)
        main = workflow.start(TABLE)
        time.sleep(after)
        running = "in " + (", ".join(sorted(workflow.scripts().values())) or "no job")
        main.send_signal(SIGNALS[sent])
        struck = main.wait(PATIENCE) != 0
        after /= 1 if struck else 2
    assert_whole(workflow.content(), reference)
    # As a user would: at once, while a job of the killed process may still be running.
    if sent == "SIGKILL":
        assert workflow.run(TABLE, "--unlock") == 0, workflow.said()
    assert workflow.run(TABLE, "--rerun-incomplete") == 0, workflow.said()
    assert workflow.content() == reference
    wait_for(lambda: not workflow.scripts())
    assert workflow.content() == reference
    assert not workflow.parts()
    noted[kind, sent, running].append(number)


def test_failed_job_is_tried_again_by_snakemake(done):
    """As under a profile with retries: Snakemake itself removes what there is of the outputs, and starts anew."""
    workflow, reference, _ = done
    workflow.forget(*JOBS["train"].outputs)
    main = workflow.start(MODEL, "--retries", "1")
    script = workflow.script()
    wait_for(lambda: list((workflow / TRAINING).glob("state/epoch-*.json")))
    os.kill(script, signal.SIGTERM)
    assert main.wait(PATIENCE) == 0, workflow.said()
    assert re.search(r"the job was told to end \(SIGTERM\)", workflow.said())
    assert re.search(r"going on after epoch [1234] of 4", workflow.said())
    assert workflow.content() == reference


def test_job_of_a_killed_main_process_is_waited_for(done):
    workflow, reference, _ = done
    workflow.forget(*JOBS["train"].outputs)
    main = workflow.start(MODEL)
    orphan = workflow.script()
    wait_for(lambda: list((workflow / TRAINING).glob("state/lock-*.json")))
    os.kill(orphan, signal.SIGSTOP)
    main.kill()
    main.wait()
    assert workflow.run(MODEL, "--unlock") == 0
    again = workflow.start(MODEL, "--rerun-incomplete")
    wait_for(lambda: f"process {orphan} on" in workflow.said())
    assert not (workflow / MODEL).exists()
    os.kill(orphan, signal.SIGCONT)
    assert again.wait(PATIENCE) == 0, workflow.said()
    text = (workflow / LOG).read_text()
    assert "this training is done" in text and "training loss" not in text
    assert workflow.content() == reference
    wait_for(lambda: not workflow.scripts())  # the orphan ends when it has seen that it is too late


def test_second_workflow_in_the_same_folder_is_refused(done):
    workflow, reference, _ = done
    workflow.forget(*JOBS["train"].outputs)
    first = workflow.start(MODEL)
    script = workflow.script()
    os.kill(script, signal.SIGSTOP)
    status, said = workflow.run(MODEL), workflow.said()
    os.kill(script, signal.SIGCONT)
    assert first.wait(PATIENCE) == 0
    assert status != 0
    assert "Directory cannot be locked" in said and "--unlock" in said and "Traceback" not in said
    assert workflow.content() == reference


def test_results_may_lie_on_another_file_system(done):
    """Those of the undisturbed run do, where there is one, and the killed runs that lie here are compared with them."""
    workflow, reference, _ = done
    if not (workflow / "results").is_symlink():
        pytest.skip("no second file system here")
    assert (workflow / "results").stat().st_dev != workflow.folder.stat().st_dev
    assert workflow.run(TABLE) == 0, workflow.said()
    assert workflow.content() == reference
    assert workflow.run(TABLE) == 0
    assert "Nothing to be done" in workflow.said()


@pytest.fixture
def mounted(done):
    """Lay a small empty disk over a folder of the workflow; hides what is there, and gives it back in the end."""
    if os.getuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    laid = []

    def lay(folder: Path, options: str) -> None:
        if mount("-t", "tmpfs", "-o", options, "tmpfs", folder):
            pytest.skip("this machine mounts nothing")
        laid.append(folder)

    yield lay
    for folder in laid:
        subprocess.run(["umount", "-l", folder], check=True)


def mount(*arguments: object) -> int:
    return subprocess.run(["mount", *map(str, arguments)], capture_output=True, check=False).returncode


@pytest.mark.parametrize(("target", "folder"), [(MODEL, TRAINING), (ENSEMBLE / "run.json", ENSEMBLE)])
def test_full_disk_costs_nothing(done, mounted, target, folder):
    workflow, reference, _ = done
    mounted(workflow / folder, "size=64k")
    (workflow / folder / ".mounted").touch()  # Snakemake removes empty folders, and cannot remove this one
    assert workflow.run(target, "--keep-incomplete") != 0
    assert "the disk is full or over quota; make room there" in workflow.said()
    assert "Traceback" not in workflow.said()
    assert_whole(workflow.content(), reference)
    assert mount("-o", "remount,size=64m", workflow / folder) == 0
    assert workflow.run(target, "--rerun-incomplete") == 0, workflow.said()
    assert_whole(workflow.content(), reference)
    assert not workflow.parts()


def test_read_only_disk_costs_nothing(done, mounted):
    """Snakemake itself comes first here, since it removes outputs before a job, and says so in its own way."""
    workflow, reference, _ = done
    mounted(workflow / ENSEMBLE, "ro,size=64m")
    assert workflow.run(ENSEMBLE / "run.json") != 0
    assert f"Read-only file system: '{ENSEMBLE}" in workflow.said()
    assert_whole(workflow.content(), reference)
    assert mount("-o", "remount,rw", workflow / ENSEMBLE) == 0
    assert workflow.run(ENSEMBLE / "run.json", "--rerun-incomplete") == 0, workflow.said()
    assert_whole(workflow.content(), reference)
