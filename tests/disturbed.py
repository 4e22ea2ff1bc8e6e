"""A workflow as small as it can be, to be killed, starved and looked at: for the tests of faults."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.test_workflow import change, copy_workflow

RESULTS = Path("results/demo")
SPLIT = RESULTS / "acdc/acdc/single"
TRAINING = SPLIT / "members/fpn/fold-0/seed-0"
MODEL = TRAINING / "model.safetensors"
PREDICTION = TRAINING / "prediction.json"
ENSEMBLE = SPLIT / "ensembles/mean/seed-0"
TABLE = RESULTS / "acdc/tables/accuracy.csv"
# What a run measures of itself; all else is the same in every run.
MEASURED = {"attempts", "images_per_second", "peak_memory_mb"}
PATIENCE = 300  # seconds for what takes a few on an idle machine


class Workflow:
    """A copy of the workflow in a folder of its own: one member, one ensemble, one table, on phantoms."""

    def __init__(self, folder: Path, like: "Workflow | None" = None) -> None:
        """Copy this repository's workflow, or the files of another copy, in which nothing has run."""
        self.folder = folder
        if like:
            left = {"results", ".snakemake"}
            shutil.copytree(like.folder, folder, ignore=lambda at, _: left if Path(at) == like.folder else set())
        else:
            change(copy_workflow(folder), _shrink)

    def __truediv__(self, path: Path | str) -> Path:
        return self.folder / path

    def start(self, *arguments: object, **more: Any) -> subprocess.Popen[bytes]:
        """Start Snakemake; what it says goes into the file ``said``, since orphans would keep a pipe open."""
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *map(str, arguments), "--config", "preset=demo"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with (self / "said").open("wb") as said:
            return subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=said, stderr=subprocess.STDOUT, **more
            )

    def run(self, *arguments: object, **more: Any) -> int:
        """Run Snakemake and return its exit status."""
        return self.start(*arguments, **more).wait(PATIENCE)

    def said(self) -> str:
        """Return what the last Snakemake said."""
        return (self / "said").read_text()

    def scripts(self) -> dict[int, str]:
        """Return the processes of this workflow's jobs: number → name of the script."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                words = _read(entry / "cmdline").split(b"\0")
                if len(words) > 1 and words[1].startswith(f"{self.folder}/.snakemake/scripts/".encode()):
                    found[int(entry.name)] = words[1].decode().split(".")[-2]
        return found

    def script(self) -> int:
        """Return the process of the job that is being started, as soon as it is there."""
        return wait_for(lambda: next(iter(self.scripts()), None))

    def content(self) -> dict[str, str]:
        """Return a checksum of each file of results, without logs, states and what a run measures of itself."""
        skipped = {"logs", "benchmarks", "state"}  # as all whose name begins with a dot: half-written, or Snakemake's
        found = {}
        for path in sorted((self / "results").rglob("*")):
            inside = path.relative_to(self.folder)
            if path.is_file() and not any(part in skipped or part.startswith(".") for part in inside.parts):
                found[str(inside)] = hashlib.sha256(_unmeasured(path)).hexdigest()
        return found

    def parts(self) -> list[Path]:
        """Return all that was left half-written."""
        return list((self / "results").rglob(".*.part"))

    def forget(self, *paths: Path) -> None:
        """Remove files and folders."""
        for path in paths:
            shutil.rmtree(self / path) if (self / path).is_dir() else (self / path).unlink(missing_ok=True)


def wait_for(question: Any) -> Any:
    """Return the first answer that is true."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        if answer := question():
            return answer
        time.sleep(0.005)
    raise TimeoutError(question)


def _shrink(config: dict[str, Any]) -> None:
    config["presets"]["demo"].update(image_scale=0.25, epochs=4, leave_out=[])
    config["recipes"]["minmax_pad"]["shape"] = [192, 256, 4]
    study = config["studies"]["acdc"]
    study["training"]["encoder"] = "resnet18"
    study["members"] = {"fpn": study["members"]["fpn"]}
    study["ensembles"] = {"mean": {"kind": "mean", "of": ["fpn"]}}
    study["protocols"] = {"as_reported": {"split": "single", "predictors": ["fpn", "mean"], "batches": 25}}
    study.update(tables=["accuracy"], figures=[])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # a process that has just ended
        return b""


def _is_measured(key: str) -> bool:
    return key in MEASURED or key.endswith("seconds")


def _unmeasured(path: Path) -> bytes:
    """Return a file's bytes without what a run measures of itself."""
    if path.name in ("run.json", "prediction.json"):
        record = json.loads(path.read_text())
        return json.dumps({key: value for key, value in record.items() if not _is_measured(key)}).encode()
    if path.name == "history.csv":
        return b"\n".join(line.rsplit(b",", 1)[0] for line in path.read_bytes().splitlines())
    return path.read_bytes()
