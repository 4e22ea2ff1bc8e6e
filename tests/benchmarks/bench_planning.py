"""Planning a large run: ``snakemake -n`` of the workflow with 3,000 trainings, against a bare workflow of as many jobs.

The bare workflow has three rules of one input and one output each. Both plan from nothing, in empty folders.
Time is processor time: planning uses one core and waits for nothing.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[2]
PAIRS = 5
MEMBERS, FOLDS, SEEDS = 50, 2, 30  # 3,000 trainings
GOAL = 1 / 1.5  # at most 1.5 times as long, and as much memory
PLAN = ("-m", "snakemake", "all", "--dry-run", "--quiet", "rules", "--cores", "1")

BARE = """
rule all:
    input:
        expand("evaluated/{{job}}", job=range({jobs})),

rule train:
    output:
        "trained/{{job}}",
    shell:
        "touch {{output}}"

rule predict:
    input:
        "trained/{{job}}",
    output:
        "predicted/{{job}}",
    shell:
        "touch {{output}}"

rule evaluate:
    input:
        "predicted/{{job}}",
    output:
        "evaluated/{{job}}",
    shell:
        "touch {{output}}"
"""


class Plan(NamedTuple):
    """What one dry run took and found."""

    seconds: float
    peak_memory_mb: float
    jobs: dict[str, int]


def run() -> list[dict[str, Any]]:
    """Return one row for the time and one for the memory of planning."""
    with tempfile.TemporaryDirectory() as folder:
        ours, bare = Path(folder, "ours"), Path(folder, "bare")
        for path in (ours, bare):
            path.mkdir()
        ours.joinpath("docs").symlink_to(ROOT / "docs")
        ours.joinpath("config.yaml").write_text(yaml.safe_dump(large_configuration()), encoding="utf-8")
        jobs = plan(ROOT / "Snakefile", ours).jobs
        bare.joinpath("Snakefile").write_text(BARE.format(jobs=jobs["total"] // 3), encoding="utf-8")
        pairs = [(plan(ROOT / "Snakefile", ours), plan(bare / "Snakefile", bare)) for _ in range(PAIRS)]
    bare_jobs = pairs[0][1].jobs["total"]
    note = f"{jobs['total']} jobs, {jobs['train_member']} of them trainings; the bare workflow {bare_jobs}"
    memory = statistics.median(mine.peak_memory_mb for mine, _ in pairs)
    return [
        {
            "name": name,
            "ours": statistics.median(mine[field] for mine, _ in pairs),
            "theirs": statistics.median(theirs[field] for _, theirs in pairs),
            "ratio": statistics.median(theirs[field] / mine[field] for mine, theirs in pairs),
            "goal": GOAL,
            "peak_memory_mb": memory,
            "note": note,
        }
        for field, name in enumerate(["planning, seconds", "planning, memory in MB"])
    ]


def large_configuration() -> dict[str, Any]:
    """Return config.yaml with the study acdc widened to 3,000 trainings on its folds, and no other."""
    with (ROOT / "config.yaml").open(encoding="utf-8") as stream:
        config: dict[str, Any] = yaml.safe_load(stream)
    study = config["studies"]["acdc"]
    template = study["members"]["fpn"]
    study["members"] = {f"fpn-{index}": {**template, "lr": 1e-4 * (1 + index)} for index in range(MEMBERS)}
    members = list(study["members"])
    study["ensembles"] = {"mean": {"kind": "mean", "of": members}}
    study["seeds"] = list(range(SEEDS))
    study["splits"] = {"folds": {**study["splits"]["folds"], "folds": FOLDS}}
    study["protocols"] = {
        "as_reported": {**study["protocols"]["as_reported"], "split": "folds", "predictors": members[:4]},
        "audited": {**study["protocols"]["audited"], "predictors": [*members, "mean"]},
    }
    config["datasets"]["acdc"]["source"] = {"kind": "phantom"}
    config["studies"] = {"acdc": study}
    config["all"] = ["acdc"]
    config["presets"] = {"full": {}}
    return config


def plan(snakefile: Path, folder: Path) -> Plan:
    """Dry-run ``snakefile`` in ``folder``; raises RuntimeError with its last lines when that fails."""
    report = folder / "plan.txt"
    with report.open("w", encoding="utf-8") as stream:
        command = [sys.executable, *PLAN, "--snakefile", str(snakefile), "--directory", str(folder)]
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    text = report.read_text(encoding="utf-8")
    if process.returncode:
        raise RuntimeError(f"{snakefile} cannot be planned: {text[-2000:]}")
    return Plan(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, counts(text))


def counts(report: str) -> dict[str, int]:
    """Return the number of jobs per rule, and in total, from a dry run's table of job counts."""
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", report, flags=re.MULTILINE)}
