"""The list of a dataset's raw files: ``manifest.csv`` with path, bytes and sha256 of each."""

import csv
from pathlib import Path

from medley.errors import InputError
from medley.files import sha256, whole_file

MANIFEST = "manifest.csv"
RECORD = "checksums.csv"
COLUMNS = ("path", "bytes", "sha256")

Entries = dict[str, tuple[int, str]]  # path → bytes, SHA-256


def describe(folder: Path) -> Entries:
    """Return size and checksum of every file below ``folder``, by its path from there, sorted."""
    own = {folder / MANIFEST, folder / RECORD}
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path not in own)
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_size, sha256(path))
        for path in files
        if path.suffix != ".part"
    }


def write(path: Path, entries: Entries) -> None:
    """Write ``entries`` as CSV, whole or not at all."""
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((name, size, digest) for name, (size, digest) in sorted(entries.items()))


def read(path: Path) -> Entries:
    """Return the entries of a file that ``write`` made."""
    with path.open(encoding="utf-8", newline="") as stream:
        return {row["path"]: (int(row["bytes"]), row["sha256"]) for row in csv.DictReader(stream)}


def check_against_first_download(folder: Path, entries: Entries) -> None:
    """Record the checksums of a first download in ``checksums.csv``; hold later ones against it.

    For sources that publish no checksums. The record is no output of any rule, so it survives
    where Snakemake removes the manifest. Raises InputError naming a file that has changed.
    """
    record = folder / RECORD
    first = read(record) if record.exists() else {}
    changed = sorted(name for name, entry in entries.items() if first.get(name, entry) != entry)
    if changed:
        raise InputError(
            f"{folder / changed[0]}: is not the file that was downloaded first ({len(changed)} such files); delete "
            f"it to fetch it again or, if the source has published another one, delete its line in {record}"
        )
    write(record, {**first, **entries})
