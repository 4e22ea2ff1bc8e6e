"""A lock on a folder, also among machines that share its file system: who holds it writes there, nobody else.

flock does not reach over every network file system, so the lock is a file made exclusively, whose owner
renews its time of change. Each owner has a file of its own, with the next number: the highest one holds
the lock. A waiter that finds the owner gone makes the file of the next number, which only one can, and
removes those before it. So an owner that was only stalled finds its file gone, and writes nothing more.
"""

import contextlib
import json
import logging
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medley import process

HEARTBEAT = 25.0  # seconds between two signs of life of an owner
GONE = 120.0  # seconds without one after which an owner on another machine is gone
LOOK = 5.0  # seconds between two looks of a waiter
TELL = 60.0  # seconds between two of its log lines, and questions to SLURM
FREE = 0  # the time of change of a lock that was given back


class LostError(Exception):
    """The lock was taken over by another process."""


class Lock:
    """A lock that this process took."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def check(self) -> None:
        """Raise LostError unless this process still holds the lock; to be called before anything is written."""
        if _newest(self.file.parent) != self.file or _read(self.file).get("process") != process.name():
            raise LostError(f"{self.file.parent}: another job took this folder over, as this one was taken for gone")


@contextlib.contextmanager
def held(folder: Path) -> Iterator[Lock]:
    """Hold the lock on ``folder`` (made if need be) in the block; wait while another process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = Lock(_acquire(folder))
    done = threading.Event()
    life = threading.Thread(target=_show_life, args=(lock.file, done), daemon=True)
    life.start()
    try:
        yield lock
    finally:
        done.set()
        life.join()
        with contextlib.suppress(OSError):  # a lock that was lost has no file any more
            os.utime(lock.file, (FREE, FREE))


def is_held(folder: Path) -> bool:
    """Return whether a process that shows signs of life holds the lock on ``folder``."""
    newest = _newest(folder)
    return newest is not None and not _why_gone(newest, ask=False)


def _acquire(folder: Path) -> Path:
    """Return the file of the lock on ``folder``, this process's own, once whoever holds it is done or gone."""
    asked = -TELL
    while True:
        newest, ask = _newest(folder), time.monotonic() - asked >= TELL
        with contextlib.suppress(FileExistsError):  # another waiter was faster
            if newest is None or (reason := _why_gone(newest, ask)):
                file = _make(folder / f"lock-{_number(newest) + 1 if newest else 1:05d}.json")
                if _newest(folder) == file:
                    if newest:
                        logging.info("%s: taken over, since %s", folder, reason)
                    return file
                file.unlink(missing_ok=True)  # others went on while this process slept: theirs is the lock
                continue
        if newest and ask:
            asked, owner = time.monotonic(), _read(newest)
            place = (owner.get("pid"), owner.get("host"), owner.get("job"))
            logging.info("%s: process %s on %s (SLURM job %s) works on it; waiting until it is done", folder, *place)
        time.sleep(LOOK)


def _make(file: Path) -> Path:
    """Make the lock's file and remove those before it. Raises FileExistsError when another process has made it."""
    owner = {"process": process.name(), "host": socket.gethostname(), "pid": os.getpid(), "job": process.slurm_job()}
    file.touch(exist_ok=False)
    try:
        file.write_text(json.dumps(owner), encoding="utf-8")
    except OSError:  # a full disk: without an owner the file would have to grow old first
        file.unlink()
        raise
    for other in _files(file.parent):
        if _number(other) < _number(file):
            other.unlink(missing_ok=True)
    return file


def _why_gone(file: Path, ask: bool) -> str:
    """Return why the owner of the lock does nothing more, or nothing. SLURM is asked where ``ask`` is set."""
    try:
        silent = _seconds_silent(file)
    except FileNotFoundError:
        return ""  # taken over just now
    owner = _read(file)
    if silent is None:
        return "its owner is done"
    if process.is_here(owner.get("process", "")):
        return "" if process.lives(owner["process"]) else f"process {owner['pid']} of this machine has ended"
    if silent > GONE:
        return f"its owner has shown no sign of life for {silent:.0f} s"
    job = owner.get("job")
    if job and job == process.slurm_job():
        return f"SLURM started job {job} again"
    return f"SLURM job {job} has ended" if job and ask and process.slurm_job_ended(job) else ""


def _seconds_silent(file: Path) -> float | None:
    """Return the seconds since the owner's last sign of life, by the clock of the file system; None once it is done.

    The clocks of two machines may differ: compared are times of change that one server gave.
    """
    with open(file, "rb") as stream:  # asks the server, where a look at the path may be answered from a cache
        last = os.fstat(stream.fileno()).st_mtime
    if last == FREE:
        return None
    try:
        with tempfile.TemporaryFile(dir=file.parent) as now:
            return os.fstat(now.fileno()).st_mtime - last
    except OSError:  # who only looks may have no right to write there
        return time.time() - last


def _show_life(file: Path, done: threading.Event) -> None:
    while not done.wait(HEARTBEAT):
        with contextlib.suppress(OSError):  # the network may be away for a moment
            os.utime(file)


def _read(file: Path) -> dict[str, Any]:
    """Return who holds the lock; nothing while its file is being written, or was removed."""
    try:
        owner: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return owner


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("lock-*.json"), key=_number)


def _newest(folder: Path) -> Path | None:
    return next(reversed(_files(folder)), None)


def _number(file: Path) -> int:
    return int(file.stem.removeprefix("lock-"))
