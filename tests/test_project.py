"""The project's own rules: pins, layers, sizes, and nothing that holds on one machine only."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from medley import plan
from medley.config import read, resolve
from medley.errors import InputError
from tests.benchmarks.bench_planning import large_configuration

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "scripts" / "medley"
LOCK = (ROOT / "envs" / "requirements.txt").read_text(encoding="utf-8")
# The modules of training and prediction.
TORCH = {
    "activations", "adversary", "deep_supervision", "losses", "models", "optimisers", "outputs", "precision", "predict",
    "samples", "schedules", "stages", "state", "train", "validation",
}  # fmt: skip


def locked() -> list[tuple[Requirement, list[str]]]:
    """Return each requirement of the lock file with its hashes."""
    text = re.sub(r"^\s*#.*\n", "", LOCK, flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line.split("--hash=") for line in text.splitlines()]
    return [(Requirement(first.strip()), [value.strip() for value in rest]) for first, *rest in lines]


def imports(path: Path) -> Iterator[str]:
    """Yield the names of the modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_lock_pins_each_package_once_with_hashes() -> None:
    names = [requirement.name for requirement, _ in locked()]
    assert len(names) > 100
    assert len(set(names)) == len(names)
    for requirement, hashes in locked():
        assert re.fullmatch(r"==[0-9a-z.]+", str(requirement.specifier)), f"{requirement} is not a public version"
        assert hashes, f"{requirement} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes)


def test_lock_names_no_index() -> None:
    for line in LOCK.splitlines():
        assert not line.startswith("--")
        assert "://" not in line and "@ " not in line


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_lock_holds_what_is_asked_for(python: str) -> None:
    environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    found = {
        requirement.name: requirement.specifier
        for requirement, _ in locked()
        if requirement.marker is None or requirement.marker.evaluate(environment)
    }
    for line in (ROOT / "envs" / "requirements.in").read_text(encoding="utf-8").splitlines():
        if text := line.split("#")[0].strip():
            asked = Requirement(text)
            assert found[asked.name] == asked.specifier


def test_no_file_holds_what_is_true_on_one_machine_only() -> None:
    folders = "|".join(["work", "root", "home", "tmp", "opt"])
    hosts = "|".join(["py" + r"pi\.org", "python" + "hosted", "files" + r"\.python"])
    forbidden = re.compile(rf"(?<![\w.}}>$/])/({folders})/|{hosts}")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        try:
            lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        except UnicodeDecodeError:
            continue  # a picture
        for number, line in enumerate(lines, start=1):
            assert not forbidden.search(line), f"{name}:{number}: {line}"


@pytest.mark.parametrize(
    "path", [ROOT / "Snakefile", *sorted((ROOT / "scripts").glob("*.py"))], ids=lambda path: path.name
)
def test_snakefile_and_scripts_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 60


@pytest.mark.parametrize("path", sorted(LIBRARY.rglob("*.py")), ids=lambda path: str(path.relative_to(LIBRARY)))
def test_modules_are_short_and_keep_to_their_layer(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 300
    packages = {name.partition(".")[0] for name in imports(path)}
    assert "snakemake" not in packages
    heavy = packages & {"torch", "torchvision", "segmentation_models_pytorch", "timm", "monai"}
    assert not heavy or path.relative_to(LIBRARY).parts[0].removesuffix(".py") in TORCH


def test_planning_imports_nothing_heavy() -> None:
    """Every job parses the workflow again, so what the rules import must be cheap."""
    rules = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "rules").glob("*.smk")))
    statements = re.findall(r"^from medley\S* import (?:\([^)]*\)|[^(\n]+)$", rules, flags=re.MULTILINE)
    assert statements
    heavy = ["torch", "pandas", "matplotlib", "scipy", "sklearn", "nibabel", "monai", "albumentations"]
    program = "\n".join([*statements, "import sys", f"print(sorted(set(sys.modules) & set({heavy})))"])
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT / "scripts", check=True, capture_output=True, text=True
    )
    assert answer.stdout.strip() == "[]"


def test_readme_names_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    pages = [ROOT / "README.md", ROOT / "slurm" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    named = {
        name
        for page in pages
        for name in re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    }
    assert named
    assert named <= targets


def test_member_of_the_readme_is_trained_and_judged(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    diff = re.findall(r"^```diff\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert len(diff) == 1
    shutil.copy(ROOT / "config.yaml", tmp_path)

    def apply(*options: str) -> bool:
        command = ["git", "apply", *options]
        return not subprocess.run(command, cwd=tmp_path, input=diff[0], text=True, capture_output=True).returncode

    assert apply() or apply("--check", "--reverse"), "README's diff neither applies to config.yaml nor is it in there"
    resolved = resolve(read(tmp_path / "config.yaml"))
    protocols = resolved["studies"]["acdc"]["protocols"].values()
    splits = {protocol["split"] for protocol in protocols}
    assert splits == {t.split for t in plan.trainings(resolved, "acdc") if t.member == "fpn-resnet50"}
    assert splits == {e.split for e in plan.evaluations(resolved, "acdc") if e.predictor == "fpn-resnet50"}


def test_mistake_of_the_readme_is_named_in_its_words(tmp_path: Path) -> None:
    config = read(ROOT / "config.yaml")
    study = config["studies"]["acdc"]
    study["members"]["fpn-resnet50"] = dict(study["members"]["fpn"])
    study["ensembles"]["three"] = {"kind": "mean", "of": ["deeplabv3plus", "fpn", "fpn-resnet5"]}
    with pytest.raises(InputError) as error:
        resolve(config)
    assert f"`{error.value}`" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_slurm_profile_names_rules() -> None:
    profile = yaml.safe_load((ROOT / "slurm" / "config.yaml").read_text(encoding="utf-8"))
    rules = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "rules").glob("*.smk"))
    for rule in profile["set-resources"]:
        assert re.search(rf"^rule {rule}:$", rules, flags=re.MULTILINE), f"no rule {rule}"


def test_planning_benchmark_is_a_run_of_3000_trainings() -> None:
    assert len(plan.trainings(resolve(large_configuration()), "acdc")) == 3000
