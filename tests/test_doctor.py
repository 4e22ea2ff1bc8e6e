"""`make doctor`: what it says of machines that have and lack what a run needs."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from medley.config import read, resolve
from medley.datasets import gi_tract_download
from medley.doctor import Finding, environment, machine, sources
from medley.doctor.machine import Card
from tests.web_server import Site, serve

ROOT = Path(__file__).parents[1]
H100 = Card("NVIDIA H100 80GB HBM3", "81559 MiB", "580.65.06")
TORCH_SEES = {"device": H100.name, "precision": "bfloat16", "flags": []}
TORCH_BLIND = {"device": "cpu", "precision": "float32", "flags": []}


def program(folder: Path, name: str, text: str) -> None:
    """Put a shell script into a folder of the PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone, as far as the doctor looks at it, without an environment."""
    folder = tmp_path / "clone"
    for part in ("scripts", "envs", "rules/schemas"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("Makefile", "config.yaml"):
        shutil.copy(ROOT / part, folder)
    return folder


@pytest.fixture
def installed(clone: Path) -> Path:
    """A clone whose environment holds what the lock file says of three packages."""
    packages = clone / ".venv/lib/python3.11/site-packages"
    packages.mkdir(parents=True)
    (clone / ".venv/bin").mkdir()
    (clone / ".venv/bin/python").touch()
    shutil.copy(clone / environment.LOCK, clone / ".venv")
    lock = (ROOT / environment.LOCK).read_text()
    for name in environment.SHOWN:
        version = lock.partition(f"\n{name}==")[2].split()[0]
        info = packages / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return clone


def replace_in(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


class TestEnvironment:
    def test_packages_as_pinned(self, installed: Path) -> None:
        finding = environment.packages(installed)
        assert finding.status == "ok" and "torchvision 0." in finding.text

    def test_local_tag_and_index_of_another_build(self, installed: Path) -> None:
        (metadata,) = installed.glob(".venv/lib/*/*/torch-*/METADATA")
        version = metadata.read_text().split()[-1]
        replace_in(metadata, version, f"{version}+cu126")
        (installed / ".venv/torch-index").write_text("https://wheels.example/cu126\n")
        finding = environment.packages(installed)
        assert finding.status == "ok"
        assert f"torch {version}+cu126" in finding.text and "from https://wheels.example/cu126" in finding.text

    def test_another_version(self, installed: Path) -> None:
        (metadata,) = installed.glob(".venv/lib/*/*/torchvision-*/METADATA")
        replace_in(metadata, "Version: 0.", "Version: 7.")
        finding = environment.packages(installed)
        assert finding.status == "problem" and "torchvision 7." in finding.text and "make env" in finding.advice

    def test_missing_package(self, installed: Path) -> None:
        (folder,) = installed.glob(".venv/lib/*/*/torchvision-*")
        shutil.rmtree(folder)
        assert "torchvision missing" in environment.packages(installed).text

    def test_changed_lock(self, installed: Path) -> None:
        replace_in(installed / environment.LOCK, "timm==", "timm==9.")
        finding = environment.packages(installed)
        assert finding.status == "problem" and "has changed" in finding.text and finding.advice == "make env"

    def test_unfinished_installation(self, installed: Path) -> None:
        (installed / ".venv/requirements.txt").unlink()
        assert "did not finish" in environment.packages(installed).text

    def test_cuda_of_the_build_that_is_there_and_of_the_one_to_come(self, installed: Path) -> None:
        assert environment.torch_cuda(installed) == 13  # of the lock file
        (installed / ".venv/lib/python3.11/site-packages/torch").mkdir()
        version = installed / ".venv/lib/python3.11/site-packages/torch/version.py"
        version.write_text("__version__ = '2.14.1+cu126'\ncuda: Optional[str] = '12.6'\nhip: Optional[str] = None\n")
        assert environment.torch_cuda(installed) == 12
        version.write_text("__version__ = '2.14.1+cpu'\ncuda: Optional[str] = None\nhip: Optional[str] = '6.4'\n")
        assert environment.torch_cuda(installed) is None

    def test_cuda_is_torch_s_own(self) -> None:
        import torch

        assert environment.torch_cuda(ROOT) == (int(torch.version.cuda.split(".")[0]) if torch.version.cuda else None)


class TestGpu:
    def test_in_use(self) -> None:
        finding = machine.gpu([H100, H100], TORCH_SEES, 13)
        assert finding.status == "ok"
        assert "2 × NVIDIA H100" in finding.text and "580.65.06" in finding.text and "bfloat16" in finding.text

    def test_none(self) -> None:
        assert machine.gpu([], TORCH_BLIND, 13).status == "note"

    @pytest.mark.parametrize(("driver", "advised"), [("550.54.15", "CUDA 12"), ("525.60.13", "CUDA 12")])
    def test_driver_older_than_torch_s_build(self, driver: str, advised: str) -> None:
        finding = machine.gpu([Card("NVIDIA A100", "40960 MiB", driver)], TORCH_BLIND, 13)
        assert finding.status == "note"
        assert f"driver {driver}" in finding.text and "CUDA 13" in finding.text and "580" in finding.text
        assert "make env TORCH_INDEX=" in finding.advice and advised in finding.advice

    def test_driver_older_than_any_build(self) -> None:
        finding = machine.gpu([Card("Tesla K80", "11441 MiB", "470.82.01")], TORCH_BLIND, 13)
        assert finding.status == "note" and finding.advice == "ask for a newer driver"

    def test_older_driver_with_a_build_for_it(self) -> None:
        assert machine.gpu([Card("NVIDIA A100", "40960 MiB", "550.54.15")], TORCH_SEES, 12).status == "ok"

    def test_driver_is_judged_before_there_is_an_environment(self) -> None:
        assert "TORCH_INDEX" in machine.gpu([Card("NVIDIA A100", "40960 MiB", "550.54.15")], None, 13).advice

    def test_hidden_from_torch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        finding = machine.gpu([H100], TORCH_BLIND, 13)
        assert (
            finding.status == "note" and "does not see it" in finding.text and "CUDA_VISIBLE_DEVICES" in finding.advice
        )

    def test_as_nvidia_smi_lists_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        program(tmp_path, "nvidia-smi", "echo 'NVIDIA H100 80GB HBM3, 81559 MiB, 580.65.06'")
        assert machine.cards() == [H100]
        program(tmp_path, "nvidia-smi", "echo 'NVIDIA-SMI has failed.\nDriver/library version mismatch'; exit 18")
        assert machine.cards() == "Driver/library version mismatch"
        assert machine.gpu(machine.cards(), TORCH_BLIND, 13).status == "note"
        program(tmp_path, "nvidia-smi", "echo 'No devices were found'; exit 6")
        assert machine.gpu(machine.cards(), TORCH_BLIND, 13).status == "note"

    def test_no_nvidia_smi(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "")
        assert machine.cards() == []


class TestMachine:
    def test_disk_too_small(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=11e9))
        (finding,) = machine.disk(tmp_path, {"results": 12, "data": 0.2})
        assert finding.status == "problem" and "11 GB free" in finding.text and "results/ 12" in finding.text
        (finding,) = machine.disk(tmp_path, {"results": 10, "data": 0.2})
        assert finding.status == "ok"
        (finding,) = machine.disk(tmp_path, {"results": 10, "data": 2})  # together they do not fit
        assert finding.status == "problem"

    @pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no second file system here")
    def test_results_on_another_disk(self, tmp_path: Path) -> None:
        (tmp_path / "results").symlink_to("/dev/shm")
        assert len(list(machine.disk(tmp_path, {"results": 0.001, "data": 0.001}))) == 2

    def test_write_access(self, tmp_path: Path) -> None:
        assert machine.write_access(tmp_path).status == "ok"
        assert list(tmp_path.iterdir()) == []

    def test_link_into_nowhere(self, tmp_path: Path) -> None:
        (tmp_path / "results").symlink_to(tmp_path / "scratch")
        finding = machine.write_access(tmp_path)
        assert finding.status == "problem" and "results" in finding.text and "scratch" in finding.text

    def test_no_write_access(self, tmp_path: Path) -> None:
        (tmp_path / "data").write_text("a file where a folder should be")  # also root cannot write into it
        finding = machine.write_access(tmp_path)
        assert finding.status == "problem" and str(tmp_path / "data") in finding.text

    def test_slurm(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        program(tmp_path, "sbatch", "")
        program(tmp_path, "squeue", "")
        assert machine.slurm().status == "note" and "scancel" in machine.slurm().text
        program(tmp_path, "scancel", "")
        assert machine.slurm().status == "ok"

    def test_torch_that_does_not_load(self, tmp_path: Path) -> None:
        program(
            tmp_path / ".venv/bin", "python", "echo 'Traceback' >&2; echo 'ImportError: libcudart.so.13' >&2; exit 1"
        )
        problem, *_ = machine.processor_and_gpu(machine.probe(tmp_path), 13)
        assert problem.status == "problem" and "ImportError: libcudart.so.13" in problem.text

    def test_torch_answers_as_a_training_would_choose(self) -> None:
        from medley import precision

        found = {finding.check: finding for finding in machine.processor_and_gpu(machine.probe(ROOT), 13)}
        flags = precision.BFLOAT16_FLAGS & precision.processor_flags()
        assert ("bfloat16 (" in found["processor"].text) == bool(flags)
        assert f"{len(os.sched_getaffinity(0))} cores" in found["processor"].text


class TestSources:
    @pytest.fixture
    def config(self) -> dict[str, Any]:
        return read(ROOT / "tests" / "workflow.yaml")

    @pytest.fixture
    def site(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        """Answer in place of the servers of dataset and weights; nothing is there yet."""
        monkeypatch.delenv("SLURM_JOB_ID", raising=False)
        with serve() as site:
            monkeypatch.setattr("medley.datasets.acdc_download.SERVER", f"{site.url}/acdc")
            monkeypatch.setattr("medley.weights.SERVER", site.url)
            yield site

    def weights_path(self) -> str:
        from medley.weights import address

        return "/" + address("resnet34", "imagenet").split("/", 3)[3]

    def found(self, config: dict[str, Any], root: Path) -> dict[str, Finding]:
        return {finding.check: finding for finding in sources.check(resolve(config), root)}

    def test_within_reach(self, config: dict[str, Any], tmp_path: Path, site: Site) -> None:
        site.files = {"/acdc": b"", self.weights_path(): b"weights"}
        found = self.found(config, tmp_path)
        assert {name: finding.status for name, finding in found.items()} == {"acdc": "ok", "weights": "ok"}
        assert site.url in found["acdc"].text

    def test_not_within_reach(self, config: dict[str, Any], tmp_path: Path, site: Site) -> None:
        found = self.found(config, tmp_path)
        assert {name: finding.status for name, finding in found.items()} == {"acdc": "problem", "weights": "problem"}
        assert "answer 404" in found["acdc"].text and "kind: local" in found["acdc"].advice
        assert "data/weights/resnet34/imagenet.safetensors" in found["weights"].advice
        assert "leave_out: [acdc/deeplabv3plus-imagenet, acdc/fpn-imagenet]" in found["weights"].advice

    def test_compute_node_without_network(
        self, config: dict[str, Any], tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SLURM_JOB_ID", "7")
        assert {finding.status for finding in self.found(config, tmp_path).values()} == {"note"}

    def test_already_there(self, config: dict[str, Any], tmp_path: Path, site: Site) -> None:
        for path in ("data/download/acdc/manifest.csv", "data/weights/resnet34/imagenet.safetensors"):
            (tmp_path / path).parent.mkdir(parents=True)
            (tmp_path / path).touch()
        assert {finding.status for finding in self.found(config, tmp_path).values()} == {"ok"}
        assert not site.asked

    def test_begun_download_is_not_there_yet(self, config: dict[str, Any], tmp_path: Path, site: Site) -> None:
        (tmp_path / "data/download/acdc/training").mkdir(parents=True)
        assert self.found(config, tmp_path)["acdc"].status == "problem"

    def test_local_folder(self, config: dict[str, Any], tmp_path: Path, site: Site) -> None:
        config["datasets"]["acdc"]["source"] = {"kind": "local", "path": "data/ACDC"}
        finding = self.found(config, tmp_path)["acdc"]
        assert finding.status == "problem" and "data/ACDC" in finding.text and finding.advice
        (tmp_path / "data/ACDC").mkdir(parents=True)
        assert self.found(config, tmp_path)["acdc"].status == "ok"

    def test_dataset_behind_a_login(
        self, config: dict[str, Any], tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr("medley.datasets.acdc_download.SERVER")
        monkeypatch.setattr("medley.datasets.acdc_download.BY_HAND", "register, then unpack it to data/ACDC")
        finding = self.found(config, tmp_path)["acdc"]
        assert finding.status == "problem" and finding.advice == "register, then unpack it to data/ACDC"

    def test_demo_needs_nothing(self, config: dict[str, Any], tmp_path: Path, site: Site) -> None:
        assert [finding.status for finding in self.found({**config, "preset": "demo"}, tmp_path).values()] == ["ok"]
        assert not site.asked

    def test_studies_that_do_not_run_need_nothing(self, config: dict[str, Any], tmp_path: Path, site: Site) -> None:
        config["leave_out"] = ["acdc/*-imagenet"]
        assert set(self.found(config, tmp_path)) == {"acdc"}

    def test_room_is_that_of_the_trainings(self, config: dict[str, Any]) -> None:
        assert sources.room(resolve(config))["results"] == pytest.approx(34 * 0.35)  # as planned: test_workflow
        demo = sources.room(resolve({**config, "preset": "demo"}))
        assert demo["results"] < 1 and "data" not in demo

    def test_mistake_in_the_configuration(self, tmp_path: Path) -> None:
        (tmp_path / "config.yaml").write_text("preset: full\nstudes: {}\n")
        finding = sources.configuration("full", tmp_path)
        assert isinstance(finding, Finding) and finding.status == "problem" and "studes" in finding.text


class TestCommand:
    """The command itself, in a fresh clone."""

    def doctor(self, clone: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {
            key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "SLURM_JOB_ID")
        }
        command = ["make", "doctor", *arguments]
        return subprocess.run(command, cwd=clone, env=clean | environment, capture_output=True, text=True, check=False)

    def test_before_there_is_an_environment(self, clone: Path, tmp_path: Path) -> None:
        """With a Python that has no packages, as on a fresh machine."""
        program(tmp_path / "bin", "python3", f'exec {Path(sys.executable).resolve()} -S "$@"')
        program(tmp_path / "bin", "nvidia-smi", "echo 'NVIDIA A100-SXM4-40GB, 40960 MiB, 550.54.15'")
        result = self.doctor(clone, PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        assert result.returncode != 0
        assert "Traceback" not in result.stderr
        lines = result.stdout.splitlines()
        assert any(line.startswith("problem  packages") for line in lines)
        assert any(line.startswith("ok       disk") and ".venv/ 7" in line for line in lines)
        assert "make env TORCH_INDEX=URL" in result.stdout
        assert lines[-1].startswith("1 ")

    def test_of_the_demo(self, clone: Path) -> None:
        (clone / ".venv").symlink_to(ROOT / ".venv")
        before = sorted(clone.rglob("*"))
        result = self.doctor(clone, "PRESET=demo")
        assert result.returncode == 0, result.stdout + result.stderr
        assert sorted(path for path in clone.rglob("*") if "__pycache__" not in path.parts) == before
        findings = [line for line in result.stdout.splitlines() if line.startswith(("ok ", "note ", "problem "))]
        checks = [line[9:27].strip() for line in findings]
        assert checks == [
            "Python", "packages", "memory", "disk", "acdc", "chest_xray", "gi_tract", "isic2018",
            "mnms2_la", "mnms2_sa", "write access", "SLURM", "processor", "GPU",
        ]  # fmt: skip
        assert "Nothing" in result.stdout.splitlines()[-1]


def test_data_behind_a_login_need_a_token_or_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path))
    chosen = {"reader": "gi_tract", "source": {"kind": "download"}, "folder": "data/download/gi_tract"}

    def found() -> Finding:
        return sources.dataset("gi_tract", {"datasets": {"gi_tract": chosen}}, tmp_path)

    assert found().status == "problem" and "no token" in found().text and "KAGGLE_API_TOKEN" in str(found().advice)
    archive = tmp_path / chosen["folder"] / gi_tract_download.PACKED
    archive.parent.mkdir(parents=True)
    archive.touch()
    assert found().status == "ok" and "unpacked" in found().text


def test_finding_is_aligned_and_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = str(Finding("problem", "acdc", "word " * 30, "do " * 30)).splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[0].startswith("problem  acdc") and lines[0].index("word") == 27
    assert all(line.startswith(" " * 27) for line in lines[1:])
    assert sum("→" in line for line in lines) == 1
