"""The end of a run in which jobs failed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medley.failures import SHOWN, Failure, summary
from tests.test_workflow import DEMO, ROOT, copy_workflow, snakemake


def test_summary_shows_each_log_s_end_and_the_command(tmp_path: Path) -> None:
    log = tmp_path / "fpn.log"
    log.write_text(
        "".join(f"12:00 INFO epoch {number}\n" for number in range(90)) + "12:01 ERROR loss: is NaN\ncases: a, b\n"
    )
    failure = Failure("train_member", {"study": "acdc", "member": "fpn"}, str(log))
    text = summary([failure], 3, ["-c2", "all", "--config", "results=a b"], ["run.log"])
    lines = text.strip().splitlines()
    assert lines[0] == "1 job failed:"
    assert "train_member  study=acdc, member=fpn" in lines
    at = lines.index(f"  {log} ends with")
    assert lines[at + 1 : at + 6] == [
        *(f"  | 12:00 INFO epoch {number}" for number in (87, 88, 89)),
        "  | 12:01 ERROR loss: is NaN",
        "  | cases: a, b",
    ]
    assert "3 jobs did not run" in lines[-2]
    assert lines[-1] == "    snakemake -c2 all --config 'results=a b' --rerun-incomplete"
    assert "from outside" not in text


def test_summary_stays_short_when_everything_failed(tmp_path: Path) -> None:
    failures = [Failure("train_member", {"fold": str(fold)}, str(tmp_path / f"{fold}.log")) for fold in range(300)]
    text = summary(failures, 0, ["all"], ["run.log"])
    assert len(text.splitlines()) < 60
    assert text.count("train_member") == SHOWN
    assert f"{300 - SHOWN} more, all named in run.log" in text
    assert "did not start" in text  # no log is there


def test_log_of_an_earlier_run_is_not_quoted(tmp_path: Path) -> None:
    log = tmp_path / "fpn.log"
    log.write_text("ERROR of yesterday\n")
    written = log.stat().st_mtime
    failure = Failure("train_member", {}, str(log))
    assert "yesterday" in summary([failure], 0, ["all"], [], since=written - 10)
    text = summary([failure], 0, ["all"], [], since=written + 10)
    assert "yesterday" not in text and "did not start" in text


def test_command_says_nothing_twice() -> None:
    text = summary([], 0, ["all", "--rerun-incomplete"], ["run.log"])
    assert text.count("--rerun-incomplete") == 1


def test_summary_of_a_stopped_run_speaks_of_no_failure() -> None:
    text = summary([], 7, ["all"], ["run.log"])
    assert "stopped" in text and "7 jobs did not run" in text and "fail" not in text and "cause" not in text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "'sbatch: error: invalid partition specified: x\nsbatch: error: Batch job submission failed: Y'.",
            "slurm/config",
        ),
        ("Job submission failed with exception: [Errno 2] No such file or directory: 'sacct'For", "on a login node"),
    ],
)
def test_summary_says_where_to_change_what_slurm_refused(tmp_path: Path, said: str, shown: str) -> None:
    log = tmp_path / "run.log"
    log.write_text(f"    message: SLURM sbatch failed. The error message was {said}\n" * 3)
    text = summary([], 1, ["all"], [str(log)])
    assert text.count(shown) == 1
    assert text.count("invalid partition specified: x\n") == ("sbatch" in said)
    log.write_text("Finished jobid: 3\n")
    assert shown not in summary([], 1, ["all"], [str(log)])


def test_summary_names_a_log_that_slurm_could_not_write(tmp_path: Path) -> None:
    for job in (1, 2):
        (tmp_path / f"{job}.log").touch()
    log = tmp_path / "run.log"
    told = [f"Job 0 has been submitted with SLURM jobid {job} (log: {tmp_path}/{job}.log)." for job in (1, 2, 3)]
    log.write_text("\n".join([*told, "    message: SLURM-job '2' failed, SLURM status is: 'FAILED'."]))
    assert "could not write" not in summary([], 1, ["all"], [str(log)])
    (tmp_path / "2.log").unlink()
    assert f"could not write {tmp_path}/2.log:" in summary([], 1, ["all"], [str(log)])


@pytest.mark.slow
def test_run_ends_with_what_failed_and_how_to_go_on(tmp_path: Path) -> None:
    folder = copy_workflow(tmp_path)
    with (folder / "scripts" / "medley" / "splits.py").open("a") as module:
        module.write(
            "\nfrom medley.errors import InputError\n"
            'def split_cases(cases, specification):\n    raise InputError("quality.csv: too few\\nadd patients")\n'
        )
    with (folder / "scripts" / "medley" / "preprocess.py").open("a") as module:
        module.write("\nimport os\ndef geometry(*_):\n    os.kill(os.getpid(), 9)\n")
    arguments = ["split", "preprocess", "--keep-going", "--retries", "1", *DEMO]
    result = snakemake(folder, *arguments)
    assert result.returncode != 0
    end = result.stderr.partition("Exiting because a job execution failed")[2].splitlines()
    assert "4 jobs failed:" in end
    for split in ("folds", "single"):
        log = f"results/demo/logs/split_cases/acdc/acdc/{split}.log"
        at = end.index(f"split_cases  study=acdc, dataset=acdc, split={split}")
        assert end[at + 1] == f"  {log} ends with"
        quoted = [line.removeprefix("  | ") for line in end[at + 2 :] if line.startswith("  | ")][:3]
        assert quoted == (folder / log).read_text().splitlines()
        assert quoted[1].endswith("ERROR quality.csv: too few") and quoted[2] == "add patients"
    for recipe in ("audited", "minmax_pad"):
        at = end.index(f"preprocess_cases  dataset=acdc, recipe={recipe}")
        assert "ended from outside" in "\n".join(end[at : at + 4])
    (command,) = (line for line in end if line.startswith("    snakemake "))
    assert command == f"    snakemake --cores 2 {' '.join(arguments)} --rerun-incomplete"
    assert len(end) < 40
    # What the summary promises: once the cause is mended, that command goes on.
    for name in ("splits", "preprocess"):
        shutil.copy(ROOT / f"scripts/medley/{name}.py", folder / "scripts/medley")
    mended = snakemake(folder, *command.split()[3:])
    assert mended.returncode == 0
    assert "make_phantom" not in mended.stderr and "jobs failed" not in mended.stderr


@pytest.mark.slow
def test_run_that_was_stopped_goes_on_with_the_command_it_ends_with(tmp_path: Path) -> None:
    folder = copy_workflow(tmp_path)
    module = folder / "scripts" / "medley" / "quality.py"
    original = module.read_text()
    module.write_text(f"{original}\nimport time\nopen('began', 'w').close()\ntime.sleep(5)\n")
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "results/demo/datasets/acdc/quality.csv", *DEMO]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as run:
        while not (folder / "began").exists():
            assert run.poll() is None
            time.sleep(0.05)
        os.kill(run.pid, signal.SIGINT)  # as Ctrl-C does, to the main process alone
        _, errors = run.communicate()
    assert run.returncode != 0
    end = errors.splitlines()
    assert "The run was stopped." in end
    (command_line,) = (line for line in end if line.startswith("    snakemake "))
    module.write_text(original)
    assert snakemake(folder, *command_line.split()[3:]).returncode == 0
    assert (folder / "results/demo/datasets/acdc/quality.csv").exists()
