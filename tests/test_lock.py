"""The lock on a training's state: one owner, also when owners die, stall or run on another machine."""

import collections
import errno
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from medley import lock, process, state

SCRIPTS = Path(lock.__file__).parents[1]
ELSEWHERE = "0123456789ab_7_100"  # a process of another machine
HOLD = """
import sys, time
from pathlib import Path
from medley import lock
with lock.held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""
COUNT = """
import sys, time
from pathlib import Path
from medley import lock
lock.LOOK = 0.01
folder = Path(sys.argv[1])
for _ in range(20):
    with lock.held(folder):
        (folder / "inside").touch(exist_ok=False)
        number = int((folder / "count").read_text())
        time.sleep(0.002)
        (folder / "count").write_text(str(number + 1))
        (folder / "inside").unlink()
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch, caplog):
    monkeypatch.setattr(lock, "LOOK", 0.02)
    caplog.set_level(logging.INFO)


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """Put a squeue on the path that gives a fixed answer; a call sets the answer."""
    tools = tmp_path / "bin"
    tools.mkdir()
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")

    def answer(text: str, status: int = 0) -> None:
        (tools / "squeue").write_text(f'#!/bin/sh\necho "$@" >> {tools}/calls\nprintf "{text}"\nexit {status}\n')
        (tools / "squeue").chmod(0o755)

    return answer


