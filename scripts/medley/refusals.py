"""What SLURM said when it took a job not, or could not start one, and what to do about it."""

import re
from collections.abc import Sequence
from pathlib import Path

# What sbatch prints; what the executor says on a machine without SLURM's commands, of a job and of its end.
REFUSAL = re.compile(r"sbatch: error: ([^'\n]+)")
NO_SLURM = re.compile(r"No such file or directory: '(?:sacct|sbatch)'|(?:sacct|sbatch): (?:command )?not found")
SUBMITTED = re.compile(r"with SLURM jobid (\d+) \(log: ([^)\n]+)\)")
FAILED = re.compile(r"SLURM-job '(\d+)' failed")


def refusals(logs: Sequence[str]) -> list[str]:
    """Return why SLURM did not run jobs, as lines for the user; none where it ran all.

    ``logs`` are the files that Snakemake wrote in this run.
    """
    text = "\n".join(Path(log).read_text(encoding="utf-8", errors="replace") for log in logs if Path(log).is_file())
    if NO_SLURM.search(text):
        return [
            "This machine has none of SLURM's commands: start the run on a login node of the cluster, or without "
            "--profile slurm."
        ]
    lines = []
    if said := dict.fromkeys(REFUSAL.findall(text)):  # each once, in order
        lines += [
            "SLURM refused jobs:",
            *(f"  | {line}" for line in said),
            "Partitions, account and GPUs stand at the top of slurm/config.yaml; slurm/README.md says more.",
        ]
    failed = set(FAILED.findall(text))
    if unwritten := [log for job, log in SUBMITTED.findall(text) if job in failed and not Path(log).exists()]:
        lines += [
            f"SLURM could not write {unwritten[0]}: do the compute nodes see this folder? The repository, results/ and "
            "data/ must lie on a file system that they share."
        ]
    return lines
