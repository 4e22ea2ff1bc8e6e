"""A process among those of all machines that share a file system: its name, its SLURM job, its memory.

Snakemake takes ``SLURM_*`` out of a script's environment; the processes above it still have them.
"""

import datetime
import functools
import hashlib
import os
import re
import resource
import socket
import subprocess
import uuid
from pathlib import Path

SLURM_SECONDS = 20  # that an answer may take
UNKNOWN = -1
RUNS = {"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "CONFIGURING", "RESIZING", "SIGNALING", "STAGE_OUT"}


def name() -> str:
    """Return this process's name, of which there is no second: machine, process number and start time."""
    return f"{machine()}_{os.getpid()}_{_parent_and_start(os.getpid())[1]}"


def is_here(other: str) -> bool:
    """Return whether the process named ``other`` is or was one of this machine, so that ``lives`` can tell."""
    return other.split("_")[0] == machine()


def lives(other: str) -> bool:
    """Return whether the process named ``other``, one of this machine, still runs."""
    _, pid, started = other.split("_")
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    return _parent_and_start(int(pid))[1] in (int(started), UNKNOWN)


@functools.cache
def machine() -> str:
    """Return 12 hexadecimal digits for the machine since its start, as this container sees its processes.

    The host name alone would not do: containers share it, and process numbers begin anew with each start.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8")
        known = f"{socket.gethostname()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        known = str(uuid.uuid4())  # no other process is known to be of this machine
    return hashlib.sha256(known.encode()).hexdigest()[:12]


def slurm_job() -> str | None:
    """Return the number of the SLURM job that this process runs in, or None."""
    pid = os.getpid()
    while pid > 1:
        try:
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            variables = []  # another user's process, as slurmstepd is
        for variable in variables:
            if variable.startswith(b"SLURM_JOB_ID="):
                return variable.partition(b"=")[2].decode()
        pid, _ = _parent_and_start(pid)
    return None


def slurm_job_ended(job: str) -> bool:
    """Return whether SLURM says that ``job`` runs no longer; False where it cannot say."""
    command = ["squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=SLURM_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    states = set(answer.stdout.split())
    return bool(states) and not states & RUNS


def slurm_wait_seconds() -> float:
    """Return the seconds that this process's SLURM job waited to start; 0 without SLURM, or where it cannot say."""
    job = slurm_job()
    if job is None:
        return 0.0
    command = ["scontrol", "show", "job", job, "--oneliner"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=SLURM_SECONDS, check=True).stdout
        fields = dict(field.split("=", 1) for field in answer.split() if "=" in field)
        started, asked = (datetime.datetime.fromisoformat(fields[key]) for key in ("StartTime", "SubmitTime"))
    except (OSError, subprocess.SubprocessError, KeyError, ValueError):
        return 0.0
    return (started - asked).total_seconds()


def peak_memory_mb() -> float:
    """Return the most memory (MB, resident) that this process has held.

    getrusage would count the process that started it too, which for a large plan of Snakemake's is the larger.
    """
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"), re.MULTILINE)
    return int(found[1]) / 1024 if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _parent_and_start(pid: int) -> tuple[int, int]:
    """Return a process's parent (0 for unknown) and its start in ticks since the machine's, 0 for a dead one."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0, UNKNOWN
    fields = text.rpartition(")")[2].split()  # the program's name before may hold anything
    return int(fields[1]), 0 if fields[0] in "ZX" else int(fields[19])
