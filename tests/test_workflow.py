"""The workflow itself: what is planned, what is run again, and a whole small run on phantoms."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "rules", "scripts", "envs", "docs/published.csv")
STAGES = (
    "acquire", "index", "inspect", "split", "preprocess", "train", "predict", "ensembles", "evaluate", "tables",
    "figures", "all", "acdc",
)  # fmt: skip
DEMO = ("--config", "preset=demo")
LEARNING = {"train_member", "predict_member"}


def copy_workflow(folder: Path, config: Path = ROOT / "tests" / "workflow.yaml") -> Path:
    """Copy what the workflow consists of, with ``config`` as its config.yaml."""
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (folder / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / part, folder / part)
    shutil.copy(config, folder / "config.yaml")
    return folder


def change(folder: Path, edit) -> None:
    """Edit the copy's config.yaml."""
    path = folder / "config.yaml"
    config = yaml.safe_load(path.read_text())
    edit(config)
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in ``folder``."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def planned(folder: Path, *arguments: str) -> dict[str, int]:
    """Return how many jobs of each rule a dry run plans."""
    result = snakemake(folder, "--dry-run", *arguments)
    assert result.returncode == 0, result.stderr
    stats = result.stdout.partition("Job stats:")[2].partition("\n\n")[0]
    counts = {rule: int(count) for rule, count in re.findall(r"^(\w+)\s+(\d+)$", stats, re.MULTILINE)}
    return {rule: count for rule, count in counts.items() if rule != "total"}


