"""A copy of the workflow in a folder of its own, run by a Snakemake of its own: here or on the cluster."""

import dataclasses
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.slurm.cluster import NAMESPACES, Cluster, wait

ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).with_name("workflow.yaml")
PARTS = ("Snakefile", "rules", "scripts", "envs", "slurm", "docs/published.csv")
RESULTS = Path("results/demo")
PATIENCE = 700.0  # seconds for anything that takes a minute or two on a machine that nobody else uses
# The profile is made for jobs of hours: only its waiting is shortened.
QUICK = (
    *("--slurm-init-seconds-before-status-checks", "2"),
    *("--seconds-between-status-checks", "2"),
    *("--latency-wait", "15"),
)


@dataclasses.dataclass(frozen=True)
class Training:
    """One member on one fold."""

    split: str
    member: str
    fold: int = 0

    @property
    def folder(self) -> Path:
        return RESULTS / "acdc/acdc" / self.split / "members" / self.member / f"fold-{self.fold}" / "seed-0"

    @property
    def model(self) -> str:
        return str(self.folder / "model.safetensors")


class Workflow:
    """A copy of the workflow with tests/slurm/workflow.yaml as its configuration."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.folder, self.cluster, self.path = folder, cluster, os.environ["PATH"]
        for part in PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            (folder / part).parent.mkdir(parents=True, exist_ok=True)
            copy(ROOT / part, folder / part)
        shutil.copy(CONFIG, folder / "config.yaml")
        (folder / ".venv").symlink_to(Path(sys.prefix))

    def snakemake(self, *arguments: str, within: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        """Start Snakemake ``within`` another command; what it says goes to a file that ``said`` reads."""
        command = [*within, ".venv/bin/python", "-m", "snakemake", *arguments]
        environment = {**self.cluster.environment, "PATH": self.path, "OMP_NUM_THREADS": "1"}
        with open(self.folder / "said", "a", encoding="utf-8") as said:
            return self.cluster.start(command, cwd=self.folder, env=environment, stdout=said, stderr=said)

    def run(self, *arguments: str) -> int:
        """Run Snakemake to its end and return its exit status; if it is killed, jobs that run here go with it."""
        return self.snakemake(*arguments, within=NAMESPACES).wait(PATIENCE)

    def on_cluster(self, *arguments: str) -> tuple[str, ...]:
        """Return the arguments of a run by the profile; its jobs are called after this folder."""
        return ("--profile", "slurm", *QUICK, "--slurm-jobname-prefix", self.folder.name, *arguments)

    def as_job(self, *arguments: str) -> str:
        """Submit the main process as a job of its own and return the job."""
        command = ("sbatch", "--parsable", f"--chdir={self.folder}", f"{self.folder}/slurm/main.sh")
        return self.cluster.ask(*command, *self.on_cluster(*arguments)[2:])  # the script names the profile

    def ended(self, job: str) -> str:
        """Wait until a job has ended and return its last state."""
        assert wait(lambda: self.state(job) not in ("PENDING", "RUNNING", "COMPLETING"), PATIENCE)
        return self.state(job)

    def said(self) -> str:
        """Return what all runs of Snakemake have said, those that were jobs first."""
        files = [*sorted((self.folder / "slurm").glob("main-*.log")), self.folder / "said"]
        return "".join(file.read_text(encoding="utf-8") for file in files if file.exists())

    def edit(self, file: str, before: str, after: str) -> None:
        """Replace what must stand in a file of the workflow."""
        text = (self.folder / file).read_text(encoding="utf-8")
        assert before in text, f"{file} holds no {before!r}"
        (self.folder / file).write_text(text.replace(before, after), encoding="utf-8")

    def take_prepared(self, other: "Workflow") -> None:
        """Take over, as hard links, what another copy has made before the trainings."""
        for path in [
            RESULTS / "phantom",
            RESULTS / "datasets",
            *(other.folder / RESULTS).glob("acdc/acdc/*/split.csv"),
        ]:
            source = other.folder / path
            target = self.folder / source.relative_to(other.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, copy_function=os.link)
            else:
                os.link(source, target)

    def jobs(self, *states: str) -> list[str]:
        """Return the numbers of this copy's jobs in SLURM, all or those in ``states``, in order."""
        lines = self.cluster.ask("squeue", "--noheader", "--states=all", "--format=%i %T %j").splitlines()
        rows = [line.split() for line in lines]
        mine = [row for row in rows if row[2].startswith(f"{self.folder.name}_") and (not states or row[1] in states)]
        return sorted((row[0] for row in mine), key=int)

    def state(self, job: str) -> str:
        """Return the state of a job."""
        return self.cluster.ask("squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T")

    def node(self, job: str) -> str:
        """Return the node that a job runs on."""
        return self.cluster.ask("squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%N")

    def log_of(self, job: str) -> str:
        """Return what SLURM wrote down of a job; nothing before it started."""
        found = list((self.folder / "results/logs/slurm").rglob(f"{job}.log"))
        return found[0].read_text(encoding="utf-8", errors="replace") if found else ""

    def epoch(self, training: Training) -> int:
        """Return the last epoch that is saved, 0 for none."""
        files = (self.folder / training.folder / "state").glob("epoch-*.json")
        return max((int(file.stem.removeprefix("epoch-")) for file in files), default=0)

    def underway(self, training: Training) -> int:
        """Wait until a training has two epochs behind it and return the number of the last one."""
        assert wait(lambda: self.epoch(training) >= 2, PATIENCE, 0.05), self.said()[-3000:]
        return self.epoch(training)

    def signal_training(self, number: signal.Signals) -> None:
        """Send a signal to the processes of this copy's trainings alone."""
        scripts = f"{self.folder}/.snakemake/scripts/".encode()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue  # it has just ended
            if len(command) > 1 and command[1].startswith(scripts) and command[1].endswith(b"train_member.py"):
                os.kill(int(process.name), number)

    def planned(self, *arguments: str) -> tuple[dict[str, int], str]:
        """Return how many jobs of each rule a dry run with the profile plans, and all that it says."""
        command = [sys.executable, "-m", "snakemake", *self.on_cluster("--dry-run", *arguments)]
        done = subprocess.run(
            command, cwd=self.folder, env=self.cluster.environment, capture_output=True, text=True, check=True
        )
        stats = done.stdout.partition("Job stats:")[2].partition("\n\n")[0]
        counts = {rule: int(count) for rule, count in re.findall(r"^(\w+)\s+(\d+)$", stats, re.MULTILINE)}
        return {rule: count for rule, count in counts.items() if rule != "total"}, done.stdout


def history(file: Path) -> list[str]:
    """Return the lines of a history.csv without its last column, the seconds of each epoch."""
    return [line.rpartition(",")[0] for line in file.read_text(encoding="utf-8").splitlines()]
