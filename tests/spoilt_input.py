"""Where bad input meets Medley in the tests: the stages that meet it first, and ways to spoil sound input.

Everything happens in the working directory, in which the stages before a training are done.
"""

import gzip
import hashlib
import io
import re
import shutil
import socket
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import nibabel
import numpy as np
import pytest

from medley import archive, config, download, nifti, train
from medley.datasets import acdc, gi_tract
from scripts import index_cases, inspect_cases, preprocess_cases, split_cases, train_member
from tests.web_server import Site

PATIENT = Path("data/training/patient001")
IMAGE = PATIENT / "patient001_frame01.nii.gz"
MASK = PATIENT / "patient001_frame01_gt.nii.gz"
INFO = PATIENT / "Info.cfg"
CASES, QUALITY, CONFIG, ARCHIVE = (Path(name) for name in ("cases.csv", "quality.csv", "config.yaml", "archive"))
STATE, PART = "run/state/*.pt", "volume.part"

SLICES = Path("abdomens")
TABLE = SLICES / "train.csv"
SCANS = SLICES / "train/case1/case1_day0/scans"
NAME = "case1_day0_slice_0005"
SLICE = SCANS / "slice_0005_53_53_7.50_7.50.png"  # 53 columns and rows: 2809 pixels

VOLUME = bytes(range(256)) * 2000  # what the web server holds
HEADER_BYTES = 348
MEMBER_CONTENT = b"target"
FOLDS = {"folds": 2, "stratify": None, "test": "official", "seed": 0}
RECIPE = {"intensity": "minmax", "spacing": None, "shape": [32, 64, 4]}
MEMBER = {
    "architecture": "FPN", "encoder": "resnet18", "weights": None, "width": 0.1, "labels": ["LV"], "head": "softmax",
    "recipe": "small", "loss": "dice", "optimiser": "adam", "lr": 1e-3, "schedule": "constant", "batch": 8,
    "epochs": 3, "keep": "last",
}  # fmt: skip
CONFIGURATION = """
preset: full
presets: {full: {}}
datasets:
  acdc: {reader: acdc, source: {kind: download}}
recipes:
  pad: {intensity: minmax, shape: [192, 256, 8]}
studies:
  cine:
    datasets: [acdc]
    seeds: [0]
    splits: {single: {parts: {train: 0.7, validation: 0.1, test: 0.2}}}
    training: {loss: dice, optimiser: adam, lr: 1.0e-4, batch: 8, epochs: 10, keep: last}
    members:
      fpn: {architecture: FPN, encoder: resnet34, labels: [LV], recipe: pad}
      deep: {architecture: DeepLabV3Plus, encoder: resnet34, labels: [LV], recipe: pad}
    ensembles:
      weighted: {kind: weighted, weights: {fpn: 0.6, deep: 0.4}}
    protocols: {audited: {split: single, predictors: [weighted]}}
"""