def start(code: str, folder: Path, *arguments: object, **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS), **variables}
    command = [sys.executable, "-c", code, str(folder), *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def holder(folder: Path, seconds: float = 600, **variables: str) -> subprocess.Popen[str]:
    """Start a process that holds the lock, and return once it does."""
    owner = start(HOLD, folder, seconds, **variables)
    assert owner.stdout.readline() == "held\n"
    return owner


def foreign(folder: Path, age: float = 0, number: int = 1, **more: object) -> Path:
    """Leave a lock in ``folder`` as a process of another machine does that showed life ``age`` seconds ago."""
    folder.mkdir(exist_ok=True)
    file = folder / f"lock-{number:05d}.json"
    file.write_text(json.dumps({"process": ELSEWHERE, "host": "node7", "pid": 7, "job": None, **more}))
    os.utime(file, (time.time() - age,) * 2)
    return file


def waits(folder: Path, seconds: float = 0.5) -> bool:
    """Whether somebody who wants the lock is still waiting after some time; ends the wait."""
    taken = threading.Event()

    def take() -> None:
        with lock.held(folder):
            taken.set()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    waited = not taken.wait(seconds)
    for file in folder.glob("lock-*.json"):
        os.utime(file, (0, 0))  # given back, so that the thread ends
    thread.join(10)
    assert not thread.is_alive()
    return waited


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_lock_is_held_and_given_back(tmp_path):
    folder = tmp_path / "state"
    with lock.held(folder) as owned:
        owned.check()
        assert json.loads((folder / "lock-00001.json").read_text())["process"] == process.name()
        assert waits(folder)
    with lock.held(folder) as again:
        again.check()
    assert names(folder) == ["lock-00003.json"]  # one file, whoever held it before
    assert not waits(folder)


def test_second_waits_for_a_live_process_and_says_for_which(tmp_path, caplog):
    owner = holder(tmp_path, 1.5)
    began = time.monotonic()
    with lock.held(tmp_path):
        assert owner.wait(5) == 0
    assert time.monotonic() - began > 1
    told = [message for message in caplog.messages if "waiting until it is done" in message]
    assert len(told) == 1 and f"process {owner.pid} on" in told[0]


def test_waiter_tells_again_and_again(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(lock, "TELL", 0.1)
    foreign(tmp_path)
    assert waits(tmp_path)
    assert sum("process 7 on node7" in message for message in caplog.messages) >= 3


def test_killed_process_of_this_machine_is_replaced_at_once(tmp_path, caplog):
    owner = holder(tmp_path)
    owner.kill()
    owner.wait()
    with lock.held(tmp_path):
        assert f"process {owner.pid} of this machine has ended" in caplog.text
    assert names(tmp_path) == ["lock-00002.json"]


def test_dead_process_that_nobody_buried_is_replaced_at_once(tmp_path):
    owner = holder(tmp_path)
    owner.kill()
    time.sleep(0.2)  # not waited for, so it stays as a zombie
    assert not waits(tmp_path)


def test_other_process_with_the_same_number_is_not_the_owner(tmp_path):
    own, pid, started = process.name().split("_")
    foreign(tmp_path, process=f"{own}_{pid}_{int(started) - 1}")
    assert not waits(tmp_path)


def test_stopped_process_of_this_machine_keeps_the_lock_however_silent(tmp_path):
    owner = holder(tmp_path)
    owner.send_signal(signal.SIGSTOP)
    os.utime(tmp_path / "lock-00001.json", (time.time() - 1000,) * 2)
    try:
        assert waits(tmp_path)
    finally:
        owner.kill()
        owner.wait()


def test_terminated_job_gives_the_lock_back(tmp_path):
    in_job = HOLD.replace("with lock", "from medley.log import job\nwith job(None), lock")
    owner = start(in_job, tmp_path, 600)
    assert owner.stdout.readline() == "held\n"
    owner.terminate()
    assert owner.wait(10) == 128 + signal.SIGTERM
    assert (tmp_path / "lock-00001.json").stat().st_mtime == 0


def test_owner_elsewhere_is_gone_after_two_minutes_of_silence(tmp_path, caplog):
    foreign(tmp_path, age=115)
    assert waits(tmp_path)
    foreign(tmp_path, age=125, number=9)
    with lock.held(tmp_path):
        assert "no sign of life for 125 s" in caplog.text
    assert names(tmp_path) == ["lock-00010.json"]


def test_silence_is_measured_by_the_clock_of_the_file_system(tmp_path, monkeypatch):
    """A machine whose own clock is an hour off judges as any other."""
    foreign(tmp_path, age=30)
    late = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: late)
    assert waits(tmp_path)


def test_owner_shows_life(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "HEARTBEAT", 0.05)
    with lock.held(tmp_path):
        file = tmp_path / "lock-00001.json"
        os.utime(file, (time.time() - 100,) * 2)
        time.sleep(0.4)
        assert time.time() - file.stat().st_mtime < 1


@pytest.mark.parametrize(
    ("answer", "gone"),
    [
        ("COMPLETED", True), ("CANCELLED", True), ("NODE_FAIL", True), ("TIMEOUT", True), ("PENDING", True),
        ("RUNNING", False), ("COMPLETING", False), ("SUSPENDED", False), ("", False),
    ],
)  # fmt: skip
def test_owner_elsewhere_is_gone_with_its_slurm_job(tmp_path, squeue, answer, gone):
    squeue(f"{answer}\\n")
    foreign(tmp_path / "state", age=5, job="4711")
    assert waits(tmp_path / "state") is not gone
    assert "--jobs=4711" in (tmp_path / "bin" / "calls").read_text()


def test_slurm_that_does_not_answer_decides_nothing(tmp_path, squeue):
    squeue("COMPLETED\\n", status=1)
    foreign(tmp_path / "state", age=5, job="4711")
    assert waits(tmp_path / "state")
    assert (tmp_path / "bin" / "calls").exists()


def test_slurm_is_asked_no_oftener_than_it_is_told(tmp_path, squeue):
    squeue("RUNNING\\n")
    foreign(tmp_path / "state", age=5, job="4711")
    assert waits(tmp_path / "state", 1)
    assert len((tmp_path / "bin" / "calls").read_text().splitlines()) == 1


def test_requeued_job_takes_the_lock_of_its_former_life(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(process, "slurm_job", lambda: "4711")
    foreign(tmp_path, age=5, job="4711")
    with lock.held(tmp_path):
        assert "SLURM started job 4711 again" in caplog.text


def test_requeued_job_waits_for_a_former_life_that_lives_on(tmp_path, monkeypatch):
    owner = holder(tmp_path, SLURM_JOB_ID="4711")
    assert json.loads((tmp_path / "lock-00001.json").read_text())["job"] == "4711"
    monkeypatch.setattr(process, "slurm_job", lambda: "4711")
    try:
        assert waits(tmp_path)
    finally:
        owner.kill()
        owner.wait()


def test_slurm_job_is_found_above_a_process_without_its_variables(tmp_path):
    """As under Snakemake's jobstep, which strips SLURM_* for the script alone."""
    ask = f"env -u SLURM_JOB_ID {sys.executable} -c 'from medley import process; print(process.slurm_job())'; true"
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS), "SLURM_JOB_ID": "4712"}
    answer = subprocess.run(["sh", "-c", ask], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout == "4712\n"


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        ("JobId=7 SubmitTime=2026-11-21T23:59:30 EligibleTime=2026-11-21T23:59:30 StartTime=2026-11-22T00:01:00", 90),
        ("JobId=7 SubmitTime=2026-11-21T23:59:30 StartTime=Unknown", 0),
        ("slurm_load_jobs error: Invalid job id specified", 0),
    ],
)
def test_wait_in_the_queue_is_what_slurm_says(tmp_path, monkeypatch, answer, seconds):
    (tmp_path / "scontrol").write_text(f'#!/bin/sh\ntest "$*" = "show job 7 --oneliner" && echo "{answer}"\n')
    (tmp_path / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(process, "slurm_job", lambda: "7")
    assert process.slurm_wait_seconds() == seconds
    monkeypatch.setattr(process, "slurm_job", lambda: None)
    assert process.slurm_wait_seconds() == 0


def test_stalled_owner_that_wakes_up_notices(tmp_path):
    with lock.held(tmp_path) as owned:
        owned.file.unlink()
        theirs = foreign(tmp_path, number=2)
        with pytest.raises(lock.LostError, match="another job took this folder over"):
            owned.check()
        os.utime(theirs, (time.time() - 60,) * 2)
        before = theirs.stat().st_mtime
    assert names(tmp_path) == ["lock-00002.json"]
    assert theirs.stat().st_mtime == before  # not given back by who lost it


def test_owner_notices_a_higher_number_though_its_own_file_is_there(tmp_path):
    with lock.held(tmp_path) as owned:
        foreign(tmp_path, number=2)
        with pytest.raises(lock.LostError):
            owned.check()
        os.utime(tmp_path / "lock-00002.json", (0, 0))


def test_waiter_that_slept_through_two_owners_takes_no_old_number(tmp_path, monkeypatch):
    with lock.held(tmp_path):
        pass
    make = lock._make

    def sleep(file):
        monkeypatch.setattr(lock, "_make", make)
        make(tmp_path / "lock-00002.json")
        third = make(tmp_path / "lock-00003.json")  # removes those before it
        os.utime(third, (lock.FREE, lock.FREE))
        return make(file)

    monkeypatch.setattr(lock, "_make", sleep)
    with lock.held(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == ["lock-00004.json"]


def test_full_disk_leaves_no_lock_without_an_owner(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="No space left"), lock.held(tmp_path):
            pytest.fail("held without a lock")
    assert names(tmp_path) == []
    assert not waits(tmp_path)


def test_owner_notices_though_the_folder_is_listed_as_it_was(tmp_path, monkeypatch):
    """A network file system answers a listing from its cache; opening the file asks the server."""
    with lock.held(tmp_path) as owned:
        monkeypatch.setattr(lock, "_newest", lambda folder: owned.file)
        owned.check()
        owned.file.unlink()
        with pytest.raises(lock.LostError):
            owned.check()


def test_torn_lock_file_counts_as_one_until_it_is_silent(tmp_path):
    file = tmp_path / "lock-00001.json"
    file.touch()
    assert waits(tmp_path)
    for other in tmp_path.iterdir():
        other.unlink()
    file.touch()
    os.utime(file, (time.time() - 200,) * 2)
    assert not waits(tmp_path)


def test_states_of_another_training_go_and_the_lock_stays(tmp_path):
    with lock.held(tmp_path) as owned:
        state.save(tmp_path, "other", 1, {"history": []}, {"precision": "float32"})
        assert state.load(tmp_path, "mark", "float32") is None
        owned.check()
        assert names(tmp_path) == ["lock-00001.json"]


def test_of_many_processes_one_at_a_time_is_inside(tmp_path):
    (tmp_path / "count").write_text("0")
    workers = [start(COUNT, tmp_path) for _ in range(4)]
    assert [worker.wait(120) for worker in workers] == [0] * 4
    assert (tmp_path / "count").read_text() == "80"


def test_a_lock_of_a_dead_owner_goes_to_one_of_many_waiters(tmp_path):
    foreign(tmp_path, age=500)
    (tmp_path / "count").write_text("0")
    workers = [start(COUNT, tmp_path) for _ in range(3)]
    assert collections.Counter(worker.wait(120) for worker in workers) == {0: 3}
    assert (tmp_path / "count").read_text() == "60"
