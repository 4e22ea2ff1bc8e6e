"""Archives (zip, tar, compressed tar) unpacked whole or not at all.

A dataset from elsewhere may hold any path. The standard library bends a bad one to fit (a leading slash
goes, a damaged header ends a tar as if that were all of it); here it ends the unpacking.
"""

import contextlib
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO, Any

from medley.errors import InputError
from medley.files import CHUNK, whole_folder

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")  # a first member; the end of an archive without any
DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, LZMAError, EOFError, NotImplementedError)

File = tuple[str, int, IO[bytes]]  # a member's path, declared bytes and content


def extract(archive: Path, folder: Path) -> None:
    """Put the files in ``archive`` in place of ``folder``; folders without files are left out.

    Raises InputError, and leaves ``folder`` as it was, for a file that is missing, damaged or no archive;
    for a member whose path is absolute, climbs out (``..``) or stands twice; for links, devices and
    encrypted members; and for more bytes than the disk has room for.
    """
    if not archive.is_file():
        raise InputError(f"{archive}: no such file; fetch or copy it again")
    with whole_folder(folder) as part, _told(archive):
        room = shutil.disk_usage(part).free
        for name, size, content in _files(archive):
            target = part / _inside(archive, name)
            room -= size
            if room < 0:
                raise InputError(f"{archive}: unpacked it needs {-room} bytes more than the disk has; make room there")
            try:
                _write(target, content)
            except (FileExistsError, NotADirectoryError):
                what = f"{archive}: member {name!r} stands twice, or below a file"
                raise InputError(f"{what}; fetch it again or unpack it by hand") from None
            if target.stat().st_size != size:
                raise InputError(f"{archive}: member {name!r} does not have its {size} bytes; fetch or copy it again")


@contextlib.contextmanager
def _told(archive: Path) -> Iterator[None]:
    """Turn what the standard library raises for a damaged archive into an InputError."""
    try:
        yield
    except DAMAGED as error:
        reason = str(error).partition("\n")[0].rstrip(":") or type(error).__name__
        raise InputError(f"{archive}: is no whole zip or tar archive ({reason}); fetch or copy it again") from None
    except OSError as error:
        if error.errno is not None:  # of the disk; those of gzip and bz2 have no number
            raise
        raise InputError(f"{archive}: the compressed data are damaged ({error}); fetch or copy it again") from None


def _files(archive: Path) -> Iterator[File]:
    """Yield the files in an archive, whose first bytes say what it is (a tar may hold a zip)."""
    with archive.open("rb") as stream:
        zipped = stream.read(4) in ZIP_MAGIC
    return _zip_files(archive) if zipped else _tar_files(archive)


def _zip_files(path: Path) -> Iterator[File]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
                raise _no_file(path, member.filename)
            if member.flag_bits & 1:
                raise InputError(f"{path}: member {member.filename!r} is encrypted; unpack it by hand")
            with archive.open(member) as content:
                yield member.filename, member.file_size, content


def _tar_files(path: Path) -> Iterator[File]:
    with tarfile.open(path, tarinfo=_Member) as archive:
        for member in archive:
            if member.isdir():
                continue
            content = archive.extractfile(member) if member.isreg() else None
            if content is None:
                raise _no_file(path, member.name)
            yield member.name, member.size, content
        rest: Any = archive.fileobj
        while rest.read(CHUNK):  # the checksum of compressed data stands at their end
            pass


class _Member(tarfile.TarInfo):
    """A header that must be whole unless it is the mark of the archive's end."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> "_Member":
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.HeaderError as error:
            if isinstance(error, tarfile.EOFHeaderError):  # type: ignore[attr-defined]
                raise
            raise tarfile.ReadError(str(error)) from None


def _no_file(archive: Path, name: str) -> InputError:
    what = f"{archive}: member {name!r} is a link or a device, neither a file nor a folder"
    return InputError(f"{what}; do not trust this archive, or unpack it by hand")


def _inside(archive: Path, name: str) -> PurePosixPath:
    """Return a member's path, having checked that it stays inside."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise InputError(f"{archive}: member {name!r} would lie outside the folder; do not trust this archive")
    return path


def _write(target: Path, content: IO[bytes]) -> None:
    """Write a file that must be new."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as stream:
        shutil.copyfileobj(content, stream, CHUNK)
