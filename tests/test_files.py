"""Files and folders that are whole or not there, what killed writers leave, and full or forbidden disks."""

import errno
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from medley import files, process
from medley.errors import InputError
from medley.log import job

SCRIPTS = Path(files.__file__).parents[1]
WRITE = """
import sys, time
from pathlib import Path
from medley.files import whole_file, whole_folder
from medley.log import job
with job(None), whole_file(sys.argv[1] + "/model"), whole_folder(sys.argv[1] + "/cases") as folder:
    (folder / "case").write_text("half")
    print("writing", flush=True)
    time.sleep(float(sys.argv[2]))
"""
ELSEWHERE = "0123456789ab_7_100"  # a process of another machine
# Root may write everywhere. Another user may be unable to start this Python, hence not from the beginning.
AS_NOBODY = "import os\nif os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)"


@pytest.fixture(autouse=True)
def as_in_a_new_process():
    files._remove_left_over.cache_clear()


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def writer(folder: Path) -> subprocess.Popen[str]:
    """Start a process that is writing a file and a folder."""
    started = start(WRITE, folder, 600)
    assert started.stdout.readline() == "writing\n"
    return started


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_file_appears_when_it_is_whole(tmp_path):
    with files.whole_file(tmp_path / "new" / "file") as part:
        part.write_text("content")
        assert not (tmp_path / "new" / "file").exists()
    assert (tmp_path / "new" / "file").read_text() == "content"
    assert names(tmp_path / "new") == ["file"]


def test_failed_block_leaves_what_was_there(tmp_path):
    (tmp_path / "file").write_text("before")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "case").write_text("before")
    with pytest.raises(ZeroDivisionError), files.whole_file(tmp_path / "file") as part:
        part.write_text("after")
        _ = 1 / 0
    with pytest.raises(ZeroDivisionError), files.whole_folder(tmp_path / "folder") as part:
        (part / "case").write_text("after")
        _ = 1 / 0
    assert (tmp_path / "file").read_text() == (tmp_path / "folder" / "case").read_text() == "before"
    assert names(tmp_path) == ["file", "folder"]


def test_folder_replaces_the_one_before(tmp_path):
    for content in ("one", "two"):
        with files.whole_folder(tmp_path / "folder") as part:
            (part / content).touch()
    assert names(tmp_path) == ["folder"] and names(tmp_path / "folder") == ["two"]


def test_folder_ended_between_its_two_renames_is_what_it_was(tmp_path, monkeypatch):
    with files.whole_folder(tmp_path / "folder") as part:
        (part / "old").touch()
    replace = os.replace

    def end(source, target):
        replace(source, target)
        monkeypatch.setattr(os, "replace", replace)
        raise SystemExit(143)

    with pytest.raises(SystemExit), files.whole_folder(tmp_path / "folder") as part:
        (part / "new").touch()
        monkeypatch.setattr(os, "replace", end)
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "old"]


