"""`make env`: torch from the default index or from another one, on tiny packages of the same names."""

import base64
import hashlib
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def wheel(index: Path, name: str, version: str, needs: str = "") -> str:
    """Put an empty package into a folder that pip takes for an index; return its SHA-256."""
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    requires = f"Requires-Dist: {needs}\n" if needs else ""
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(text)}\n")
    files[f"{info}/RECORD"] = "".join(rows) + f"{info}/RECORD,,\n"
    folder = index / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in files.items():
            archive.writestr(inner, text)
    (folder / "index.html").write_text(f'<a href="{path.name.replace("+", "%2B")}">{path.name}</a>')
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A Makefile and a lock file, beside two indexes: `default` with CUDA 13, `other` with CUDA 12."""
    default = tmp_path / "default"
    lock = {
        ("torch", "2.1"): wheel(default, "torch", "2.1", "nvidia-cudnn-cu13"),
        ("torchvision", "0.9"): wheel(default, "torchvision", "0.9", "torch"),
        ("nvidia-cudnn-cu13", "9.2"): wheel(default, "nvidia-cudnn-cu13", "9.2"),
        ("timm", "1.0"): wheel(default, "timm", "1.0", "torch"),
    }
    other = tmp_path / "other"
    wheel(other, "torch", "2.1+cu126", "nvidia-cudnn-cu12")
    wheel(other, "torchvision", "0.9+cu126", "torch")
    wheel(other, "nvidia-cudnn-cu12", "9.1")
    folder = tmp_path / "project"
    (folder / "envs").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    lines = [
        f"{name}=={version} \\\n    --hash=sha256:{digest}\n    # via -r in\n"
        for (name, version), digest in lock.items()
    ]
    (folder / "envs" / "requirements.txt").write_text("# pinned\n" + "".join(lines))
    return folder


def make_env(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "MAKE", "TORCH_"))}
    environment |= {"PIP_INDEX_URL": (project.parent / "default").as_uri(), "PIP_CONFIG_FILE": os.devnull}
    command = ["make", "env", *arguments]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def installed(project: Path) -> set[str]:
    names = {
        path.name.removesuffix(".dist-info") for path in project.glob(".venv/lib/python3*/site-packages/*.dist-info")
    }
    return {name for name in names if not name.startswith(("pip-", "setuptools-"))}


DEFAULT = {"torch-2.1", "torchvision-0.9", "nvidia_cudnn_cu13-9.2", "timm-1.0"}
OTHER = {"torch-2.1+cu126", "torchvision-0.9+cu126", "nvidia_cudnn_cu12-9.1", "timm-1.0"}


@pytest.mark.slow
def test_torch_from_another_index_stays_until_it_is_unsaid(project: Path) -> None:
    assert make_env(project).returncode == 0
    assert installed(project) == DEFAULT

    index = (project.parent / "other").as_uri()
    result = make_env(project, f"TORCH_INDEX={index}")
    assert result.returncode == 0, result.stderr
    assert installed(project) == OTHER

    assert "Installing" not in make_env(project).stdout
    lock = project / "envs" / "requirements.txt"
    os.utime(lock, (lock.stat().st_mtime + 3600,) * 2)  # as after a pull
    assert "Installing" in make_env(project).stdout
    assert installed(project) == OTHER

    assert make_env(project, "TORCH_INDEX=").returncode == 0
    assert installed(project) == DEFAULT


@pytest.mark.slow
def test_broken_installation_goes_on_with_the_index_it_began_with(project: Path) -> None:
    index = project.parent / "other"
    hidden = index.rename(project.parent / "unreachable")
    assert make_env(project, f"TORCH_INDEX={index.as_uri()}").returncode != 0
    assert installed(project) == {"timm-1.0"}
    hidden.rename(index)
    assert make_env(project).returncode == 0
    assert installed(project) == OTHER


@pytest.mark.slow
def test_other_packages_keep_their_hashes_with_another_index(project: Path) -> None:
    wheel(project.parent / "default", "timm", "1.0", "torchvision")  # the same version, another package
    result = make_env(project, f"TORCH_INDEX={(project.parent / 'other').as_uri()}")
    assert result.returncode != 0
    assert "HASH" in result.stderr.upper()
    assert installed(project) == set()
