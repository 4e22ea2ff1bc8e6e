"""Files that appear whole or not at all, and their checksums."""

import contextlib
import functools
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medley import process
from medley.errors import InputError

CHUNK = 1 << 20
FORGOTTEN = 24 * 3600  # seconds after which what another machine left half-written has no writer any more


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it onto ``path`` when the block succeeds.

    A reader never sees half a file, and a failed block leaves what was there before.
    """
    target = Path(path)
    part = _new_part(target, folder=False)
    try:
        with _saying_where(target):
            yield part
            with part.open("rb") as written:
                os.fsync(written.fileno())
        os.chmod(part, 0o666 & ~_umask())
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield an empty temporary folder beside ``path``; put it in place of ``path`` on success."""
    target = Path(path)
    part, old = (_new_part(target, folder=True) for _ in range(2))
    try:
        with _saying_where(target):
            yield part
        os.chmod(part, 0o777 & ~_umask())
        with contextlib.suppress(FileNotFoundError):
            os.replace(target, old)  # removing it in its place would show half of it
        os.replace(part, target)
    finally:
        if not target.exists() and any(old.iterdir()):
            os.replace(old, target)  # ended between the two
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write ``value`` as indented JSON with sorted keys, whole or not at all."""
    with whole_file(path) as part:
        part.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Return the value in the JSON file ``path``."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _new_part(target: Path, folder: bool) -> Path:
    """Make a temporary file or folder beside ``target``, named after this process, and return its path."""
    naming: dict[str, Any] = {"prefix": f".{target.name}.{process.name()}.", "suffix": ".part", "dir": target.parent}
    with _saying_where(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_left_over(target.parent.absolute())
        if folder:
            return Path(tempfile.mkdtemp(**naming))
        handle, part = tempfile.mkstemp(**naming)
        os.close(handle)
        return Path(part)


@functools.cache
def _remove_left_over(folder: Path) -> None:
    """Remove what killed processes left half-written in ``folder``: once a process, as some folders hold thousands."""
    for part in folder.glob(".*.part"):
        with contextlib.suppress(OSError):  # another process removes them too, or they are another user's
            if _is_left_over(part):
                part.unlink() if part.is_file() else shutil.rmtree(part)


def _is_left_over(part: Path) -> bool:
    """Return whether nobody writes the temporary file or folder ``part`` any more."""
    writer = part.name.split(".")[-3]
    if writer.count("_") == 2 and process.is_here(writer):
        return not process.lives(writer)
    return time.time() - part.stat().st_mtime > FORGOTTEN


@contextlib.contextmanager
def _saying_where(target: Path) -> Iterator[None]:
    """Turn a failure for want of room into an OSError that names ``target``: libraries hide it in errors of their own.

    Whether there is room is seen by writing, since a quota is not among the numbers of the file system.
    """
    try:
        yield
    except InputError:
        raise
    except Exception:
        try:
            with tempfile.TemporaryFile(dir=target.parent) as probe:
                probe.write(bytes(CHUNK))
        except OSError as full:
            raise OSError(full.errno, full.strerror, str(target)) from full
        raise


def _umask() -> int:
    """Return the process's umask (which can only be read by setting it)."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