def test_modes_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        with files.whole_file(tmp_path / "file"), files.whole_folder(tmp_path / "folder"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o750


def test_left_over_of_a_killed_writer_is_removed_by_the_next(tmp_path):
    killed = writer(tmp_path)
    killed.kill()
    killed.wait()
    assert len([name for name in names(tmp_path) if name.endswith(".part")]) == 3  # one more for the folder to replace
    files.write_json(tmp_path / "model", {})
    assert names(tmp_path) == ["model"]


def test_what_a_live_writer_writes_is_left_alone(tmp_path):
    alive = writer(tmp_path)
    before = names(tmp_path)
    try:
        files.write_json(tmp_path / "model", {})
        assert set(names(tmp_path)) == {*before, "model"}
    finally:
        alive.kill()
        alive.wait()


def test_terminated_writer_leaves_nothing(tmp_path):
    ended = writer(tmp_path)
    ended.terminate()
    assert ended.wait(20) == 128 + signal.SIGTERM
    assert names(tmp_path) == []


@pytest.mark.parametrize(("hours", "stays"), [(20, True), (25, False)])
@pytest.mark.parametrize("name", [f".model.{ELSEWHERE}.abc.part", ".model.abc.part"])
def test_left_over_of_another_machine_stays_for_a_day(tmp_path, name, hours, stays):
    (tmp_path / name).touch()
    os.utime(tmp_path / name, (time.time() - 3600 * hours,) * 2)
    files.write_json(tmp_path / "model", {})
    assert (tmp_path / name).exists() == stays


def test_download_to_be_continued_is_no_left_over(tmp_path):
    (tmp_path / "volume.nii.gz.part").touch()
    os.utime(tmp_path / "volume.nii.gz.part", (0, 0))
    files.write_json(tmp_path / "model", {})
    assert (tmp_path / "volume.nii.gz.part").exists()


def test_a_folder_is_searched_once_a_process(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(files, "_is_left_over", lambda part: asked.append(part.name))
    (tmp_path / ".a.b.c.part").touch()
    for number in range(5):
        files.write_json(tmp_path / f"{number}.json", {})
    assert asked == [".a.b.c.part"]


def test_a_process_knows_itself_and_the_dead():
    assert process.is_here(process.name()) and process.lives(process.name())
    assert not process.is_here(ELSEWHERE)
    ended = start("from medley import process; print(process.name())")
    name = ended.stdout.read().strip()
    ended.wait()
    assert process.is_here(name) and not process.lives(name)


def test_process_of_another_user_lives():
    """Process 1 is root's: where this user is another, it can be neither signalled nor, on some clusters, seen."""
    started = Path("/proc/1/stat").read_text().rpartition(")")[2].split()[19]
    name = f"{process.machine()}_1_{started}"
    asked = start(f"from medley import process\n{AS_NOBODY}\nprint(process.lives({name!r}))")
    assert asked.communicate()[0] == "True\n"


def test_peak_memory_counts_what_was_held():
    asked = start("from medley import process; held = bytearray(b'1') * 300_000_000; print(process.peak_memory_mb())")
    assert 286 < float(asked.communicate()[0]) < 400


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MB."""
    if os.getuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("this machine mounts nothing")
    yield folder
    subprocess.run(["mount", "-o", "remount,rw,size=64m", folder], check=True)
    logging.basicConfig(handlers=[], force=True)  # closes a log on it, which needs room
    subprocess.run(["umount", "-l", folder], check=True)


MEGABYTES = 8
WRITERS = {
    "bytes": lambda path: path.write_bytes(bytes(MEGABYTES << 20)),
    "torch": lambda path: torch.save(torch.zeros(MEGABYTES << 18), path),
    "numpy": lambda path: np.save(path.open("wb"), np.zeros(MEGABYTES << 17)),
}


@pytest.mark.parametrize("library", WRITERS)
def test_full_disk_is_told_as_such_whoever_writes(small_disk, library):
    (small_disk / "model").write_text("before")
    with pytest.raises(OSError, match="No space left") as caught, files.whole_file(small_disk / "model") as part:
        WRITERS[library](part)
    assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(small_disk / "model")
    assert names(small_disk) == ["model"] and (small_disk / "model").read_text() == "before"


def test_full_disk_while_a_folder_is_written(small_disk):
    with pytest.raises(OSError, match="No space left"), files.whole_folder(small_disk / "arrays") as part:
        np.save(part / "case.npy", np.zeros(MEGABYTES << 17))
    assert names(small_disk) == []


def test_other_failures_stay_what_they_are_on_a_full_disk(small_disk):
    with pytest.raises(InputError, match="wrong"), files.whole_file(small_disk / "model"):
        (small_disk / "filler").write_bytes(bytes(4 << 20))
        raise InputError("wrong")


def test_full_disk_ends_a_job_with_one_line(small_disk, capfd):
    with pytest.raises(SystemExit), job(str(small_disk / "log")), files.whole_file(small_disk / "model") as part:
        part.write_bytes(bytes(MEGABYTES << 20))
    said = capfd.readouterr().err
    assert f"{small_disk}/model: the disk is full or over quota" in said and "Traceback" not in said


def test_log_without_room_hides_nothing(small_disk, capfd):
    (small_disk / "filler").write_bytes(bytes(3 << 20))
    with pytest.raises(SystemExit), job(str(small_disk / "log")):
        (small_disk / "more").touch()
        with (small_disk / "more").open("wb") as stream, pytest.raises(OSError):
            stream.write(bytes(MEGABYTES << 20))
        for _ in range(200):
            logging.info("a line " * 10)
        raise InputError("the point")
    said = capfd.readouterr().err
    assert "ERROR the point" in said and "Logging error" not in said and "Traceback" not in said


def test_read_only_disk_ends_a_job_with_one_line(small_disk, capfd):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(SystemExit), job(None):
        files.write_json(small_disk / "model", {})
    assert f"{small_disk}/model: the file system is read-only" in capfd.readouterr().err


def test_folder_without_permission_ends_a_job_with_one_line(tmp_path):
    write = "with log.job(None): files.write_json(sys.argv[1], {})"
    code = f"import sys; from medley import files, log\n{AS_NOBODY}\n{write}"
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)  # pytest's are closed to others
    tmp_path.chmod(0o555)
    asked = start(code, tmp_path / "model")
    said = asked.communicate()[0]
    tmp_path.chmod(0o755)
    assert f"{tmp_path}/model: no permission" in said and "Traceback" not in said
    assert asked.returncode == 1 and names(tmp_path) == []


def test_json_is_sorted_and_comes_back(tmp_path):
    files.write_json(tmp_path / "a.json", {"b": 1, "a": [1.5, None]})
    assert (tmp_path / "a.json").read_text() == json.dumps({"a": [1.5, None], "b": 1}, indent=2) + "\n"
    assert files.read_json(tmp_path / "a.json") == {"a": [1.5, None], "b": 1}


def test_checksum_is_that_of_sha256sum(tmp_path):
    (tmp_path / "a").write_bytes(np.random.default_rng(0).bytes(3_000_000))
    if not shutil.which("sha256sum"):
        pytest.skip("no sha256sum here")
    said = subprocess.run(["sha256sum", tmp_path / "a"], capture_output=True, text=True, check=True).stdout
    assert files.sha256(tmp_path / "a") == said.split()[0]