class Place:
    """What a spoil may reach besides the working directory."""

    def __init__(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        self.site, self.monkeypatch = site, monkeypatch
        self.url = f"{site.url}/volume"
        self.member: dict[str, Any] = dict(MEMBER)


Stage = Callable[[Place], None]
Spoil = Callable[[Place], Any]


def make_sound_input() -> None:
    """Make a dataset of four patients and everything that is made of it before a training; and one of slices."""
    gi_tract.make_phantom(SLICES, 2, 0.2, 0)
    acdc.make_phantom(Path("data"), 4, 0.2, 0)
    _judge("acdc", "data")
    CONFIG.write_text(CONFIGURATION)
    Path("unpacked").mkdir()
    Path("unpacked/before").write_text("from an earlier archive")
    _write_tar({"a/b": b"sound"}, "w")


# The stages.


def index(_: Place) -> None:
    index_cases.main("acdc", "data", "cases.csv")


def judge(_: Place) -> None:
    _judge("acdc", "data")


def index_slices(_: Place) -> None:
    index_cases.main("gi_tract", str(SLICES), "cases.csv")


def judge_slices(_: Place) -> None:
    _judge("gi_tract", str(SLICES))


def divide(_: Place) -> None:
    split_cases.main("cases.csv", "quality.csv", FOLDS, "split.csv")


def prepare(_: Place) -> None:
    preprocess_cases.main("cases.csv", "quality.csv", "arrays", "acdc", RECIPE)


def learn(place: Place) -> None:
    task = {"member": place.member, "seed": 0, "threads": 1}
    train_member.main(Path("arrays"), "split.csv", Path("run"), 0, {}, "code", None, task)


def configure(_: Place) -> None:
    config.resolve(config.read(CONFIG))


def fetch(place: Place) -> None:
    with download.session() as http:
        download.fetch(http, place.url, Path("volume"), len(VOLUME), hashlib.sha256(VOLUME).hexdigest())


def unpack(_: Place) -> None:
    archive.extract(ARCHIVE, Path("unpacked"))


def _judge(reader: str, folder: str) -> None:
    """From the raw files to the arrays."""
    index_cases.main(reader, folder, "cases.csv")
    inspect_cases.main("cases.csv", reader, "quality.csv", "quality.png")
    split_cases.main("cases.csv", "quality.csv", FOLDS, "split.csv")
    preprocess_cases.main("cases.csv", "quality.csv", "arrays", reader, RECIPE)


# Spoiling files.


def both(*spoils: Spoil) -> Spoil:
    return lambda place: [spoil(place) for spoil in spoils]


def missing(path: Path) -> Spoil:
    return lambda _: path.unlink()


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> Spoil:
    """Change a file's bytes."""
    return lambda _: path.write_bytes(change(path.read_bytes()))


def content(path: Path, change: Callable[[bytes], bytes]) -> Spoil:
    """Change what a gzip file holds."""
    return rewrite(path, lambda packed: gzip.compress(change(gzip.decompress(packed))))


def edit(path: Path, old: str, new: str) -> Spoil:
    """Replace ``old``, which must be there, in a text file."""

    def spoil(_: Place) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return spoil


def first_lines(path: Path, count: int) -> Spoil:
    """Cut a text file after ``count`` lines."""
    return rewrite(path, lambda old: b"".join(old.splitlines(keepends=True)[:count]))


# Spoiling volumes.


def header(path: Path, field: str, value: Any, position: int | None = None) -> Spoil:
    """Set a field of a NIfTI header, or one position of it, without any check."""

    def change(old: bytes) -> bytes:
        head = nibabel.Nifti1Header(old[:HEADER_BYTES], check=False)
        if position is None:
            head[field] = value
        else:
            head[field][position] = value
        return head.binaryblock + old[HEADER_BYTES:]

    return content(path, change)


def voxels(path: Path, change: Callable[[Any], Any]) -> Spoil:
    """Change a volume's voxels (rows, columns, slices)."""

    def spoil(_: Place) -> None:
        volume = nifti.read(path)
        nifti.write(path, change(volume.voxels), volume.spacing, volume.affine)

    return spoil


def voxel(path: Path, value: float) -> Spoil:
    """Set one voxel."""

    def change(old: Any) -> Any:
        new = old.astype(np.float32)
        new[3, 4, 0] = value
        return new

    return voxels(path, change)


def flip(path: Path) -> Spoil:
    """Turn the first axis round in the affine alone."""

    def spoil(_: Place) -> None:
        volume = nifti.read(path)
        assert volume.affine is not None
        nifti.write(path, volume.voxels, volume.spacing, volume.affine @ np.diag([-1, 1, 1, 1]))

    return spoil


# Spoiling slices.


def row(organ: str, runs: str) -> Spoil:
    """Set the runs of an organ in the slice NAME."""

    def spoil(_: Place) -> None:
        changed, times = re.subn(rf"(?m)^({NAME},{organ},).*$", rf"\g<1>{runs}", TABLE.read_text())
        assert times == 1
        TABLE.write_text(changed)

    return spoil


def pixels(change: Callable[[Any], Any]) -> Spoil:
    """Change the pixels of SLICE."""
    return lambda _: cv2.imwrite(str(SLICE), change(cv2.imread(str(SLICE), cv2.IMREAD_UNCHANGED)))


# Spoiling archives.


def tarred(*names: str, mode: str = "w", **special: Any) -> Spoil:
    """Make the archive a tar of a sound member, of these and, with ``special``, of one of another kind."""
    return lambda _: _write_tar({"sound": b"sound", **dict.fromkeys(names, b"bad")}, mode, **special)


def _write_tar(files: dict[str, bytes], mode: str, **special: Any) -> None:
    with tarfile.open(ARCHIVE, mode) as made:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            made.addfile(member, io.BytesIO(data))
        if special:
            member = tarfile.TarInfo("special")
            for key, value in special.items():
                setattr(member, key, value)
            made.addfile(member)


def zipped(name: str, mode: int = 0, flags: int = 0, size: int = len(MEMBER_CONTENT)) -> Spoil:
    """Make the archive a zip of a sound member and one of this name, Unix mode, flags and declared size."""

    def spoil(_: Place) -> None:
        with zipfile.ZipFile(ARCHIVE, "w") as made:
            made.writestr("sound", b"sound")
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            made.writestr(member, MEMBER_CONTENT)
        data = bytearray(ARCHIVE.read_bytes())
        entry = data.rindex(b"PK\x01\x02")  # the last in the list of members at the end
        data[entry + 8] |= flags
        data[entry + 24 : entry + 28] = size.to_bytes(4, "little")
        ARCHIVE.write_bytes(bytes(data))

    return spoil


def absolute(pack: Callable[[str], Spoil]) -> Spoil:
    """Pack a member with an absolute path (into the working directory, should it be followed)."""
    return lambda place: pack(str(Path("climbed").resolve()))(place)


def room(free: int) -> Spoil:
    """Leave ``free`` bytes on the disk."""
    usage = shutil.disk_usage(".")._replace(free=free)
    return lambda place: place.monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


# Spoiling downloads.


def holds(data: bytes) -> Spoil:
    return lambda place: place.site.files.update({"/volume": data})


def cuts(*after: int) -> Spoil:
    """Break the next answers off after so many bytes."""
    return lambda place: place.site.cut.update({"/volume": list(after)})


def answers(status: int, times: int = 99, **headers: str) -> Spoil:
    def spoil(place: Place) -> None:
        place.site.status["/volume"] = [status] * times
        place.site.headers["/volume"] = headers

    return spoil


def pauses(*seconds: float) -> Spoil:
    """Let the next answers pause half-way; who waits gives up after a tenth of a second."""

    def spoil(place: Place) -> None:
        place.monkeypatch.setattr(download, "TIMEOUTS", (5.0, 0.1))
        place.site.pauses["/volume"] = list(seconds)

    return spoil


def slow(place: Place) -> None:
    """Let any download take long enough for a line of progress."""
    place.monkeypatch.setattr(download, "PROGRESS", 0.0)


def no_server(place: Place) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        place.url = f"http://127.0.0.1:{unused.getsockname()[1]}/volume"


def no_network(place: Place) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    place.monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        place.monkeypatch.delenv(variable, raising=False)
    place.url = "http://medley.invalid/volume"


# Spoiling trainings.


def in_epoch(number: int, happens: Callable[[Any], Any]) -> Spoil:
    """Let ``happens`` change the loss, or raise, in one epoch."""

    def spoil(place: Place) -> None:
        forward = train.Run._forward

        def spoilt(self: Any, *batch: Any) -> Any:
            loss, *others = forward(self, *batch)
            return happens(loss) if self.epoch + 1 == number else loss, *others

        place.monkeypatch.setattr(train.Run, "_forward", spoilt)

    return spoil


def raises(error: Exception) -> Callable[[Any], Any]:
    def happens(_: Any) -> Any:
        raise error

    return happens