def content(folder: Path) -> dict[str, str]:
    """Return the checksum of every file below ``folder``."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A workflow in which nothing has run."""
    return copy_workflow(tmp_path_factory.mktemp("fresh"))


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A workflow whose demo has run to the end."""
    folder = copy_workflow(tmp_path_factory.mktemp("done"))
    result = snakemake(folder, "all", *DEMO)
    assert result.returncode == 0, result.stderr[-5000:]
    return folder


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_and_study_is_a_target(fresh, stage):
    assert planned(fresh, stage, *DEMO)
    assert planned(fresh, stage)


@pytest.mark.parametrize("preset", [(), DEMO], ids=["full", "demo"])
def test_the_projects_configuration_can_be_planned(tmp_path, preset):
    assert planned(copy_workflow(tmp_path, ROOT / "config.yaml"), "all", *preset)


def test_every_table_and_figure_is_a_target(fresh):
    study = yaml.safe_load((fresh / "config.yaml").read_text())["studies"]["acdc"]
    for table in study["tables"]:
        assert planned(fresh, f"results/acdc/tables/{table}.csv")[f"tabulate_{table}"] == 1
    for figure in study["figures"]:
        assert planned(fresh, f"results/acdc/figures/{figure}.png")[f"plot_{figure}"] == 1


def test_one_figure_needs_only_its_members(fresh):
    jobs = planned(fresh, "results/demo/acdc/figures/accuracy_per_batch.png", *DEMO)
    assert jobs["train_member"] == 2  # the two members on the single split, no folds, no four-class members


def test_full_run_trains_each_member_once_per_fold(fresh):
    # as reported: four binary members on one split; audited: these and two four-class ones on five folds
    assert planned(fresh, "train")["train_member"] == 4 + 6 * 5
    assert planned(fresh, "train")["download_weights"] == 1


@pytest.mark.parametrize("target", ["results/demo/acdc/tables/accuracy.csv", "results/demo/datasets/acdc/cases.csv"])
def test_demo_target_without_the_preset_stops(fresh, target):
    result = snakemake(fresh, "--dry-run", target)
    assert result.returncode != 0
    assert target in result.stderr + result.stdout


def test_wrong_key_stops_before_any_job_with_one_message(fresh, tmp_path):
    folder = copy_workflow(tmp_path)

    def misspell(config):
        config["studies"]["acdc"]["ensembles"]["weighted"]["weights"] = {"deeplabv3plus": 0.6, "fnp": 0.4}

    change(folder, misspell)
    result = snakemake(folder, "--dry-run", "all")
    assert result.returncode != 0
    output = result.stderr + result.stdout  # a dry run logs to stdout
    assert "studies.acdc.ensembles.weighted.weights: no member 'fnp'; did you mean 'fpn'?" in output
    assert "Traceback" not in output


@pytest.mark.slow
class TestAfterADemo:
    """What a finished run leaves, and what a second one does."""

    def test_everything_is_there(self, done):
        study = yaml.safe_load((done / "config.yaml").read_text())["studies"]["acdc"]
        for table in study["tables"]:
            for ending in ("csv", "tex", "md", "json"):
                assert (done / f"results/demo/acdc/tables/{table}.{ending}").stat().st_size
        for figure in study["figures"]:
            for ending in ("png", "pdf", "json"):
                assert (done / f"results/demo/acdc/figures/{figure}.{ending}").stat().st_size
        assert yaml.safe_load((done / "results/demo/config.yaml").read_text())["preset"] == "demo"

    def test_second_run_does_nothing(self, done):
        result = snakemake(done, "all", *DEMO)
        assert result.returncode == 0
        assert "Nothing to be done" in result.stderr + result.stdout

    def test_missing_weights_are_a_row(self, done):
        text = (done / "results/demo/acdc/tables/accuracy.md").read_text()
        assert "not run: weights missing" in text
        assert "hantom" in text

    def test_full_run_and_demo_beside_each_other_touch_no_file_of_the_other(self, done):
        demo = content(done / "results/demo")
        change(done, lambda config: config["datasets"]["acdc"].update(source={"kind": "phantom"}))
        change(done, lambda config: config.update(phantom_cases=8, image_scale=0.25))
        assert snakemake(done, "split").returncode == 0
        assert (done / "results/acdc/acdc/single/split.csv").exists()
        assert content(done / "results/demo") == demo
        full = {path: digest for path, digest in content(done / "results").items() if not path.startswith("demo/")}
        (done / "results/demo/acdc/tables/cost.csv").unlink()
        assert snakemake(done, "tables", *DEMO).returncode == 0
        assert (done / "results/demo/acdc/tables/cost.csv").exists()
        after = {path: digest for path, digest in content(done / "results").items() if not path.startswith("demo/")}
        assert after == full

    def test_ensemble_stage_again_trains_nothing(self, done):
        jobs = planned(done, "all", *DEMO, "-R", "build_ensemble")
        assert jobs["build_ensemble"] > 0
        assert not LEARNING & set(jobs)

    def test_other_weights_rebuild_one_ensemble(self, done):
        original = (done / "config.yaml").read_text()
        change(
            done,
            lambda config: config["studies"]["acdc"]["ensembles"]["weighted"].update(
                weights={"deeplabv3plus": 0.5, "fpn": 0.5}
            ),
        )
        jobs = planned(done, "evaluate", *DEMO)
        (done / "config.yaml").write_text(original)
        assert jobs["build_ensemble"] == 2  # on the single split and on the folds
        assert jobs["evaluate_predictor"] == 2
        assert not LEARNING & set(jobs)

    def test_a_new_member_is_trained_and_no_other(self, done):
        original = (done / "config.yaml").read_text()

        def add(config):
            study = config["studies"]["acdc"]
            study["members"]["fpn-resnet50"] = {**study["members"]["fpn"], "encoder": "resnet50"}
            study["protocols"]["audited"]["predictors"].append("fpn-resnet50")

        change(done, add)
        jobs = planned(done, "all", *DEMO)
        (done / "config.yaml").write_text(original)
        assert jobs["train_member"] == jobs["predict_member"] == 2  # the two folds
        assert jobs["evaluate_predictor"] == 1
        assert "build_ensemble" not in jobs

    @pytest.mark.parametrize(
        ("module", "addition", "rerun"),
        [
            ("train.py", "# a comment\n", set()),
            ("train.py", "UNUSED = 1\n", {"train_member", "predict_member", "build_ensemble"}),
            ("losses/other.py", '"""Another loss."""\n', set()),
            ("models/other.py", '"""Another network."""\n', set()),
            ("metrics/surface.py", "UNUSED = 1\n", {"evaluate_predictor"}),
        ],
    )
    def test_changed_library_runs_again_what_it_changes(self, done, module, addition, rerun):
        path = done / "scripts/medley" / module
        original = path.read_text() if path.exists() else None
        path.write_text((original or "") + addition)
        jobs = planned(done, "evaluate", *DEMO)
        path.unlink() if original is None else path.write_text(original)
        assert rerun <= set(jobs)
        assert bool(LEARNING & set(jobs)) == ("train_member" in rerun)
        assert bool(set(jobs) - {"evaluate"}) == bool(rerun)
